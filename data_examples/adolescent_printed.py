"""The numbers that Jungbluth & Shirk (2013) print in their text, each with the quantity that answers it."""

from __future__ import annotations

from collections.abc import Mapping

from doublecode.data_examples.printed_values import BY_DESIGN, CALIBRATED, EMERGED, Printed

_P = " (p, least squares)"
_PEOPLE = (
    ("adolescents", 50), ("female", 33), ("age: lowest", 14), ("age: highest", 18), ("age: mean", 15.9),
    ("major depression", 37), ("dysthymia", 10), ("depressive disorder NOS", 3), ("comorbid, %", 66),
    ("generalized anxiety, %", 42), ("conduct, %", 34), ("social phobia, %", 22), ("ADHD, %", 12),
    ("three or more disorders, %", 28), ("suicide attempt, %", 40), ("ethnic minority, %", 54),
    ("African American/Black", 11), ("Hispanic/Latino", 11), ("Native American", 2), ("Biracial", 2), ("Other", 2),
    ("hollingshead: mean", 4.1), ("hollingshead: SD", 2.1), ("left before session 2", 2), ("left before session 3", 5),
    ("therapists", 8),
)  # fmt: skip
_TAPES = (
    ("thabs: coded twice, %", 21), ("thabs: sessions coded twice", 19), ("session 1 tapes lost, mechanical", 2),
    ("session 1 tapes lost, not taped", 2), ("session 2 tapes lost", 1), ("initial_resistance: coded twice, %", 25),
)  # fmt: skip
_ADHERENCE: tuple[tuple[str, float, str], ...] = (
    ("homework_adherence: coded twice, %", 30, BY_DESIGN),
    ("homework_adherence: sessions coded twice", 25, BY_DESIGN),
    ("adherence: ICC(A,1)", 0.72, CALIBRATED),
    ("sessions 2 and 3 held", 91, BY_DESIGN),
    ("homework_adherence: sessions coded", 84, BY_DESIGN),
    ("homework_adherence: sessions not coded", 7, BY_DESIGN),
    ("homework_adherence: sessions not coded, %", 7.7, BY_DESIGN),
    ("adherence: lowest code", 0, EMERGED),
    ("adherence: highest code", 6, EMERGED),
    ("hw2: mean", 4.51, CALIBRATED),
    ("hw2: SD", 1.01, CALIBRATED),
    ("hw3: mean", 4.21, CALIBRATED),
    ("hw3: SD", 1.12, CALIBRATED),
)
_RESISTANCE = (
    ("ir: alpha", 0.89), ("ir: ICC(1,1)", 0.88), ("ir: mean", 7.54), ("ir: SD", 1.91),
)  # fmt: skip
_OUTLIERS = (("specification_s1", 3), ("rationale_s1", 5), ("time_s1", 2), ("hw2", 5), ("hw3", 6))
_CORRELATIONS = (
    ("rho(hispanic, hw2)", -0.31), ("r(ir, hw2)", -0.26), ("r(ir, hw3)", -0.23), ("r(hispanic, rationale_s2)", 0.29),
    ("largest r among predictors", 0.52),
)  # fmt: skip
_BETAS = (
    ("rationale_s1: rationale_s1:ir", 0.31, 0.03), ("time_s1: time_s1:ir", 0.30, 0.03),
    ("time_s1: time_s1", 0.26, 0.07),
    ("rationale_s2: rationale_s2:hw2", -0.45, 0.01), ("reactions_s2: reactions_s2:hw2", -0.40, 0.026),
    ("praise_s2: hw2", 0.62, 0.002), ("praise_s2: ir", -0.48, 0.008),
)  # fmt: skip
_RANGES = (
    ("session 1: ir", -0.23, -0.40), ("session 1: hispanic", -0.33, -0.44), ("session 2: ir", -0.20, -0.47),
    ("session 2: hw2", 0.34, 0.43),
)  # fmt: skip

PRINTED: tuple[Printed, ...] = (
    *(Printed("participants", name, value) for name, value in _PEOPLE),
    Printed("participants", "rows of the smallest regression", 33),
    Printed("participants", "rows of the largest regression", 41),
    *(Printed("homework adherence", *one) for one in _ADHERENCE),
    *(Printed("THABS and tapes", name, value) for name, value in _TAPES),
    Printed("THABS and tapes", "THABS: lowest ICC(A,1)", 0.27, CALIBRATED),
    Printed("THABS and tapes", "THABS: highest ICC(A,1)", 0.84, CALIBRATED),
    Printed("THABS and tapes", "THABS: mean ICC(A,1)", 0.67, CALIBRATED),
    *(Printed("initial resistance", name, value, CALIBRATED) for name, value in _RESISTANCE),
    Printed("initial resistance", "ir: lowest", 6),
    Printed("initial resistance", "ir: highest", 25),
    *(Printed("outliers", f"{name}: number winsorised", value, CALIBRATED) for name, value in _OUTLIERS),
    *(Printed("correlations", name, value, CALIBRATED) for name, value in _CORRELATIONS),
    Printed("correlations", "rho(hispanic, hw2): p", 0.03),
    Printed("correlations", "r(ir, hw2): p", 0.09),
    Printed("correlations", "r(ir, hw3): p", 0.18),
    Printed("correlations", "r(hispanic, rationale_s2): p", "< .05"),
    Printed("therapists' ANOVA", "therapists, hw2: p", "> .4"),
    Printed("therapists' ANOVA", "therapists, hw3: p", "> .4"),
    *(Printed("regressions", f"{name} (beta)", beta, CALIBRATED) for name, beta, _ in _BETAS),
    *(Printed("regressions", f"{name}{_P}", p) for name, _, p in _BETAS),
    Printed("regressions", f"praise_s2: praise_s2{_P}", 0.18),
    *(Printed("regressions", f"{name} (weakest beta of four)", low) for name, low, _ in _RANGES),
    *(Printed("regressions", f"{name} (strongest beta of four)", high) for name, _, high in _RANGES),
    Printed("regressions", "rows before the praise model's condition", 33),
    Printed("regressions", "praise_s2: rows", 28, CALIBRATED),
)
HEADLINE: Mapping[str, float] = {
    one.quantity: float(one.value)
    for one in PRINTED
    if one.origin == CALIBRATED and one.place not in ("THABS and tapes", "outliers") and "rows" not in one.quantity
}
