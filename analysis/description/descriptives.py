"""What the data look like before any model: items, scores, the sample, the homework log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from doublecode.analysis.description.homework import LogResult as LogResult
from doublecode.analysis.description.homework import log_counts as log_counts
from doublecode.analysis.rendering.answers import Answer
from doublecode.coding.scoring import ITEMS
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.frames import SCORES, check_frame
from doublecode.schemas.instrument import Instrument

MOMENTS = ("n", "n_missing", "mean", "sd", "min", "max", "skew", "kurtosis")
_SHAPE_NOTE = (
    "Skewness is G1 and kurtosis is G2 (excess; the normal has 0), as SPSS and SAS print them "
    "(type 2 of Joanes & Gill 1998); undefined below 3 and 4 values or without spread."
)
_NESTED_NOTE = "Rows of all sessions are pooled as they are; SDs mix differences between and within patients."


@dataclass(frozen=True, eq=False, repr=False)
class DescriptivesResult(Answer):
    """Moments per variable and session.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        ``instrument``, ``item`` or ``scale``, ``label``, ``session`` ("all" or the number as text), ``n``,
        ``n_missing``, ``mean``, ``sd``, ``min``, ``max``, ``skew`` (G1), ``kurtosis`` (G2).
    missing : DataFrame
        Why values are missing: ``instrument``, ``item`` or ``scale``, ``reason``, ``n``.
    design : dict
    notes : tuple of str
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    missing: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


def moments(values: Sequence[float] | np.ndarray[Any, Any]) -> dict[str, float]:
    """Describe one sample, missing values apart.

    With central moments m_k (denominator n), g₁ = m₃/m₂^1.5 and g₂ = m₄/m₂² − 3:
    G₁ = g₁·√(n(n−1))/(n−2), G₂ = (n−1)/((n−2)(n−3))·((n+1)g₂ + 6)
    (Joanes & Gill 1998, The Statistician, 47, 183–189, their type 2).

    Parameters
    ----------
    values : array-like, shape (n,)

    Returns
    -------
    dict
        ``n``, ``n_missing``, ``mean``, ``sd`` (denominator n − 1), ``min``, ``max``, ``skew``, ``kurtosis``.

    Examples
    --------
    >>> found = moments([1.0, 2.0, 3.0, 10.0, math.nan])
    >>> found["n"], found["n_missing"], round(found["skew"], 3), round(found["kurtosis"], 3)
    (4, 1, 1.764, 3.228)
    """
    given = np.asarray(values, dtype=np.float64)
    x = given[~np.isnan(given)]
    n = len(x)
    found: dict[str, float] = dict.fromkeys(MOMENTS, math.nan)
    found |= {"n": n, "n_missing": len(given) - n}
    if n == 0:
        return found
    deviations = x - x.mean()
    found |= {"mean": float(x.mean()), "min": float(x.min()), "max": float(x.max())}
    if n > 1:
        found["sd"] = float(np.sqrt((deviations**2).sum() / (n - 1)))
    m2 = float((deviations**2).mean())
    if m2 > 1e-28 * max(1.0, float(np.abs(x).max()) ** 2):
        g1, g2 = float((deviations**3).mean()) / m2**1.5, float((deviations**4).mean()) / m2**2 - 3
        if n > 2:
            found["skew"] = g1 * math.sqrt(n * (n - 1)) / (n - 2)
        if n > 3:
            found["kurtosis"] = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * g2 + 6)
    return found


