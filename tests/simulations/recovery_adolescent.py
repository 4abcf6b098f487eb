"""Is what was planted in the adolescent study found again? 2,000 seeds of the generator, the declared analysis.

Run: OMP_NUM_THREADS=1 nice python tests/simulations/recovery_adolescent.py [SEEDS] [FOLDER] (half an hour on a quiet
core); what was drawn is kept in FOLDER, and a run that was stopped goes on from there. The table is kept in
recovery_adolescent.txt beside this file, with the choice of the shipped seed and with how often the paper's pattern
of significant interactions is seen; its counts, and what is not held with its cause, go into planted_truth.json.
"""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))
from recovery import Judged, counts, judge, keep, summary, table

from doublecode.data_examples.adolescent_analysis import LEAST_SQUARES
from doublecode.data_examples.adolescent_findings import Findings, findings_of, patterns
from doublecode.data_examples.adolescent_population import (
    Population,
    draw_population,
    population_agreement,
    population_frame,
)
from doublecode.data_examples.adolescent_printed import HEADLINE
from doublecode.data_examples.adolescent_seeds import AdolescentSeeds, declared, many_jackknives, many_seeds
from doublecode.data_examples.adolescent_targets import POPULATION, POPULATION_SEED, standard_errors
from doublecode.data_examples.generate_adolescent_cbt import SHIPPED
from doublecode.data_examples.printed_values import choice_text, distances
from doublecode.data_examples.seed_cache import kept_in

FENCED = ("specification_s1", "rationale_s1", "time_s1", "ir", "hw2", "hw3")
CURVED = (
    "rationale_s1: rationale_s1:ir", "time_s1: time_s1:ir", "rationale_s2: rationale_s2:hw2",
    "reactions_s2: reactions_s2:hw2", "reactions_s2: hw2", "time_s2: time_s2:hw2",
)  # fmt: skip
KNOWN = (
    {f"{name}: share winsorised": "A" for name in FENCED}
    | {"hw3: SD": "A"}
    | {f"{term}{rule} (b)": "B" for term in CURVED for rule in ("", " before the rule")}
    | {"ir: ICC(1,1)": "C", "ir: alpha": "C"}
)
CAUSES = {
    "A": "A sample's quartiles lie nearer to its own values than to others': under the same fences fewer of its own "
    "values are winsorised than of the population's (Hoaglin, Iglewicz & Tukey 1986, JASA 81, 991-999), and what is "
    "not, spreads.",
    "B": "Adherence has a floor and a ceiling, the effect of what came before counts between limits, and resistance is "
    "skewed: a straight line through it depends in small samples on who is in them (White 1980, Int. Econ. Rev. 21, "
    "149-170); most before the rule, where single adolescents have most of the leverage.",
    "C": "Half of the adolescents stand on the floor of resistance, few have most of its variance: in small samples "
    "ICC and alpha are underestimated, and vary far more than with normal scores.",
}
_SINGLE = (
    "Before the rule it rests on single adolescents (least squares: .76 to .79), which is why the rule is declared."
)
_FISHER = "Fisher's z takes scores as normal; half of the adolescents stand on the floor of resistance."
_TWICE = "Profile limits rest on 19 sessions coded twice by three raters."
BELOW = {
    "ir: alpha": "Feldt's limits take scores as normal; half of the adolescents stand on the floor of resistance.",
    "r(ir, hw2)": _FISHER,
    "r(ir, hw3)": _FISHER,
    "rationale_s1: rationale_s1:ir before the rule (b)": _SINGLE,
    "time_s1: time_s1:ir before the rule (b)": _SINGLE,
    "rationale: ICC(A,1)": _TWICE,
    "time_assigning: ICC(A,1)": _TWICE,
    "adherence: ICC(A,1)": "The jackknife rests on 25 sessions coded twice, a few of which have most of the "
    "disagreement (0 beside 4).",
}
HEAD = """\
population: what 20,000 adolescents give under each sample's own fences, averaged over the samples; an interval is held
to the target of its own sample. off_by_se: the mean of estimate - target, in Monte-Carlo standard errors of both.
"""
LIMITS = """\
The limits are those of the report: robust ones (HC3; Long & Ervin 2000, Am. Stat. 54, 217-224) of the coefficients,
since each regression leaves out the interactions of the others; the jackknife over sessions of the ICCs of adherence
and resistance, profile likelihood of the others; Feldt's of alpha; Fisher's z of r; Student's t of means.
"""


