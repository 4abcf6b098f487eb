"""Coverage of the two kinds of limits of an ICC where scores are normal, and where they are not: synthetic studies.

Three designs (a complete table of 30 targets and 3 raters; 84 targets, 25 of them rated twice by rotating pairs of 3
raters; 46 targets, 12 rated twice, raters not told apart) by three kinds of scores: normal; on a floor, below which
half of the impressions lie; and normal but for a tenth of the targets 3.5 SD below the rest, on which everybody
agrees. The truth of the latter two is the ratio of covariance to variance of two million pairs of ratings by
different raters. Model: exact F or profile likelihood. Jackknife: every target left out once.

Run: OMP_NUM_THREADS=1 python tests/simulations/icc_jackknife.py [studies] [--jobs 2], into icc_jackknife.txt
"""

from __future__ import annotations

import sys
from itertools import combinations

import numpy as np
from spread import run_conditions, taken_out

from doublecode.analysis.ratings.design import Layout, RatingSets
from doublecode.analysis.reliability.anova import complete_block
from doublecode.analysis.reliability.crossed import incomplete_blocks
from doublecode.analysis.reliability.jackknife import jackknifed

SEED = 20261122
FAR, SHARE = -3.5, 0.1
SCORES = ("normal", "floor", "far")
SINGLE = [(1.0, False, "1")]


def layouts() -> dict[str, tuple[Layout, int]]:
    """Layout and number of raters of each design."""
    complete = Layout(np.repeat(np.arange(30), 3), np.tile(np.arange(3), 30), None, tuple("ABC"), True)
    pairs = list(combinations(range(3), 2))
    rows = [(s, r) for s in range(25) for r in pairs[s % 3]] + [(s, s % 3) for s in range(25, 84)]
    target, rater = (np.array(column) for column in zip(*rows, strict=True))
    rotating = Layout(target, rater, None, tuple("ABC"), True)
    target = np.sort(np.concatenate([np.arange(46), np.arange(12)]))
    place = np.concatenate([[0], (target[1:] == target[:-1]).astype(int)])
    return {
        "complete": (complete, 3),
        "rotating": (rotating, 3),
        "one-way": (Layout(target, place, None, (), False), 0),
    }


def scored(level, noise, kind, far):
    """What raters write down: the impression, cut off at the floor, or far below for a few targets."""
    if kind == "far":
        return np.where(far, FAR, level + noise)
    return np.maximum(level + noise, 0.0) if kind == "floor" else level + noise


def simulate(layout, raters, kind, icc, share, n, rng):
    """Ratings (n, n_obs); without known raters the rater's part belongs to the noise."""
    error, shape = (1.0 - icc) / (1.0 + share), (n, layout.n_targets)
    level = rng.normal(0.0, np.sqrt(icc), shape)[:, layout.target]
    noise = rng.normal(0.0, np.sqrt(error), level.shape)
    severity = rng.normal(0.0, np.sqrt(share * error), (n, raters) if raters else level.shape)
    noise += severity[:, layout.rater] if raters else severity
    return scored(level, noise, kind, (rng.random(shape) < SHARE)[:, layout.target])


def truth_of(kind, icc, rng, size=2_000_000):
    """ICC of one rating: covariance over variance of two raters who are strangers to each other."""
    if kind == "normal":
        return icc
    level, far = rng.normal(0.0, np.sqrt(icc), size), rng.random(size) < SHARE
    one, two = (scored(level, rng.normal(0.0, np.sqrt(1.0 - icc), size), kind, far) for _ in range(2))
    return float(np.cov(one, two)[0, 1] / np.mean([one.var(), two.var()]))


def limits(layout, values):
    """Estimate, and lower and upper limit of both kinds, each (n,)."""
    group = RatingSets(layout, values, np.arange(len(values)))
    if layout.complete:
        tables = values.reshape(len(values), layout.n_targets, layout.n_raters)
        block = complete_block(tables, SINGLE, 0.95, known_raters=True)
    else:
        block = incomplete_blocks([group], [SINGLE], 0.95)[0]
    at = [form.definition for form in block.forms].index("A" if layout.known_raters else "1")
    left_out = jackknifed(group, block, 0.95)
    return (block.estimate[:, at], *((one.conf_low[:, at], one.conf_high[:, at]) for one in (block, left_out)))


def conditions():
    """Places of design, scores and truth, and the truth: ICC of one rating and raters' share of the error."""
    for d, (_, raters) in enumerate(layouts().values()):
        for s, kind in enumerate(SCORES):
            for c, (icc, share) in enumerate([(0.3, 0.02), (0.7, 0.02), (0.85, 0.02), (0.7, 0.2)]):
                if share > 0.02 and (not raters or kind != "normal"):
                    continue  # what raters' differences do is shown once in each crossed design
                yield d, s, c, icc, share


def line(d, s, c, icc, share, studies):
    name, (layout, raters) = list(layouts().items())[d]
    kind, rng = SCORES[s], np.random.default_rng([SEED, d, s, c])
    truth = truth_of(kind, icc, rng)
    values = simulate(layout, raters, kind, icc, share, studies, rng)
    estimate, model, left_out = limits(layout, values)
    within, width = zip(
        *(((low <= truth) & (truth <= high), np.median(high - low)) for low, high in (model, left_out)),
        strict=True,
    )
    kept = np.mean(model[0] == left_out[0])
    print(
        f"{name:9s} {kind:7s} {share:8.2f}    {truth:7.3f} {estimate.mean():6.3f}  {within[0].mean():6.3f}"
        f"  {width[0]:5.2f}   {within[1].mean():7.3f}  {width[1]:5.2f}  {kept:5.3f}",
        flush=True,
    )


def main() -> None:
    workers = taken_out(sys.argv)
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"{studies} studies per line, seed {SEED}; Monte-Carlo error of .95 is {np.sqrt(0.0475 / studies):.4f}")
    print("ICC(A,1), or ICC(1,1) of the one-way design; widths are medians\n")
    print("design    scores  rater/error  truth   mean   model  width  jackknife  width  kept")
    run_conditions([(line, *one, studies) for one in conditions()], workers)


if __name__ == "__main__":
    main()
