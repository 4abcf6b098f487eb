"""What the data look like before any model: the moments of items, scores and other variables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from doublecode.analysis.description.missing_rules import EACH_VARIABLE
from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.coding.scoring import ITEMS
from doublecode.schemas.errors import ContractError, UsageError
from doublecode.schemas.frames import SCORES, as_pandas, check_frame
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.near_names import told_apart
from doublecode.schemas.results import Note

MOMENTS = ("n", "n_missing", "mean", "sd", "min", "max", "skew", "kurtosis")
ALL: Final = "all"


@dataclass(frozen=True, eq=False, repr=False)
class DescriptivesResult(Answer):
    """Moments per variable, overall and by session or another column.

    Attributes
    ----------
    spec : dict
    frame : DataFrame
        What is described (``variable``; of long frames ``instrument`` and ``item`` or ``scale``, ``label``), the
        level (a column named by `by`, of long frames ``session``: "all" or the level as text), ``n``,
        ``n_missing``, ``mean``, ``sd``, ``min``, ``max``, ``skew`` (G1), ``kurtosis`` (G2).
    missing : DataFrame
        Why values are missing: ``instrument``, ``item`` or ``scale`` (else ``variable``), ``reason``, ``n``.
    design : dict
        Counts, and ``missing_rule``.
    notes : tuple of Note
    rows : Index
        Labels of the rows of the input.
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    missing: pd.DataFrame
    design: dict[str, Any]
    notes: tuple[Note, ...]
    rows: pd.Index[Any]

    @property
    def params(self) -> pd.Series[Any]:
        """Means by what is described and its level."""
        names = [str(name) for name in self.frame.columns if name not in (*MOMENTS, "label")]
        return self.frame.set_index(names)["mean"]

    def tables(self) -> tuple[Table, ...]:
        """All rows together, then each level by itself where there are several."""
        level, numbers = self.spec["by"], tuple(column(name) for name in MOMENTS)
        overall = self.frame if level is None else self.frame[self.frame[level] == ALL]
        first = column("label", self.spec["of"].capitalize(), kind="text")
        tables = (Table("described", "Descriptive statistics", overall, (first, *numbers)),)
        if level is None or len(self.frame[level].unique()) < 3:
            return tables
        heading = level.replace("_", " ").capitalize()
        each = self.frame[self.frame[level] != ALL]
        columns = (column(level, heading, kind="text"), *numbers)
        return (*tables, Table("described_by_level", f"By {heading.lower()}", each, columns, group="label"))

    def counted(self) -> str:
        """Rows or sessions, values and missing values."""
        known = self.design
        on = (
            f"{known['n_sessions']} sessions of {known['n_patients']} patients"
            if "n_sessions" in known
            else (f"{known['n_rows']} rows")
        )
        return f"{on}, {known['n_values']} values, {known['n_missing']} missing."


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


def describe(
    data: pd.DataFrame,
    variables: Sequence[str] | None = None,
    *,
    by: str | None = None,
    codebooks: Mapping[str, Instrument] | Iterable[Instrument] | None = None,
) -> DescriptivesResult:
    """Describe the numeric columns of a frame: n, missing values, mean, SD, range, skewness, kurtosis.

    Parameters
    ----------
    data : DataFrame
        One row per session or patient. With `codebooks`: a long frame of items (from ``pool_ratings``) or of
        scores (from ``score``), described by session.
    variables : sequence of str, optional
        Columns to describe; all that hold numbers when not given. Of a long frame the items or scales.
    by : str, optional
        Column whose levels are also described each by itself; a long frame goes by session.
    codebooks : instruments, or mapping of name to instrument, optional
        Give the order and the labels of items or scales.

    Raises
    ------
    UsageError
        A column is absent, or there is none that holds numbers.
    ContractError
        A named column does not hold numbers; a long frame breaks its contract.

    Notes
    -----
    Skewness is G₁ and kurtosis G₂ (Joanes & Gill 1998, The Statistician, 47, 183–189, their type 2).

    Examples
    --------
    >>> frame = pd.DataFrame({"patient": ["P1", "P1", "P2"], "he": [1.0, 3.0, 5.0], "tbh": [2.0, None, 4.0]})
    >>> describe(frame).frame[["variable", "n", "n_missing", "mean"]].to_numpy().tolist()
    [['he', 3, 0, 3.0], ['tbh', 2, 1, 3.0]]
    """
    data = as_pandas(data)
    if codebooks is not None:
        books = codebooks if isinstance(codebooks, Mapping) else {book.name: book for book in codebooks}
        return _describe_long(data, variables, by, books)
    names = _numeric(data, variables, by)
    parts = [(ALL, data)]
    if by is not None:
        parts += [(str(level), part) for level, part in data.groupby(by, sort=True, observed=True)]
    rows: list[dict[str, Any]] = [
        {"variable": name, "label": name, "level": level, **moments(part[name].to_numpy(dtype=float))}
        for name in names
        for level, part in parts
    ]
    table = pd.DataFrame(rows, columns=["variable", "label", "level", *MOMENTS])
    table = table.drop(columns="level") if by is None else table.rename(columns={"level": by})
    n_missing = data[names].isna().sum()
    gone = n_missing[n_missing > 0]
    return DescriptivesResult(
        spec={"of": "variables", "variables": names, "by": by},
        frame=table.astype({"n": int, "n_missing": int}),
        missing=pd.DataFrame({"variable": gone.index, "reason": "no reason given", "n": gone.to_numpy()}),
        design={
            "n_rows": len(data),
            "n_values": int(data[names].notna().to_numpy().sum()),
            "n_missing": int(n_missing.sum()),
            "missing_rule": EACH_VARIABLE,
        },
        notes=(Note("shape_of_samples"),),
        rows=data.index,
    )