def main(n_seeds: int, folder: Path) -> None:
    seeds = many_seeds(n_seeds, kept_in(folder, "adolescents.pkl"))
    population = draw_population(POPULATION_SEED, POPULATION)
    found = findings_of(seeds, declared(), population_frame(population, declared()))
    jackknives = many_jackknives(n_seeds, folder / "jackknives.pkl")
    known = KNOWN | {name + LEAST_SQUARES: letter for name, letter in KNOWN.items()}
    judged = judge(judged_quantities(found, population, jackknives), known)
    text = report(seeds, found, judged, jackknives)
    Path(__file__).with_suffix(".txt").write_text(text, encoding="utf-8")
    reported = judged[~judged["quantity"].str.endswith(LEAST_SQUARES)]
    keep(SHIPPED, summary(reported, n_seeds, {name: CAUSES[letter] for name, letter in KNOWN.items()}, BELOW))
    print(text)


def judged_quantities(found: Findings, population: Population, jackknives: pd.DataFrame) -> dict[str, Judged]:
    n = len(found.samples)
    limits = jackknives.set_index("seed").reindex(found.samples.index)
    errors = standard_errors(population_frame(population, declared()), found.fences, declared())
    judged = {}
    agreement = population_agreement(population)
    for name, one in found.estimates.items():
        base = name.removesuffix(LEAST_SQUARES)
        low, high = one.conf_low, one.conf_high
        if name == "adherence: ICC(A,1)":
            low, high = (limits[end].to_numpy(dtype=float) for end in ("conf_low", "conf_high"))
        if base in found.targets:
            judged[name] = Judged(one.estimate, low, high, found.targets[base], errors[base])
        elif name in agreement:
            value, se = agreement[name]
            judged[name] = Judged(one.estimate, low, high, np.full(n, value), se)
    return judged


def report(seeds: AdolescentSeeds, found: Findings, judged: pd.DataFrame, jackknives: pd.DataFrame) -> str:
    beside = judged["quantity"].str.endswith(LEAST_SQUARES)
    n = len(found.samples)
    below = (seeds.p_values < 0.05).mean().round(3).to_dict()
    refused = sum(int(np.isinf(ends).sum()) for ends in found.fences.low.values())
    missing = found.samples.index[found.samples.filter(like="(beta)").isna().any(axis=1)].tolist()
    shown = patterns(found.samples)
    text = f"adolescent study: {n} seeds (1 to {n}) of 50 adolescents against 20,000 under each sample's own fences\n\n"
    text += f"{counts(judged[~beside])}\n\n{table(judged[~beside])}\n\n"
    text += "the same coefficients with the limits of least squares, for comparison\n\n"
    text += f"{counts(judged[beside])}\n\n{table(judged[beside])}\n\n"
    text += f"limits of the agreement on adherence: first {jackknives['seed'].nunique()} seeds\n"
    text += f"outlier rule refused (IQR 0): {refused} of {6 * n} variables\n"
    text += f"therapists' ANOVA, share of p < .05 (none planted): {below}\n"
    text += f"a regression not estimable (nobody or everybody Hispanic among its rows): seeds {missing or 'none'}\n\n"
    text += f"How often the interactions are significant (p < .05) in {n} studies, as shares\n\n"
    text += pd.DataFrame(shown).round(3).to_string(index=False) + "\n\n"
    text += choice_text(distances(found.samples, HEADLINE), HEADLINE, found.samples) + "\n"
    text += HEAD + "Known biases of small samples (the fences' part in them: small_samples_adolescent.txt):\n"
    text += "".join(fill(f"{letter}  {cause}", 120, subsequent_indent="   ") + "\n" for letter, cause in CAUSES.items())
    text += "Intervals below .92:\n"
    text += "".join(fill(f"{name}: {cause}", 120, subsequent_indent="   ") + "\n" for name, cause in BELOW.items())
    return text + LIMITS


if __name__ == "__main__":
    main(int((sys.argv[1:] or ["2000"])[0]), Path((sys.argv[2:] or ["seeds"])[0]))
