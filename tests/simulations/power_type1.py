"""Type I error of planned studies whose outcome is done or not, counted or in ordered categories, by Wald's z.

``python power_type1.py > power_type1.txt``; seeds fixed beforehand. No effect within or between patients, three raters
on a five-point scale (a quarter coded twice, ICC .7), nobody leaves; 2,000 studies a line, 1,000 of ordered categories.
Linear studies with Kenward–Roger tests beside.
"""

from __future__ import annotations

from doublecode.analysis import PlannedStudy, power

RATED = {"raters": 3, "double": 0.25, "icc_rating": 0.7, "points": 5}
FAMILIES = {
    None: {}, "binomial": {"base": 0.5}, "poisson": {"base": 2.0},
    "negative-binomial": {"base": 2.0, "dispersion": 1.5},
    "ordinal": {"base": (0.2, 0.3, 0.3, 0.2)},
}  # fmt: skip


def main() -> None:
    """Print a line per design and family."""
    for patients, sessions in ((22, 9), (60, 9)):
        for family, parts in FAMILIES.items():
            plan = PlannedStudy(patients, sessions, family=family, **RATED, **parts)
            studies = 1000 if family == "ordinal" else 2000
            frame = power(plan, within=0.0, between=0.0, studies=studies, seed=patients).frame.set_index("term")
            said = ", ".join(
                f"{term} {row['power']:.3f} [{row['power_low']:.3f}, {row['power_high']:.3f}]"
                for term, row in frame.iterrows()
            )
            print(f"{patients} patients x {sessions} sessions, {family or 'linear'}: {said}", flush=True)


if __name__ == "__main__":
    main()