def _numeric(data: pd.DataFrame, variables: Sequence[str] | None, by: str | None) -> list[str]:
    """The columns to describe, checked."""
    numbers = [str(name) for name in data.columns if data[name].dtype.kind in "iuf"]
    names = [name for name in numbers if name != by] if variables is None else list(variables)
    absent = [name for name in (*names, *([] if by is None else [by])) if name not in data.columns]
    if absent or not names:
        raise UsageError(
            f"describe: found {absent[0] if absent else 'no column of numbers'!r}; allowed: "
            f"{', '.join(map(str, data.columns))}."
        )
    for name in names:
        if name not in numbers:
            raise ContractError(f"describe: column {name!r} must hold numbers, found {data[name].dtype}.")
    return names


def _describe_long(
    data: pd.DataFrame, variables: Sequence[str] | None, by: str | None, books: Mapping[str, Instrument]
) -> DescriptivesResult:
    kind = "scale" if "scale" in data.columns else "item"
    if by not in (None, "session") or kind not in data.columns:
        raise UsageError("describe: a long frame has a column item or scale, and goes by session.")
    rows = data if variables is None else data[data[kind].isin(list(variables))]
    return describe_scores(rows, books) if kind == "scale" else describe_items(rows, books)


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
    labels = {
        (book.name, name): label
        for book in codebooks.values()
        for name, label in told_apart((item.name, item.label) for item in book.columns).items()
    }
    return _describe(items, "item", labels, Note("items_as_coded"))


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
    labels = {
        (book.name, name): label
        for book in books
        for name, label in told_apart((scale.name, scale.label) for scale in book.scales).items()
    }
    return _describe(scores, "scale", labels, Note("lagged_scores_begin_late"))


def _describe(long: pd.DataFrame, kind: str, labels: Mapping[tuple[str, str], str], note: Note) -> DescriptivesResult:
    place = {key: number for number, key in enumerate(labels)}
    found = {
        (str(book), str(name)): part
        for (book, name), part in long.groupby(["instrument", kind], sort=True, observed=True)
    }
    rows = []
    for key in sorted(found, key=lambda key: place.get(key, len(place))):
        part = found[key]
        head = {"instrument": key[0], kind: key[1], "label": labels.get(key, key[1])}
        rows.append({**head, "session": ALL, **moments(part["value"].to_numpy())})
        for number, one in part.groupby("session", sort=True, observed=True):
            rows.append({**head, "session": str(number), **moments(one["value"].to_numpy())})
    table = pd.DataFrame(rows, columns=["instrument", kind, "label", "session", *MOMENTS])
    gone = long[long["value"].isna()]
    why = gone["reason"].astype(object).where(gone["reason"].notna(), "no reason given")
    missing = (
        gone.assign(reason=why)
        .groupby(["instrument", kind, "reason"], sort=True, observed=True)
        .size()
        .rename("n")
        .reset_index()
    )
    return DescriptivesResult(
        spec={"of": f"{kind}s", "by": "session"},
        frame=table.astype({"n": int, "n_missing": int}),
        missing=missing,
        design={
            "n_sessions": len(long[["patient", "session"]].drop_duplicates()),
            "n_patients": int(long["patient"].nunique()),
            "n_values": int(long["value"].notna().sum()),
            "n_missing": len(gone),
            "missing_rule": EACH_VARIABLE,
        },
        notes=(note, Note("shape_of_samples"), Note("sessions_pooled")),
        rows=long.index,
    )
