"""Statements in prose whose numbers are right, or wrong by one planted slip: does the audit ask where it should?

Every statement is drawn: a kind of check, true numbers, how they are rounded, the language (English or German), the
signs, brackets, separators, order, lines broken as in the text of a PDF, tables. *Right* statements print what follows
from the truth. A slip changes one printed number. Whether it stands *outside* or *inside* of what the rounding of the
other printed numbers permits is decided here, by formulas of this file alone; it shares no code with the audit.

Degrees of freedom that are printed as whole numbers are exact, but where a sentence names Satterthwaite or
Kenward–Roger, whole numbers are rounded ones. Without degrees of freedom, b, SE and p are right where some df of eight
or more give them, and a slip lies outside where no df of three or more does.

    python tests/simulations/audit_generator.py [NUMBER]        500 statements of each sort; prints counts and misses
"""

# ruff: noqa: E501 - sentences stand on one line
from __future__ import annotations

import math
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

import numpy as np
from scipy import stats

RIGHT, OUTSIDE, INSIDE = "right", "outside", "inside"


@dataclass(frozen=True)
class Made:
    """A statement: its kind of check, sort, text, and what was planted."""

    kind: str
    sort: str
    text: str
    planted: str = ""


class Pen:
    """One author's habits of writing."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.german = bool(rng.random() < 0.4)
        self.comma = self.german and rng.random() < 0.85
        self.minus = str(rng.choice(["-", "−", "–", "− ", "- "], p=[0.35, 0.35, 0.15, 0.1, 0.05]))
        self.equal = str(rng.choice([" = ", "=", " =", "= "], p=[0.7, 0.15, 0.1, 0.05]))
        self.mark = str(rng.choice(["", "*", "_"], p=[0.8, 0.12, 0.08]))
        self.sep = "; " if self.comma or rng.random() < 0.2 else ", "
        self.zero = (self.german and rng.random() < 0.7) or rng.random() < 0.15
        self.big_p = rng.random() < 0.1

    def any_of(self, *options: str) -> str:
        return options[int(self.rng.integers(len(options)))]

    def say(self, english: str, german: str) -> str:
        return german if self.german else english

    def number(self, text: str, bounded: bool = False) -> str:
        """A number as this author prints it; `bounded` ones (p, r) may lose their zero."""
        minus, digits = ("", text) if not text.startswith("-") else (self.minus, text[1:])
        if bounded and not self.zero and digits.startswith("0."):
            digits = digits[1:]
        return minus + (digits.replace(".", ",") if self.comma else digits)

    def label(self, name: str) -> str:
        return f"{self.mark}{name}{self.mark}"

    def equals(self, name: str, text: str, bounded: bool = False) -> str:
        return f"{self.label(name)}{self.equal}{self.number(text, bounded)}"

    def bracket(self, *parts: str) -> str:
        inner = self.sep.join(parts)
        return self.any_of(f"({inner})", f"({inner})", f"[{inner}]")


# ---- rounding and what it permits ----


def rounded(value: float, digits: int) -> str:
    return str(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def half(text: str) -> float:
    return 0.5 * 10.0 ** -(len(text.partition(".")[2]))


def ends(text: str) -> tuple[float, float]:
    return float(text) - half(text), float(text) + half(text)


def absolute(text: str) -> tuple[float, float]:
    low, high = ends(text)
    return (0.0, max(-low, high)) if low < 0 < high else tuple(sorted((abs(low), abs(high))))  # type: ignore[return-value]


def apart(text: str, low: float, high: float) -> bool:
    """Whether a printed number stands outside of an interval, by more than floating point."""
    own = ends(text)
    slack = 1e-9 * max(1.0, abs(low), abs(high)) if math.isfinite(low) and math.isfinite(high) else 1e-9
    return own[0] > high + slack or own[1] < low - slack


def touches(text: str, low: float, high: float) -> bool:
    """Whether a printed number stands inside, by more than floating point."""
    own = ends(text)
    return own[0] < high - 1e-9 * max(1.0, abs(low)) and own[1] > low + 1e-9 * max(1.0, abs(low))


def slips(rng: np.random.Generator, text: str) -> list[str]:
    """The number as a hand or an eye may get it wrong: swapped digits, one digit changed, a unit off, a point moved."""
    digits = [place for place, letter in enumerate(text) if letter.isdigit()]
    found = []
    for first, second in pairwise(digits):
        swapped = list(text)
        swapped[first], swapped[second] = text[second], text[first]
        found.append("".join(swapped))
    for place in digits:
        changed = list(text)
        changed[place] = str((int(text[place]) + int(rng.integers(1, 10))) % 10)
        found.append("".join(changed))
    unit = Decimal(1).scaleb(-len(text.partition(".")[2]))
    found += [str(Decimal(text) + unit * int(step)) for step in rng.integers(-12, 13, 6)]
    rng.shuffle(found)
    return [
        one
        for one in dict.fromkeys(found)
        if float(one) != float(text) and not (one[0] == "0" and one[1:2] not in ("", "."))
    ]


def plant(
    pen: Pen, text: str, low: float, high: float, sort: str, least: float = -math.inf, most: float = math.inf
) -> str | None:
    """The number that is printed: as it is, or with a slip inside or outside of `low` to `high`; None if there is none."""
    if sort == RIGHT:
        return text if touches(text, low, high) else None
    wanted = touches if sort == INSIDE else apart
    for one in slips(pen.rng, text):
        if least <= float(one) <= most and wanted(one, low, high):
            return one
    return None


def p_of(pen: Pen, low: float, high: float, true: float, sort: str) -> tuple[str, str] | None:
    """How p is printed, (sentence, planted), where the other numbers permit `low` to `high`."""
    name = "P" if pen.big_p else "p"
    how = pen.rng.random()
    if true < 0.0005 or how < 0.25:
        return _inequality(pen, name, low, high, true, sort)
    text = rounded(true, int(pen.rng.choice([2, 3, 3])))
    if float(text) == 0.0 and len(text) < 5:
        return None
    if sort == RIGHT:
        return (pen.equals(name, text, True), "") if touches(text, low, high) else None
    made = plant(pen, text, low, high, sort, least=0.001, most=0.999)
    return None if made is None else (pen.equals(name, made, True), f"p {text} → {made}")


def _inequality(pen: Pen, name: str, low: float, high: float, true: float, sort: str) -> tuple[str, str] | None:
    below = ["0.001", "0.01", "0.05"]
    less = pen.any_of(" < ", " < ", "<", " ≤ ")
    if sort == OUTSIDE:
        options = [mark for mark in below if low > float(mark) + 1e-9] + (["ns"] if high < 0.05 - 1e-9 else [])
    else:
        options = [mark for mark in below if true < float(mark) * 0.999] + (["ns"] if low > 0.05 + 1e-9 else [])
        if true < 0.00049 and sort == RIGHT:
            options.append("0.000")
    if not options or (sort == INSIDE and len(options) < 2):
        return None
    mark = options[0] if sort != INSIDE else options[-1]
    if mark == "ns":
        said = pen.any_of(
            "n.s.",
            f"{pen.label(name)} > {pen.number('0.05', True)}",
            f"{pen.label(name)} {pen.any_of('n.s.', '= n.s.')}",
        )
    elif mark == "0.000":
        said = pen.equals(name, mark, True)
    else:
        said = f"{pen.label(name)}{less}{pen.number(mark, True)}"
    return said, f"p {true:.4g} → {said}" if sort != RIGHT else ""


# ---- statistics and p ----

SUBJECTS = ("The groups", "Men and women", "Completers and dropouts", "Sessions of both phases", "The two therapists")
GRUPPEN = ("Die Gruppen", "Männer und Frauen", "Beide Phasen", "Abbrecher und Beender", "Die zwei Therapeutinnen")


def frame(pen: Pen, core: tuple[str, ...]) -> str:
    """A sentence around a statistic and its p, in brackets or in the run of words."""
    order = core if pen.rng.random() < 0.85 else tuple(reversed(core))
    who = pen.say(pen.any_of(*SUBJECTS), pen.any_of(*GRUPPEN))
    inner = pen.bracket(*order)
    run = pen.sep.join(order)
    return pen.any_of(
        pen.say(f"{who} differed in the score {inner}.", f"{who} unterschieden sich im Wert {inner}."),
        pen.say(f"{who} were compared, {run}.", f"Im Vergleich zeigte sich: {run}."),
        pen.say(
            f"As expected, the test gave {pen.say(' and ', ' und ').join(core)}.",
            f"Der Test ergab {' und '.join(core)}.",
        ),
        pen.say(
            f"In Table 2 {who.lower()} are set side by side {inner}, as planned.",
            f"{who} sind in Tabelle 2 {inner} gegenübergestellt.",
        ),
    )


def statistic_text(pen: Pen, name: str, dfs: tuple[str, ...], value: str, n: int | None = None) -> str:
    joint = pen.any_of("; ", ";") if pen.comma else pen.any_of(", ", ",")
    inner = joint.join(pen.number(df) for df in dfs)
    if n is not None and pen.rng.random() < 0.4:
        inner += f"{joint}{pen.label('N')}{pen.equal}{n}"
    bounded = name.startswith("r")
    if not dfs:
        return pen.equals(name, value)
    plain = f"{pen.label(name)}({inner}){pen.equal}{pen.number(value, bounded)}"
    spaced = f"{pen.label(name)} ({inner}){pen.equal}{pen.number(value, bounded)}"
    later = f"{pen.equals(name, value, bounded)}{pen.sep}{pen.label('df')}{pen.equal}{inner}"
    inside = f"{pen.label(name)}({pen.label('df')}{pen.equal}{inner}){pen.equal}{pen.number(value, bounded)}"
    attached = (
        f"{name}{inner}{pen.equal}{pen.number(value, bounded)}"
        if len(dfs) == 1 and name == "t" and not pen.mark
        else plain
    )
    return str(pen.rng.choice([plain, spaced, later, inside, attached], p=[0.5, 0.15, 0.15, 0.12, 0.08]))


def statistic(pen: Pen, family: str, sort: str) -> Made | None:
    rng = pen.rng
    digits = int(rng.choice([2, 2, 3]))
    satterthwaite = family in ("t", "F") and rng.random() < 0.2
    df2 = float(rng.integers(8, 180)) if rng.random() < 0.8 else round(float(rng.uniform(8, 180)), 1)
    true2 = df2 + (rng.uniform(-0.45, 0.45) if satterthwaite and df2 == int(df2) else 0.0)
    text2 = f"{df2:.0f}" if df2 == int(df2) else f"{df2:.1f}"
    slack = half(text2) if satterthwaite or "." in text2 else 0.0
    df1 = int(rng.integers(1, 5))
    two, label, dfs, value, n = _drawn(pen, family, df1, true2, text2)
    printed = rounded(value, digits if family != "r" else 2)
    low, high = absolute(printed)
    spread = [
        two(x, d) for x in (low, high) for d in ((df2 - slack, df2 + slack) if family in ("t", "F", "r") else (df1,))
    ]
    one_tailed = family in ("t", "z") and rng.random() < 0.1
    k = 0.5 if one_tailed else 1.0
    p_true = k * two(abs(value), true2)
    if one_tailed and sort != RIGHT:
        return None
    if sort != RIGHT and rng.random() < 0.3 and not slack:
        return _slip_of_statistic(pen, family, sort, (two, label, dfs, n), printed, p_true, df2, df1)
    p = p_of(pen, k * min(spread), k * max(spread), p_true, sort)
    if p is None:
        return None
    text = frame(pen, (statistic_text(pen, label, dfs, printed, n), p[0]))
    if one_tailed:
        text = text[:-1] + pen.say(", one-tailed.", ", einseitig.")
    if satterthwaite:
        text += pen.say(
            " Degrees of freedom are Satterthwaite's.", " Die Freiheitsgrade sind nach Satterthwaite geschätzt."
        )
    return Made(f"{family} and p", sort, text, p[1])


def _drawn(pen: Pen, family: str, df1: int, true2: float, text2: str):  # type: ignore[no-untyped-def]
    """Two-sided p by |statistic|, label, printed df, true statistic, N."""
    p = float(pen.rng.choice([pen.rng.uniform(0.001, 0.06), pen.rng.uniform(0.05, 0.9), 10 ** pen.rng.uniform(-5, -2)]))
    sign = float(pen.rng.choice([-1, 1]))
    if family == "t":
        return (lambda x, d: 2 * stats.t.sf(x, d)), "t", (text2,), sign * stats.t.isf(p / 2, true2), None
    if family == "F":
        return (lambda x, d: stats.f.sf(x, df1, d)), "F", (str(df1), text2), stats.f.isf(p, df1, true2), None
    if family == "z":
        return (lambda x, d: 2 * stats.norm.sf(x)), pen.any_of("z", "Z", "z"), (), sign * stats.norm.isf(p / 2), None
    if family == "chi2":
        label = pen.any_of("χ²", "χ2", "χ^2", "chi-square", "Chi²", "X²", "Chi-Quadrat" if pen.german else "Chi-square")
        return (
            (lambda x, d: stats.chi2.sf(x, df1)),
            label,
            (str(df1),),
            stats.chi2.isf(p, df1),
            int(pen.rng.integers(30, 300)),
        )
    t = stats.t.isf(p / 2, true2)
    r = sign * t / math.sqrt(t * t + round(true2))

    def two(x: float, d: float) -> float:
        x = min(x, 0.999999)
        return float(2 * stats.t.sf(x * math.sqrt(d / (1 - x * x)), d))

    whole = text2.partition(".")[0]
    return two, "r", (whole,), r, None


def _slip_of_statistic(
    pen: Pen, family: str, sort: str, drawn, printed: str, p_true: float, df2: float, df1: int
) -> Made | None:  # type: ignore[no-untyped-def]
    _, label, dfs, n = drawn
    if family == "r" or p_true < 0.002:
        return None
    p_text = rounded(p_true, 3)
    p_low, p_high = ends(p_text)
    inverse: dict[str, Callable[[float], float]] = {
        "t": lambda p: stats.t.isf(p / 2, df2), "z": lambda p: stats.norm.isf(p / 2),
        "F": lambda p: stats.f.isf(p, df1, df2), "chi2": lambda p: stats.chi2.isf(p, df1),
    }  # fmt: skip
    low, high = inverse[family](p_high), inverse[family](p_low)
    bare = printed.lstrip("-")
    made = plant(pen, bare, low, high, sort, least=0.0)
    if made is None:
        return None
    sign = "-" if printed.startswith("-") else ""
    text = frame(pen, (statistic_text(pen, label, dfs, sign + made, n), pen.equals("p", p_text, True)))
    return Made(f"{family} and p", sort, text, f"{family} {bare} → {made}")


# ---- coefficients ----


def coefficient(pen: Pen, form: str, sort: str) -> Made | None:
    rng = pen.rng
    digits = int(rng.choice([2, 2, 3]))
    df = float(rng.integers(9, 200))
    se = float(10 ** rng.uniform(-0.9, 0.6)) if digits == 2 else float(10 ** rng.uniform(-1.5, 0))
    b = float(rng.choice([-1, 1])) * float(rng.uniform(0.3, 4.5)) * se
    b_text, se_text = rounded(b, digits), rounded(se, digits)
    if float(se_text) < 12 * half(se_text) or float(b_text) == 0:
        return None
    (b_low, b_high), (se_low, se_high) = absolute(b_text), ends(se_text)
    t_low, t_high = b_low / se_high, b_high / se_low
    name = pen.any_of("b", "B", "b", "estimate" if not pen.german else "b", "β" if form != "interval" else "b")
    if form == "interval":
        return _interval(pen, sort, name, b, se, b_text, se_text, df)
    if form == "t":
        made = plant(pen, rounded(abs(b / se), 2), t_low, t_high, sort, least=0.0)
        if made is None:
            return None
        sign = "-" if b < 0 else ""
        parts = [pen.equals(name, b_text), pen.equals("SE", se_text), pen.equals("t", sign + made)]
        return Made(
            "b, SE and t", sort, _about_slope(pen, parts), f"t of {b / se:.3f} → {made}" if sort != RIGHT else ""
        )
    no_df = form == "no df"
    p_true = float(2 * stats.t.sf(abs(b / se), df))
    if no_df and sort == INSIDE:
        low, high = 2 * stats.t.sf(t_high, 1e9), 2 * stats.t.sf(t_low, 12)
    else:
        low, high = 2 * stats.t.sf(t_high, 1e9 if no_df else df), 2 * stats.t.sf(t_low, 3 if no_df else df)
    p = p_of(pen, float(low), float(high), p_true, sort)
    if p is None:
        return None
    parts = [pen.equals(name, b_text), pen.equals("SE", se_text), p[0]]
    if not no_df:
        parts.insert(2, f"{pen.label('df')}{pen.equal}{df:.0f}")
    if name == "b" and not pen.mark and rng.random() < 0.25 and no_df:
        parts[0] = pen.number(b_text)
        return Made(f"b, SE and p{', no df' if no_df else ''}", sort, _about_slope(pen, parts, bare=True), p[1])
    if rng.random() < 0.2 and not no_df:
        return Made("b, SE and p", sort, _table_of_slopes(pen, b_text, se_text, f"{df:.0f}", p[0]), p[1])
    return Made(f"b, SE and p{', no df' if no_df else ''}", sort, _about_slope(pen, parts), p[1])


def _about_slope(pen: Pen, parts: list[str], bare: bool = False) -> str:
    inner = f"({pen.sep.join(parts)})" if bare else pen.bracket(*parts)
    run = pen.sep.join(parts)
    options = [
        pen.say(
            f"Engagement predicted symptoms in the next session {inner}.",
            f"Das Engagement sagte die Symptome vorher {inner}.",
        ),
        pen.say(
            f"The slope of time was small {inner} and was kept.",
            f"Der Zeitverlauf war gering {inner} und blieb im Modell.",
        ),
    ]
    if not bare:
        options += [
            pen.say(f"For the interaction we found {run}.", f"Für die Interaktion fand sich {run}."),
            pen.say(f"Rationale: {run}", f"Begründung: {run}"),
        ]
    return pen.any_of(*options)


def _table_of_slopes(pen: Pen, b: str, se: str, df: str, p: str) -> str:
    """One row of a table; p is printed as its sign and number or the number alone."""
    own = p.replace(pen.mark, "") if pen.mark else p
    cell = own.lstrip("pP").strip().lstrip("=").strip()
    cells = [pen.say("Time", "Zeit"), pen.number(b), pen.number(se), df, cell]
    heads = [pen.say("Term", "Prädiktor"), "b", "SE", "df", "p"]
    if pen.rng.random() < 0.5:
        return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * 5, cells))
    return "\n".join("\t".join(row) for row in (heads, cells))


def _interval(pen: Pen, sort: str, name: str, b: float, se: float, b_text: str, se_text: str, df: float) -> Made | None:
    level = int(pen.rng.choice([95, 95, 95, 90, 99]))
    z = stats.norm.isf((100 - level) / 200)
    with_df = pen.rng.random() < 0.4
    q = float(stats.t.isf((100 - level) / 200, df)) if with_df else float(z)
    digits = len(b_text.partition(".")[2])
    low_text, high_text = rounded(b - q * se, digits), rounded(b + q * se, digits)
    (b0, b1), (s0, s1) = ends(b_text), ends(se_text)
    (low0, low1), (high0, high1) = ends(low_text), ends(high_text)
    q1 = q if with_df else float(stats.t.isf((100 - level) / 200, 10 if sort != OUTSIDE else 4))
    # each limit lies so many standard errors from b, and as far as the other limit
    if pen.rng.random() < 0.5:
        made = plant(pen, low_text, max(b0 - q1 * s1, 2 * b0 - high1), min(b1 - q * s0, 2 * b1 - high0), sort)
        ci, planted = (made, high_text), f"{low_text} → {made}"
    else:
        made = plant(pen, high_text, max(b0 + q * s0, 2 * b0 - low1), min(b1 + q1 * s1, 2 * b1 - low0), sort)
        ci, planted = (low_text, made), f"{high_text} → {made}"
    if made is None or float(ci[0]) >= float(ci[1]):
        return None
    parts = [pen.equals(name, b_text), pen.equals("SE", se_text)]
    if with_df:
        parts.append(f"{pen.label('df')}{pen.equal}{df:.0f}")
    parts.append(_ci(pen, level, ci[0] or "", ci[1] or ""))
    return Made("b, SE and interval", sort, _about_slope(pen, parts), "" if sort == RIGHT else planted)


def _ci(pen: Pen, level: int, low: str, high: str) -> str:
    name = pen.say(pen.any_of("CI", "CI", "confidence interval"), pen.any_of("KI", "CI", "Konfidenzintervall"))
    share = f"{level}{pen.any_of('%', ' %', '%')}{pen.say(' ', pen.any_of(' ', '-'))}"
    a, b = pen.number(low), pen.number(high)
    joint = pen.any_of("; ", ";") if pen.comma else pen.any_of(", ", ", ", "; ")
    return pen.any_of(
        f"{share}{name} [{a}{joint}{b}]",
        f"{share}{name}{pen.equal}[{a}{joint}{b}]",
        f"{share}{name}: {a} {pen.say('to', 'bis')} {b}",
        f"{share}{name}, {a} {pen.say('to', 'bis')} {b}",
        f"{share}{name} ({a}{joint}{b})",
    )


# ---- models ----


def models(pen: Pen, form: str, sort: str) -> Made | None:
    rng = pen.rng
    n, k = int(rng.integers(40, 600)), int(rng.integers(3, 9))
    k2 = k + 1
    ll = -float(rng.uniform(0.6, 4.0)) * n
    gain = (
        float(rng.choice([stats.chi2.isf(rng.uniform(0.001, 0.7), 1), stats.chi2.isf(rng.uniform(0.001, 0.05), 1)])) / 2
    )
    d_ll, d_ic = 2, int(rng.choice([1, 2]))
    lls = [rounded(ll, d_ll), rounded(ll + gain, d_ll)]
    aics = [rounded(-2 * x + 2 * m, d_ic) for x, m in ((ll, k), (ll + gain, k2))]
    bics = [rounded(-2 * x + math.log(n) * m, d_ic) for x, m in ((ll, k), (ll + gain, k2))]
    if form == "likelihood ratio":
        low = 2 * (float(lls[1]) - float(lls[0]) - 2 * half(lls[0]))
        high = low + 8 * half(lls[0])
        if low <= 0:
            return None
        p = p_of(
            pen, float(stats.chi2.sf(high, 1)), float(stats.chi2.sf(low, 1)), float(stats.chi2.sf(2 * gain, 1)), sort
        )
        return None if p is None else Made("likelihood ratio", sort, _two_models(pen, lls, aics, None, p[0]), p[1])
    if form == "aic":
        two_ll = [-2 * end for end in reversed(ends(lls[0]))]
        made = plant(pen, aics[0], two_ll[0] + 2 * k, two_ll[1] + 2 * k, sort)
        if made is None:
            return None
        own = ends(made)
        k_low, k_high = (own[0] - two_ll[1]) / 2, (own[1] - two_ll[0]) / 2
        if sort == OUTSIDE and (math.floor(k_high + 1e-6) >= math.ceil(k_low - 1e-6)):
            return None  # another whole number of parameters gives it
        text = _one_model(pen, lls[0], made, None, None)
        return Made("logLik and AIC", sort, text, f"AIC {aics[0]} → {made}" if sort != RIGHT else "")
    two_ll = [-2 * end for end in reversed(ends(lls[0]))]
    made = plant(pen, bics[0], two_ll[0] + k * math.log(n), two_ll[1] + k * math.log(n), sort)
    if made is None:
        return None
    text = _one_model(pen, lls[0], aics[0], made, n)
    return Made("logLik, AIC, BIC and n", sort, text, f"BIC {bics[0]} → {made}" if sort != RIGHT else "")


def _one_model(pen: Pen, ll: str, aic: str, bic: str | None, n: int | None) -> str:
    parts = [pen.equals(pen.any_of("logLik", "log-likelihood", "LL", "Log-Likelihood"), ll), pen.equals("AIC", aic)]
    if bic is not None:
        parts.append(pen.equals("BIC", bic))
    if n is not None:
        rows = pen.any_of(f"{pen.label('n')}{pen.equal}{n}", pen.say(f"{n} observations", f"{n} Beobachtungen"))
        parts.insert(int(pen.rng.integers(len(parts) + 1)) if rows.startswith(pen.label("n")) else len(parts), rows)
    inner, run = pen.bracket(*parts), pen.sep.join(parts)
    return (
        pen.any_of(
            pen.say(
                f"The model with a random slope fitted well {inner}.",
                f"Das Modell mit zufälliger Steigung passte gut {inner}.",
            ),
            pen.say(f"Fit of the model: {run}.", f"Güte des Modells: {run}."),
        )
        .replace("with a random slope ", pen.any_of("", "of the null step "))
        .replace("mit zufälliger Steigung ", "")
    )


def _two_models(pen: Pen, lls: list[str], aics: list[str], bics: None, p: str) -> str:
    a, b, c, d = (pen.number(one) for one in (*lls, *aics))
    model, name = pen.say("model", "Modell"), pen.any_of("log-likelihood", "logLik", "LL")
    both = pen.say("and", "und")
    eq = pen.equal
    return pen.any_of(
        f"{name} {pen.say('for', 'für')} {model} 1{eq}{a} {both} {pen.say('for', 'für')} {model} 2{eq}{b}, {p}; AIC {pen.say('for', 'für')} {model} 1{eq}{c} "
        f"{both} {pen.say('for', 'für')} {model} 2{eq}{d}",
        f"{model.capitalize()} 1 ({name}{eq}{a}{pen.sep}AIC{eq}{c}) {pen.say('was compared with', 'wurde verglichen mit')} {model} 2 "
        f"({name}{eq}{b}{pen.sep}AIC{eq}{d}){pen.sep}{p}",
        pen.say(f"The likelihood-ratio test on 1 df compared {model} 1 ({name}{eq}{a}) with {model} 2 ({name}{eq}{b}), {p}",
                f"Der Likelihood-Quotienten-Test mit 1 Freiheitsgrad verglich {model} 1 ({name}{eq}{a}) und {model} 2 ({name}{eq}{b}), {p}"),
    ) + "."  # fmt: skip


# ---- counts ----

THINGS = (
    ("sessions", "Sitzungen"),
    ("patients", "Patienten"),
    ("homework tasks", "Hausaufgaben"),
    ("recordings", "Aufnahmen"),
)
PARTS = (
    ("cognitive", "kognitiv"),
    ("behavioural", "verhaltensbezogen"),
    ("educational", "edukativ"),
    ("other", "sonstige"),
    ("relapse-related", "rückfallbezogen"),
)


def percent_ends(text: str, total: int) -> tuple[float, float]:
    low, high = ends(text)
    return low / 100 * total, high / 100 * total


def share(pen: Pen, sort: str) -> Made | None:
    rng = pen.rng
    total = int(rng.integers(18, 420))
    part = int(rng.integers(1, total))
    digits = int(rng.choice([0, 1, 1]))
    text = rounded(100 * part / total, digits)
    planted = ""
    part_text = str(part)
    exact = 100 * part / total
    if sort != RIGHT and rng.random() < 0.6:
        made = plant(pen, text, exact, exact, OUTSIDE, least=0, most=100) if sort == OUTSIDE else None
        if made is None:
            return None
        text, planted = made, f"{text} % → {made} %"
    elif sort != RIGHT:
        low, high = percent_ends(text, total)
        options = [one for one in slips(rng, part_text) if "." not in one and 0 < int(one) <= total]
        good = [
            one
            for one in options
            if (low + 1e-9 < int(one) < high - 1e-9) == (sort == INSIDE)
            and abs(int(one) - low) > 1e-9
            and abs(int(one) - high) > 1e-9
        ]
        if not good:
            return None
        planted, part_text = f"{part} → {good[0]}", good[0]
    return Made("count and per cent", sort, _share_text(pen, part_text, str(total), text), planted)


def _share_text(pen: Pen, part: str, total: str, percent: str) -> str:
    thing = pen.say(*THINGS[int(pen.rng.integers(len(THINGS)))])
    q = pen.number(percent) + pen.any_of("%", " %", pen.say(" percent", " Prozent"))
    return pen.any_of(
        pen.say(
            f"Of {total} {thing}, {part} ({q}) were complete.", f"Von {total} {thing} waren {part} ({q}) vollständig."
        ),
        pen.say(
            f"{part} of {total} {thing} ({q}) could be used.", f"{part} von {total} {thing} ({q}) waren verwendbar."
        ),
        pen.say(
            f"In all, {part} of the {total} {thing} ({q}) were rated.",
            f"Insgesamt wurden {part} der {total} {thing} ({q}) beurteilt.",
        ),
        pen.say(f"{part}/{total} {thing} ({q}) were lost.", f"{part}/{total} {thing} ({q}) gingen verloren."),
        pen.say(
            f"A diary was kept in {q} ({part}/{total}) of the {thing}.",
            f"Ein Tagebuch fand sich bei {q} ({part}/{total}) der {thing}.",
        ),
        pen.say(
            f"Follow-up was reached by {q} ({part} of {total}).", f"Die Katamnese erreichten {q} ({part} von {total})."
        ),
        pen.say(
            f"{part} out of {total} {thing} ({q}) came from the first phase.",
            f"{part} von insgesamt {total} {thing} ({q}) stammten aus der ersten Phase.",
        ),
    )


def parts(pen: Pen, sort: str) -> Made | None:
    rng = pen.rng
    size = int(rng.integers(3, 6))
    counts = [int(one) for one in rng.integers(8, 150, size)]
    total = sum(counts)
    digits = int(rng.choice([0, 0, 1]))
    texts = [rounded(100 * one / total, digits) for one in counts]
    printed, planted = [str(one) for one in counts], ""
    total_text = str(total)
    with_percent = rng.random() < 0.6
    if sort == INSIDE:
        if not with_percent:
            return None
        return None  # a count that is changed breaks the sum; a per cent is either right or not
    if sort == OUTSIDE:
        which = int(rng.integers(size + 1))
        if which == size:
            made = next((one for one in slips(rng, total_text) if "." not in one and int(one) > max(counts)), None)
            if made is None:
                return None
            planted, total_text = f"total {total} → {made}", made
        else:
            made = next((one for one in slips(rng, printed[which]) if "." not in one and int(one) > 0), None)
            if made is None:
                return None
            planted, printed[which] = f"{printed[which]} → {made}", made
    return Made(
        "parts and total", sort, _parts_text(pen, printed, texts if with_percent else None, total_text), planted
    )


def _parts_text(pen: Pen, counts: list[str], texts: list[str] | None, total: str) -> str:
    thing = pen.say(*THINGS[int(pen.rng.integers(len(THINGS)))])
    names = [pen.say(*PARTS[place]) for place in pen.rng.permutation(len(PARTS))[: len(counts)]]
    sign = pen.any_of("%", " %")
    cells = []
    for name, count, place in zip(names, counts, range(len(counts)), strict=True):
        q = (
            ""
            if texts is None
            else f"{pen.any_of('; ', ', ') if not pen.comma else '; '}{pen.number(texts[place])}{sign}"
        )
        cells.append((name, count, q))
    if pen.rng.random() < 0.2:
        rows = [
            f"| {name} | {count} |{'' if texts is None else f' {pen.number(texts[place])} |'}"
            for place, (name, count, _) in enumerate(cells)
        ]
        head = f"| {pen.say('Type', 'Art')} | n |{'' if texts is None else ' % |'}"
        last = f"| {pen.say('Total', 'Gesamt')} | {total} |{'' if texts is None else ' 100 |'}"
        rule = "| --- | --- |" + ("" if texts is None else " --- |")
        return "\n".join([head, rule, *rows, last])
    listed = [f"{name} ({pen.label('n')}{pen.equal}{count}{q})" for name, count, q in cells]
    joined = f"{', '.join(listed[:-1])} {pen.say('and', 'und')} {listed[-1]}"
    return pen.any_of(
        pen.say(
            f"A total of {total} {thing} were recorded. These were {joined}.",
            f"Insgesamt wurden {total} {thing} erfasst. Diese waren {joined}.",
        ),
        pen.say(
            f"Of the {total} {thing} in total, all were classified: {joined}.",
            f"Alle insgesamt {total} {thing} wurden zugeordnet: {joined}.",
        ),
        pen.say(
            f"{total} {thing} in total were classified as {joined}.",
            f"{total} {thing} insgesamt wurden eingeteilt in {joined}.",
        ),
    )


# ---- means, repeats, loads, matrices ----

TOTALS = (
    ("PHQ-9 sum score", "PHQ-9-Summenwert"),
    ("number of sessions", "Anzahl der Sitzungen"),
    ("sum score of the BDI", "Summenwert des BDI"),
    ("number of tasks", "Anzahl der Aufgaben"),
)


def grim(pen: Pen, sort: str) -> Made | None:
    rng = pen.rng
    n, digits = int(rng.integers(7, 60)), 2
    total = int(rng.integers(3 * n, 25 * n))
    text = rounded(total / n, digits)
    planted = ""
    if sort != RIGHT:
        possible = {rounded(one / n, digits) for one in range(40 * n)}
        options = [one for one in slips(rng, text) if 0 < float(one) < 39]
        near = [one for one in options if (one in possible) == (sort == INSIDE)]
        if sort == OUTSIDE:  # nowhere near a tie of rounding
            near = [
                one
                for one in near
                if min(abs(float(one) - k / n) for k in range(int(float(one) * n) - 1, int(float(one) * n) + 3))
                > 0.005 + 1e-9
            ]
        if not near:
            return None
        planted, text = f"{text} → {near[0]}", near[0]
    sd = rounded(float(rng.uniform(1.5, 6)), 2)
    what = pen.say(*TOTALS[int(rng.integers(len(TOTALS)))])
    m, s, size = pen.equals("M", text), pen.equals("SD", sd), f"{pen.label(pen.any_of('n', 'N'))}{pen.equal}{n}"
    return Made("mean of whole numbers", sort, pen.any_of(
        pen.say(f"The mean {what} was {pen.number(text)} ({s}{pen.sep}{size}).", f"Der mittlere {what} betrug {pen.number(text)} ({s}{pen.sep}{size})." if "Summen" in what else f"Die mittlere {what} betrug {pen.number(text)} ({s}{pen.sep}{size})."),
        pen.say(f"The {what} was high at intake ({m}{pen.sep}{s}{pen.sep}{size}).", f"Zu Beginn war {what} hoch ({m}{pen.sep}{s}{pen.sep}{size})."),
        pen.say(f"At intake ({size}) the {what} was on average {m} ({s}).", f"Zu Beginn ({size}) lag {what} im Mittel bei {m} ({s})."),
    ), planted)  # fmt: skip


def twice(pen: Pen, sort: str) -> Made | None:
    rng = pen.rng
    age, sd = float(rng.uniform(14, 60)), float(rng.uniform(2, 18))
    first, spread = rounded(age, 1), rounded(sd, 1)
    digits = int(rng.choice([0, 1, 1]))
    low, high = ends(first)
    second = plant(pen, rounded(age, digits), low, high, sort, least=10, most=95)
    if second is None:
        return None
    n = int(rng.integers(20, 140))
    a, b, s = pen.number(first), pen.number(second), pen.number(spread)
    eq = pen.equal
    abstract = pen.any_of(
        pen.say(
            f"Tapes of {n} patients ({pen.label('M')} age{eq}{a}{pen.sep}{pen.label('SD')}{eq}{s}) were rated.",
            f"Aufnahmen von {n} Patienten (Alter: {pen.label('M')}{eq}{a}{pen.sep}{pen.label('SD')}{eq}{s}) wurden beurteilt.",
        ),
        pen.say(
            f"{n} patients (70% female, age: {pen.label('M')}{eq}{a}, {pen.label('SD')}{eq}{s}) took part.",
            f"{n} Patienten (mittleres Alter {a} Jahre) nahmen teil.",
        ),
        pen.say(
            f"{n} patients took part; their mean age was {a} years (SD{eq}{s}).",
            f"Es nahmen {n} Patienten teil; das mittlere Alter betrug {a} Jahre (SD{eq}{s}).",
        ),
    )
    later = pen.any_of(
        pen.say(
            f"Patients were on average {b} years old (SD{eq}{s}).",
            f"Die Patienten waren im Mittel {b} Jahre alt (SD{eq}{s}).",
        ),
        pen.say(f"The mean age of the patients was {b} years.", f"Das mittlere Alter der Patienten betrug {b} Jahre."),
        pen.say(f"The sample was {b} years old on average.", f"Die Stichprobe war durchschnittlich {b} Jahre alt."),
    )
    filler = pen.say(
        "Three therapists (mean age 34 years) treated them.",
        "Drei Therapeutinnen (im Mittel 34 Jahre alt) behandelten sie.",
    )
    text = f"{abstract}\n\n{filler}\n\n{later}" if rng.random() < 0.6 else f"{abstract}\n\n{later}"
    return Made("printed twice", sort, text, f"age {first}, then {second}" if sort != RIGHT else "")


WORDS = (("four", "vier", 4), ("five", "fünf", 5), ("six", "sechs", 6), ("three", "drei", 3))


def loads(pen: Pen, sort: str) -> Made | None:
    rng = pen.rng
    english, german, raters = WORDS[int(rng.integers(len(WORDS)))]
    n, q = int(rng.integers(80, 400)), float(rng.choice([20, 25, 30, 40, 50]))
    double = round(n * q / 100)
    per = (n + double) / raters
    width = int(rng.integers(1, 5))
    low, high = math.floor(per) - width, math.ceil(per) + width
    needed = [n * (1 + (q - 0.5) / 100), n * (1 + (q + 0.5) / 100)]
    planted = ""
    if sort != RIGHT:
        shift = int(rng.integers(1, 1 + max(2, width))) if sort == INSIDE else int(rng.integers(width + 2, 30))
        shift *= int(rng.choice([-1, 1]))
        before = f"{low} to {high}"
        low, high = low + shift, high + shift
        out = raters * high < needed[0] - 1e-9 or raters * low > needed[1] + 1e-9
        if out != (sort == OUTSIDE) or low < 2:
            return None
        planted = f"{before} → {low} to {high}"
    who = pen.say(english, german)
    text = pen.any_of(
        pen.say(f"{who.capitalize()} raters coded {n} sessions, {q:.0f}% of them twice. Each rater coded between {low} and {high} sessions.",
                f"{who.capitalize()} Rater beurteilten {n} Sitzungen, {q:.0f} % davon doppelt. Jeder Rater beurteilte zwischen {low} und {high} Sitzungen."),
        pen.say(f"{n} sessions were rated by {who} independent raters; {q:.0f}% of the sessions were double-coded, which made {low} to {high} sessions per rater.",
                f"{n} Sitzungen wurden von {who} unabhängigen Ratern beurteilt; {q:.0f} % der Sitzungen wurden doppelt kodiert, also {low} bis {high} Sitzungen pro Rater."),
    )  # fmt: skip
    return Made("rater loads", sort, text, planted)


def matrix(pen: Pen, sort: str) -> Made | None:
    rng = pen.rng
    size = int(rng.integers(3, 6))
    x = rng.normal(size=(60, size)) + rng.normal(size=(60, 1)) * rng.uniform(0.4, 2.0)
    r = np.corrcoef(x, rowvar=False)
    texts = [[rounded(r[i, j], 2) for j in range(i)] for i in range(size)]
    planted = ""
    if sort != RIGHT:
        i = int(rng.integers(1, size))
        j = int(rng.integers(i))
        old = texts[i][j]
        new = old[1:] if old.startswith("-") else f"-{old}"
        if sort == INSIDE:
            new = rounded(float(old) + float(rng.choice([-0.02, 0.01, 0.03])), 2)
        if abs(float(new)) >= 1:
            return None
        texts[i][j] = new
        planted = f"r {old} → {new}"
    values = np.eye(size)
    for i in range(size):
        for j in range(i):
            values[i, j] = values[j, i] = float(texts[i][j])
    least = float(np.linalg.eigvalsh(values)[0])
    room = (size - 1) * 0.005
    if (sort == OUTSIDE and least > -room - 1e-9) or (sort != OUTSIDE and least < 1e-9):
        return None
    names = [
        pen.say(*one)
        for one in (
            ("Rationale", "Begründung"),
            ("Praise", "Lob"),
            ("Resistance", "Widerstand"),
            ("Time", "Zeit"),
            ("Adherence", "Adhärenz"),
        )
    ][:size]
    head = [pen.say("Variable", "Variable"), *[str(place + 1) for place in range(size)]]
    rows = [
        [f"{i + 1}. {names[i]}", *[pen.number(one, True) for one in texts[i]], pen.any_of("–", "1", "—")]
        for i in range(size)
    ]
    title = pen.say("Table 3. Correlations of the predictors", "Tabelle 3. Korrelationen der Prädiktoren")
    if rng.random() < 0.5:
        rows = [row + [""] * (size + 1 - len(row)) for row in rows]
        table = "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * (size + 1), *rows))
    else:
        gap = pen.any_of("\t", "   ")
        table = "\n".join(gap.join(row) for row in (head, *rows))
    return Made("correlation matrix", sort, f"{title}\n\n{table}\n", planted)


def beta(pen: Pen, sort: str) -> Made | None:
    rng = pen.rng
    x = rng.normal(size=(80, 3)) + rng.normal(size=(80, 1)) * rng.uniform(0.2, 1.2)
    r = np.corrcoef(x, rowvar=False)
    texts = [rounded(one, 2) for one in (r[0, 1], r[0, 2], r[1, 2])]
    y1, y2, r12 = (np.linspace(*ends(one), 21) for one in texts)
    grid = (y1[:, None, None] - y2[None, :, None] * r12) / (1 - r12**2)
    low, high = float(grid.min()), float(grid.max())
    true = float((r[0, 1] - r[0, 2] * r[1, 2]) / (1 - r[1, 2] ** 2))
    made = plant(pen, rounded(true, 2), low, high, sort, least=-2, most=2)
    if made is None:
        return None
    a, b, c = (pen.number(one, True) for one in texts)
    eq, rr = pen.equal, pen.label("r")
    d = pen.number(made, True)
    text = pen.say(
        f"Rationale correlated with adherence ({rr}{eq}{a}), praise correlated with adherence ({rr}{eq}{b}), and rationale correlated "
        f"with praise ({rr}{eq}{c}). With rationale and praise as the only predictors of adherence, rationale had β{eq}{d}.",
        f"Begründung korrelierte mit Adhärenz ({rr}{eq}{a}), Lob korrelierte mit Adhärenz ({rr}{eq}{b}), und Begründung korrelierte mit Lob "
        f"({rr}{eq}{c}). Mit Begründung und Lob als den einzigen Prädiktoren der Adhärenz hatte Begründung β{eq}{d}.",
    )
    return Made("β and correlations", sort, text, f"β {true:.3f} → {made}" if sort != RIGHT else "")


# ---- draw, wrap, count ----

KINDS: tuple[tuple[float, Callable[[Pen, str], Made | None]], ...] = (
    (3, lambda pen, sort: statistic(pen, "t", sort)),
    (3, lambda pen, sort: statistic(pen, "F", sort)),
    (3, lambda pen, sort: statistic(pen, "chi2", sort)),
    (1.5, lambda pen, sort: statistic(pen, "z", sort)),
    (2, lambda pen, sort: statistic(pen, "r", sort)),
    (2, lambda pen, sort: coefficient(pen, "df", sort)),
    (1.5, lambda pen, sort: coefficient(pen, "no df", sort)),
    (1.5, lambda pen, sort: coefficient(pen, "t", sort)),
    (2, lambda pen, sort: coefficient(pen, "interval", sort)),
    (1.2, lambda pen, sort: models(pen, "aic", sort)),
    (1.2, lambda pen, sort: models(pen, "bic", sort)),
    (2, lambda pen, sort: models(pen, "likelihood ratio", sort)),
    (2.5, share),
    (2.5, parts),
    (2, grim),
    (2, twice),
    (1.5, loads),
    (1.5, matrix),
    (1, beta),
)
BEFORE = (
    ("Raters were trained for 54 hours in 2019.", "Die Rater wurden 2019 in 54 Stunden geschult."),
    ("As in earlier work (Bryant et al., 1999; Jungbluth & Shirk, 2013), items were rated from 0 to 4.", "Wie in früheren Arbeiten (Bryant et al., 1999) wurden Items von 0 bis 4 beurteilt."),
    ("Sessions lasted 30 to 40 min.", "Die Sitzungen dauerten 30 bis 40 Minuten."),
    ("Missing values were left out (see Section 2.3).", "Fehlende Werte wurden ausgelassen (siehe Abschnitt 2.3)."),
    ("Reliability was good (ICC = .72; ω = .87).", "Die Reliabilität war gut (ICC = .72; ω = .87)."),
)  # fmt: skip


def dressed(pen: Pen, text: str) -> str:
    """The statement among other sentences, with lines broken as PDF text has them and blanks doubled."""
    rng = pen.rng
    if "\n" in text:
        return text if rng.random() < 0.5 else f"{pen.say(*BEFORE[int(rng.integers(len(BEFORE)))])}\n\n{text}\n"
    around = [pen.say(*BEFORE[place]) for place in rng.permutation(len(BEFORE))[: int(rng.integers(0, 3))]]
    at = int(rng.integers(len(around) + 1))
    whole = " ".join([*around[:at], text, *around[at:]])
    if rng.random() < 0.1:
        whole = whole.replace(" =", "  =").replace("\u2009", " ")
    if rng.random() < 0.1:
        whole = whole.replace(" = ", "\u00a0= ")
    if rng.random() < 0.35:
        whole = "\n".join(
            textwrap.wrap(whole, int(rng.integers(38, 90)), break_long_words=False, break_on_hyphens=False)
        )
    return whole


def statement(seed: int, sort: str) -> Made:
    """Statement `seed` of a sort; always the same one."""
    rng = np.random.default_rng([seed, (RIGHT, OUTSIDE, INSIDE).index(sort)])
    weights = np.array([weight for weight, _ in KINDS])
    while True:
        pen = Pen(rng)
        made = KINDS[int(rng.choice(len(KINDS), p=weights / weights.sum()))][1](pen, sort)
        if made is not None:
            return Made(made.kind, made.sort, dressed(pen, made.text), made.planted)


def asked(made: Made) -> bool:
    """Whether the audit asks anything of a statement."""
    from doublecode.analysis import audit

    return bool((audit(made.text).frame["verdict"] == "question").any())


def read(made: Made) -> bool:
    """Whether the audit took a stand on any check of a statement."""
    from doublecode.analysis import audit

    return bool((audit(made.text).frame["verdict"] != "not checked").any())


def table(number: int, start: int = 0) -> str:
    """Counts by kind, and every statement that was judged wrongly."""
    lines, misses = [], []
    for sort, right in ((RIGHT, False), (OUTSIDE, True), (INSIDE, False)):
        done, good, taken = Counter[str](), Counter[str](), Counter[str]()
        for seed in range(start, start + number):
            made = statement(seed, sort)
            done[made.kind] += 1
            taken[made.kind] += read(made)
            if asked(made) == right:
                good[made.kind] += 1
            else:
                misses.append(f"[{sort} {seed}, {made.kind}] {made.planted}\n{textwrap.indent(made.text, '    ')}")
        what = "a question" if right else "no question"
        lines.append(f"{sort}: {what} in {good.total()} of {done.total()} ({taken.total()} recomputed)")
        lines += [f"  {kind:<26}{good[kind]:>4} of {done[kind]:>3} ({taken[kind]} recomputed)" for kind in sorted(done)]
    return "\n".join([*lines, "", f"misses: {len(misses)}", *misses])


if __name__ == "__main__":
    print(table(*map(int, sys.argv[1:])) if len(sys.argv) > 1 else table(500))