def describe_items(items: pd.DataFrame, codebooks: Mapping[str, Instrument]) -> DescriptivesResult:
    """Describe every item over all sessions and in each.

    Parameters
    ----------
    items : DataFrame
        Contract ``ITEMS``: pooled, not reversed.
    codebooks : mapping of name to Instrument
        Give the order and the labels.

    Examples
    --------
    >>> from doublecode.schemas.instrument import load_instrument
    >>> items = pd.DataFrame({"study": "toy", "patient": ["P1", "P2"], "therapist": "T1", "session": 1,
    ...     "session_id": ["S-1", "S-2"], "instrument": "homework_adherence", "item": "adherence",
    ...     "value": [4.0, 5.0], "n_raters": 1.0, "reason": None})
    >>> result = describe_items(items, {"homework_adherence": load_instrument("homework_adherence")})
    >>> result.frame[["item", "session", "n", "mean"]].to_numpy().tolist()
    [['adherence', 'all', 2, 4.5], ['adherence', '1', 2, 4.5]]
    """
    check_frame(items, ITEMS)
    labels = {(book.name, item.name): item.label for book in codebooks.values() for item in book.columns}
    return _describe(items, "item", labels, "Items are described as coded, before any reversal.")


def describe_scores(scores: pd.DataFrame, codebooks: Mapping[str, Instrument] | None = None) -> DescriptivesResult:
    """Describe every scale score over all sessions and in each.

    Parameters
    ----------
    scores : DataFrame
        Contract ``SCORES``.
    codebooks : mapping of name to Instrument, optional
        Give the order and the labels.
    """
    check_frame(scores, SCORES)
    books = (codebooks or {}).values()
    labels = {(book.name, scale.name): scale.label for book in books for scale in book.scales}
    return _describe(
        scores, "scale", labels, "Scores of a lagged scale do not exist in session 1; it counts as missing there."
    )


def _describe(long: pd.DataFrame, kind: str, labels: Mapping[tuple[str, str], str], note: str) -> DescriptivesResult:
    place = {key: number for number, key in enumerate(labels)}
    found = {(str(book), str(name)): part for (book, name), part in long.groupby(["instrument", kind], sort=True)}
    rows = []
    for key in sorted(found, key=lambda key: place.get(key, len(place))):
        part = found[key]
        head = {"instrument": key[0], kind: key[1], "label": labels.get(key, key[1])}
        rows.append({**head, "session": "all", **moments(part["value"].to_numpy())})
        for number, one in part.groupby("session", sort=True):
            rows.append({**head, "session": str(number), **moments(one["value"].to_numpy())})
    table = pd.DataFrame(rows, columns=["instrument", kind, "label", "session", *MOMENTS])
    gone = long[long["value"].isna()]
    why = gone["reason"].astype(object).where(gone["reason"].notna(), "no reason given")
    missing = (
        gone.assign(reason=why).groupby(["instrument", kind, "reason"], sort=True).size().rename("n").reset_index()
    )
    return DescriptivesResult(
        spec={"of": f"{kind}s"},
        frame=table.astype({"n": int, "n_missing": int}),
        missing=missing,
        design={
            "n_sessions": len(long[["patient", "session"]].drop_duplicates()),
            "n_patients": int(long["patient"].nunique()),
            "n_values": int(long["value"].notna().sum()),
            "n_missing": len(gone),
        },
        notes=(note, _SHAPE_NOTE, _NESTED_NOTE),
    )


