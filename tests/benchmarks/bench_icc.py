"""ICC against its peers, ratios within one run: pingouin, lmer (if R is there), clusters, and the large case.

Run: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/benchmarks/bench_icc.py
Synthetic data. Medians of rounds of CPU seconds (the machine is shared); peer and ours alternate within a round.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from doublecode.analysis.reliability.anova import complete_block
from doublecode.analysis.reliability.forms import requested
from doublecode.analysis.reliability.interrater import icc

ROUNDS = 5


def timed(function: Callable[[], object], calls: int = 1) -> float:
    """CPU seconds of one call, the mean of `calls`."""
    begun = time.process_time()
    for _ in range(calls):
        function()
    return (time.process_time() - begun) / calls


def rounds(
    peer: Callable[[], object], ours: Callable[[], object], *, calls: int = 1, rounds: int = ROUNDS
) -> tuple[float, float, float]:
    """Median seconds of peer and ours, and the median ratio within a round; ours is the mean of `calls` calls."""
    peer()
    ours()
    pairs = [(timed(peer), timed(ours, calls)) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), ratio


def text_frame(y: np.ndarray) -> pd.DataFrame:
    """Long frame of tables (items, sessions, raters) with ids as labs write them, item after item."""
    items, n, k = y.shape
    letters = np.array(list("ABCDEFGHJKLMNPQRSTUVWXYZ23456789"))
    drawn = np.random.default_rng(5).choice(len(letters) ** 4, n, replace=False)
    sessions = ["S-" + "".join(letters[place // 32 ** np.arange(4) % 32]) for place in drawn]
    names = ["spec", "agree", "set", "review", "motiv", "fit", "resist", "plan"][:items]
    index = pd.MultiIndex.from_product(
        [names, sessions, [f"R{j + 1}" for j in range(k)]], names=["item", "session", "rater"]
    )
    return pd.DataFrame({"score": y.ravel()}, index=index).reset_index()


def complete_table() -> None:
    import pingouin

    rng = np.random.default_rng(1)
    n, k, items = 200, 5, 8
    y = rng.normal(size=(items, n, 1)) + 0.4 * rng.normal(size=(items, 1, k)) + rng.normal(size=(items, n, k))
    frame = text_frame(y)
    ids = ["item", "session", "rater"]
    names = {"targets": "session", "raters": "rater", "ratings": "score"}

    def peer(data: pd.DataFrame) -> None:
        for _, part in data.groupby("item"):
            pingouin.intraclass_corr(part, **names)

    print("complete, 200 × 5 × 8 items, long frame in, frame out; pingouin is called once per item")
    print("  the same frame for both, ids are text (S-7KQ2, R3, spec); 25 rounds, ours the mean of 20 calls a round")
    points = frame.assign(score=np.clip(np.round(4 + frame["score"]), 1, 7))
    own_texts = frame.assign(**{name: ["".join(list(text)) for text in frame[name]] for name in ids})
    for what, data in (
        ("text ids, item after item (as melted or read from a file)", frame),
        ("text ids, sorted by session and rater", frame.sort_values(["session", "rater"], ignore_index=True)),
        ("text ids, rows shuffled", frame.sample(frac=1, random_state=0)),
        ("text ids, each row with a string object of its own", own_texts),
        ("the same as Python objects, not pandas' type of text", own_texts.astype(dict.fromkeys(ids, object))),
        ("text ids, ratings 1–7", points),
        ("ids as categories", frame.astype(dict.fromkeys(ids, "category"))),
        ("ids as integers", frame.assign(**{name: pd.factorize(frame[name])[0] for name in ids})),
    ):
        theirs, mine, ratio = rounds(partial(peer, data), partial(icc, data, **names, by="item"), calls=20, rounds=25)
        print(f"  {what}: pingouin {1e3 * theirs:.1f} ms, icc() {1e3 * mine:.2f} ms, {ratio:.0f}×")
    theirs, mine, ratio = rounds(partial(peer, frame), partial(icc, frame, **names, by="item"), rounds=25)
    print(f"  one call of ours, straight after pingouin: {1e3 * theirs:.1f} ms, {1e3 * mine:.2f} ms, {ratio:.0f}×")
    one = frame[frame["item"] == "spec"]
    theirs, mine, ratio = rounds(partial(peer, one), partial(icc, one, **names), calls=20, rounds=25)
    print(f"  one item only: {1e3 * theirs:.1f} ms, {1e3 * mine:.2f} ms, {ratio:.0f}×")
    block = partial(complete_block, y, requested((1, "eff"), float(k), "k"), 0.95, known_raters=True)
    theirs, mine, ratio = rounds(partial(peer, frame), block, calls=20, rounds=25)
    print(f"  from an array of tables: {1e3 * theirs:.1f} ms, {1e3 * mine:.2f} ms, {ratio:.0f}×")


def bootstrap() -> None:
    rng = np.random.default_rng(3)
    n, k, items = 200, 5, 8
    y = rng.normal(size=(items, n, 1)) + 0.4 * rng.normal(size=(items, 1, k)) + rng.normal(size=(items, n, k))
    index = pd.MultiIndex.from_product([range(items), range(n), range(k)], names=["item", "session", "rater"])
    frame = pd.DataFrame({"score": y.ravel()}, index=index).reset_index()
    names = {"targets": "session", "raters": "rater", "ratings": "score"}
    icc(frame, **names, by="item").bootstrap()
    seconds = statistics.median(timed(lambda: icc(frame, **names, by="item").bootstrap()) for _ in range(ROUNDS))
    print(f"bootstrap over targets (raters fixed), 2,000 × 8 items, six forms: {1e3 * seconds:.0f} ms")
    bootstrap_pingouin(frame, names)
    if shutil.which("Rscript") is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tables.csv"
        pd.DataFrame(y.transpose(1, 0, 2).reshape(n, -1)).to_csv(path, index=False)
        script = (
            f"library(boot); d <- as.matrix(read.csv('{path}')); f <- function(x, i) {{ x <- x[i, ]; n <- nrow(x); "
            "k <- ncol(x); g <- mean(x); r <- rowMeans(x); m <- colMeans(x); "
            "b <- k * sum((r - g)^2); "
            "j <- n * sum((m - g)^2); e <- sum((x - g)^2) - b - j; b <- b / (n - 1); j <- j / (k - 1); "
            "e <- e / ((n - 1) * (k - 1)); "
            "c((b - e) / (b + (k - 1) * e + k * (j - e) / n), (b - e) / (b + (k - 1) * e)) }; "
            "t <- sum(system.time(for (s in 0:7) boot(d[, s * 5 + 1:5], f, 2000))[1:2]); cat(t)"
        )
        peer = float(subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=True).stdout)
    print(f"  R boot with hand-written mean squares, two forms: {1e3 * peer:.0f} ms, {peer / seconds:.0f}×")


def bootstrap_pingouin(frame: pd.DataFrame, names: dict[str, str], resamples: int = 5) -> None:
    """The same with pingouin in a loop: a few resamples of all items are timed, and scaled to 2,000."""
    import pingouin

    wide = [part.pivot_table(index="session", columns="rater", values="score") for _, part in frame.groupby("item")]
    rng = np.random.default_rng(4)

    def peer() -> None:
        for _ in range(resamples):
            at = rng.integers(0, len(wide[0]), len(wide[0]))
            for table in wide:
                drawn = table.iloc[at].reset_index(drop=True).rename_axis("session")
                long = drawn.reset_index().melt(id_vars="session", var_name="rater", value_name="score")
                pingouin.intraclass_corr(long, targets="session", raters="rater", ratings="score")

    theirs, mine, ratio = rounds(peer, lambda: icc(frame, **names, by="item").bootstrap())
    scale = 2000 / resamples
    print(
        f"  pingouin in a loop: {1e3 * theirs / resamples:.0f} ms a resample of 8 items ({resamples} timed per round),"
    )
    print(
        f"  scaled to 2,000: {scale * theirs:.0f} s, ours {1e3 * mine:.0f} ms in the same rounds, {scale * ratio:,.0f}×"
    )


def incomplete_design() -> None:
    rng = np.random.default_rng(2)
    n, r = 800, 5
    severity = 0.4 * rng.normal(size=r)
    rows = [
        (f"s{s:03d}", f"r{j}", true + severity[j] + 0.8 * rng.normal())
        for s, true in enumerate(rng.normal(size=n))
        for j in rng.permutation(r)[: 2 if rng.random() < 0.4 else 1]
    ]
    frame = pd.DataFrame(rows, columns=["session", "rater", "score"])

    def ours() -> None:
        icc(frame, targets="session", raters="rater", ratings="score")

    ours()
    seconds = statistics.median(timed(ours) for _ in range(ROUNDS))
    from doublecode.analysis.ratings.frames import read_ratings
    from doublecode.analysis.reliability.crossed import fit_crossed

    groups = read_ratings(frame, targets="session", raters="rater", ratings="score").groups
    fit = statistics.median(timed(lambda: fit_crossed(groups)) for _ in range(ROUNDS))
    print(f"incomplete, 800 sessions × 5 raters ({len(frame)} ratings): REML {1e3 * fit:.1f} ms;")
    print(f"  icc() with ten forms and their profile limits {1e3 * seconds:.1f} ms")
    if shutil.which("Rscript") is None:
        print("  lmer: R is not here")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ratings.csv"
        frame.to_csv(path, index=False)
        script = (
            f"suppressMessages(library(lme4)); d <- read.csv('{path}'); f <- function() "
            "lmer(score ~ 1 + (1 | session) + (1 | rater), d); invisible(f()); t <- sapply(1:5, function(i) "
            "sum(system.time(f())[1:2])); cat(median(t))"
        )
        peer = float(subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=True).stdout)
    print(f"  lmer {1e3 * peer:.1f} ms: REML {peer / fit:.1f}× faster, whole table {seconds / peer:.1f}× its time")


def clustered() -> None:
    """Sessions in patients with raters by patients: four variances, forms of four levels with profile limits."""
    rng = np.random.default_rng(6)
    print("clusters=, four levels with profile limits; gaps: cells taken out at random, or 1 to all sessions a patient")
    for patients, sessions, raters in ((300, 6, 6), (600, 6, 4), (12, 6, 4)):
        p, s, r = (at.ravel() for at in np.indices((patients, sessions, raters)))
        y = rng.normal(size=patients)[p] + rng.normal(size=(patients, sessions))[p, s] + rng.normal(size=len(p))
        y += 0.5 * rng.normal(size=raters)[r] + 0.6 * rng.normal(size=(patients, raters))[p, r]
        whole = pd.DataFrame({"patient": p, "session": sessions * p + s, "rater": r, "score": y})
        kinds = {"complete": np.ones(len(p), dtype=bool), "unequal": s < rng.integers(1, sessions + 1, patients)[p]}
        kinds |= {f"{share:.0%} empty": rng.random(len(p)) >= share for share in (0.05, 0.15, 0.30)}
        found = []
        for kind, kept in kinds.items():
            ask = partial(
                icc, whole[kept], targets="session", raters="rater", ratings="score", clusters="patient"
            )  # fmt: skip
            ask()
            found.append(f"{kind} {statistics.median(timed(ask) for _ in range(ROUNDS)):.2f} s")
        print(f"  {patients} patients × {sessions} sessions × {raters} raters: {', '.join(found)}")


def large_case() -> None:
    rng = np.random.default_rng(0)
    n, r, items = 100_000, 40, 8
    first = rng.integers(0, r, n)
    second = (first + rng.integers(1, r, n)) % r
    true, severity = rng.normal(size=(items, n)), 0.4 * rng.normal(size=(items, r))
    rater = np.column_stack([first, second])
    score = true[:, :, None] + severity[:, rater] + rng.normal(size=(items, n, 2))
    frame = pd.DataFrame(
        {
            "item": np.repeat(np.arange(items), 2 * n),
            "session": np.tile(np.repeat(np.arange(n), 2), items),
            "rater": np.tile(rater.ravel(), items),
            "score": score.ravel(),
        }
    )
    del score, true
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = timed(lambda: icc(frame, targets="session", raters="rater", ratings="score", by="item"))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(frame):,} ratings, 100,000 sessions × 8 items × 2 of 40 raters: ten forms per item with limits")
    print(f"  {seconds:.2f} s, peak memory {after:.0f} MB ({before:.0f} MB before the call)")


if __name__ == "__main__":
    large_case()
    clustered()
    complete_table()
    bootstrap()
    incomplete_design()