@dataclass(frozen=True, eq=False, repr=False)
class SampleResult(Answer):
    """The sample table.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        ``unit`` ("patients" or "therapists"), ``variable``, ``level`` (a category, or empty for a number), ``n``,
        ``percent`` (of those with a value), ``mean``, ``sd``, ``min``, ``max``, ``n_missing``.
    design : dict
        ``n_patients``, ``n_therapists``, ``kinds`` (how each column was read).
    notes : tuple of str
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[str, ...]


def sample_table(patients: pd.DataFrame, therapists: pd.DataFrame, columns: Sequence[str]) -> SampleResult:
    """Describe the sample: M and SD of numbers, n and % of categories, multi-response columns option by option.

    Parameters
    ----------
    patients, therapists : DataFrame
        ``patients.csv`` (those to be described) and ``therapists.csv``.
    columns : sequence of str
        Columns of either table; a name that both have is described in both. A column of numbers
        gets moments, one of 0 and 1 the share of 1, one in which a cell holds ``;`` is taken as
        multi-response (its percentages may add up to more than 100), any other as categories.

    Raises
    ------
    UsageError
        A column is in neither table.
    ContractError
        A column mixes numbers and words.

    Examples
    --------
    >>> patients = pd.DataFrame({"patient": ["P1", "P2"], "age": ["50", "60"], "comorbid": ["GAD;SAD", "GAD"]})
    >>> table = sample_table(patients, pd.DataFrame({"therapist": ["T1"]}), ["age", "comorbid"]).frame
    >>> table[["variable", "level", "n", "percent"]].fillna(0).to_numpy().tolist()
    [['age', '', 2, 0.0], ['comorbid', 'GAD', 2, 100.0], ['comorbid', 'SAD', 1, 50.0]]
    """
    rows: list[dict[str, Any]] = []
    kinds: dict[str, str] = {}
    for column in columns:
        homes = [(unit, t) for unit, t in (("patients", patients), ("therapists", therapists)) if column in t.columns]
        if not homes:
            allowed = ", ".join(dict.fromkeys([*map(str, patients.columns), *map(str, therapists.columns)]))
            raise UsageError(f"sample table: there is no column {column!r}; allowed: {allowed}. See sample_columns.")
        for unit, table in homes:
            kind = _kind(table[column], f"{unit}.csv: column {column!r}")
            kinds[f"{unit}: {column}"] = kind
            n_missing = int(table[column].isna().sum())
            parts = _sample_rows(table[column].dropna(), kind)
            rows += [{"unit": unit, "variable": column, **part, "n_missing": n_missing} for part in parts]
    order = ["unit", "variable", "level", "n", "percent", "mean", "sd", "min", "max", "n_missing"]
    notes = ["Percentages are of those with a value; n_missing says how many have none."]
    several = [name for name, kind in kinds.items() if kind == "multi-response"]
    notes += [f"Several answers possible, percentages may exceed 100: {', '.join(several)}."] if several else []
    coded = [name for name, kind in kinds.items() if kind == "0/1"]
    notes += [f"Coded 0/1, the row shows those with 1: {', '.join(coded)}."] if coded else []
    return SampleResult(
        spec={"columns": list(columns)},
        frame=pd.DataFrame(rows, columns=order),
        design={"n_patients": len(patients), "n_therapists": len(therapists), "kinds": kinds},
        notes=tuple(notes),
    )


def _kind(values: pd.Series[Any], where: str) -> str:
    filled = values.dropna()
    numbers = pd.to_numeric(filled, errors="coerce")
    if len(filled) and numbers.notna().all():
        return "0/1" if set(numbers.unique()) <= {0, 1} else "number"
    if numbers.notna().any():
        wrong = filled[numbers.isna()].iloc[0]
        raise ContractError(
            f"{where}: found {wrong!r} among numbers. Write numbers in every cell, or words in every cell."
        )
    return "multi-response" if filled.astype(str).str.contains(";").any() else "category"


def _sample_rows(filled: pd.Series[Any], kind: str) -> list[dict[str, Any]]:
    blank = {"level": "", "n": len(filled), **dict.fromkeys(("percent", "mean", "sd", "min", "max"), math.nan)}
    if kind == "number":
        found = moments(pd.to_numeric(filled).to_numpy())
        return [blank | {name: found[name] for name in ("mean", "sd", "min", "max")}]
    if kind == "0/1":
        n = int((pd.to_numeric(filled) == 1).sum())
        return [blank | {"level": "1", "n": n, "percent": 100 * n / len(filled)}]
    answers = [[part.strip() for part in str(cell).split(";" if kind == "multi-response" else "\n")] for cell in filled]
    counts: dict[str, int] = {}
    for cell in answers:
        for answer in dict.fromkeys(part for part in cell if part):
            counts[answer] = counts.get(answer, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [blank | {"level": level, "n": n, "percent": 100 * n / len(filled)} for level, n in ranked]
    return rows or [blank]
