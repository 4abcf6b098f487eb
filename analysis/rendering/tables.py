"""Numbers for the eye, and results for machines: rounding happens here and nowhere else.

A :class:`Table` names its parts as typographers do (heading, stub, body,
notes) and keeps the frame it shows, so that the page, the Word file and the
CSV file are renderings of one thing: the first two rounded, the last with full
precision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from doublecode.schemas.errors import UsageError
from doublecode.schemas.frame_rows import rows_of
from doublecode.schemas.plain_table import MOST_ROWS, PlainTable
from doublecode.schemas.results import DASH, is_missing

if TYPE_CHECKING:
    import pandas as pd

SMALLEST_P: Final = 0.001
NARROW: Final = 0.02
SMALL: Final = 0.01
ROUNDING: Final = 1e-6
"""Size under which a number alone may be the rounding of a zero."""
TINIEST: Final = 1e-13
"""The same of a standard error, which is positive by its making: that of a predictor in seconds since 1970, say."""
Kind = Literal["text", "integer", "count", "number", "estimate", "bounded", "p", "percent"]


def format_number(value: float, kind: Kind = "number", digits: int = 2) -> str:
    """Render a number as the APA manual (7th ed., 6.36) asks.

    Parameters
    ----------
    value : float
        The number; missing gives an en dash.
    kind : {"number", "estimate", "bounded", "p", "percent", "integer", "count"}
        An `estimate` too small for `digits` keeps two significant digits (a slope per second);
        `bounded` numbers cannot exceed 1 in absolute value (r, ICC, ω) and lose their leading
        zero; a `p` below .001 is printed as an inequality; a `count` has decimals only where it
        is an average (3 raters, 1.57); `percent` takes a share (0.4 is 40 %), what is in per cent
        already is a `number`.
    digits : int
        Decimals; `p` always has three.

    Examples
    --------
    >>> format_number(-0.0512), format_number(0.678, "bounded"), format_number(0.00004, "p")
    ('−0.05', '.68', '< .001')
    >>> format_number(0.00341, "estimate")
    '0.0034'
    >>> format_number(3.0, "count"), format_number(1.571, "count")
    ('3', '1.57')
    """
    if is_missing(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if kind == "p":
        return "< .001" if value < SMALLEST_P else _without_zero(f"{value:.3f}")
    if kind == "integer":
        # degrees of freedom and counts that are averages keep one decimal
        text = f"{value:.0f}" if _is_whole(value) else f"{value:.1f}"
    elif kind == "count" and _is_whole(value):
        text = f"{value:.0f}"
    elif kind == "estimate" and ROUNDING < abs(value) < 10.0**-digits:
        text = f"{value:.{1 - math.floor(math.log10(abs(value)))}f}"
    elif kind == "percent":
        text = f"{100 * value:.{digits}f} %"
    else:
        text = f"{value:.{digits}f}"
    text = text.lstrip("-") if float(text.rstrip(" %")) == 0 else text
    return _without_zero(text) if kind == "bounded" else text.replace("-", "−")


def format_p(value: float) -> str:
    """Render a p-value with its sign, to stand behind *p*.

    Examples
    --------
    >>> format_p(0.034), format_p(0.0002)
    ('= .034', '< .001')
    """
    text = format_number(value, "p")
    return text if value < SMALLEST_P else f"= {text}"


def _without_zero(text: str) -> str:
    sign, digits = ("−", text[1:]) if text.startswith("-") else ("", text)
    return sign + (digits[1:] if digits.startswith("0.") else digits)


def _is_whole(value: float) -> bool:
    return abs(value - round(value)) < 5e-5


def format_interval(low: float, high: float, kind: Kind = "number", digits: int = 2) -> str:
    """Render both limits of an interval in brackets, with the same decimals.

    Limits of an `estimate` keep two significant digits of the width of an interval that is narrower than 0.02.

    Examples
    --------
    >>> format_interval(-0.12, 0.4, "bounded")
    '[−.12, .40]'
    >>> format_interval(-0.0012, 0.0121, "estimate")
    '[−0.001, 0.012]'
    """
    if is_missing(low) and is_missing(high):
        return DASH
    if kind == "estimate":
        kind, digits = "number", max(digits, _decimals(low, high))
    return f"[{format_number(low, kind, digits)}, {format_number(high, kind, digits)}]"


def _decimals(low: float, high: float) -> int:
    """Decimals that show two significant digits of the width of an interval; of a lone limit, of the limit."""
    ends = [float(end) for end in (low, high) if not is_missing(end) and math.isfinite(end)]
    width = max(ends) - min(ends) if len(ends) == 2 else abs(ends[0]) if ends else 0.0
    return 1 - math.floor(math.log10(width)) if ROUNDING < width < NARROW else 0


@dataclass(frozen=True)
class Column:
    """One column of a table: which column of the frame, under which heading, in which form.

    Parameters
    ----------
    name : str
        Column of the frame; of an interval the lower limit.
    heading : str
        Printed heading; ``*M*`` is set in italics.
    kind : {"text", "integer", "count", "number", "estimate", "bounded", "p", "percent"}
    digits : int
    upper : str
        Column of the upper limit; makes the column an interval.
    """

    name: str
    heading: str
    kind: Kind = "number"
    digits: int = 2
    upper: str = ""

    @property
    def shares(self) -> bool:
        """Whether it is the estimate of a row, its error or its limits, which are printed with the same decimals."""
        return self.kind == "estimate" and self.name in ("estimate", "std_error", "conf_low")

    def with_digits(self, digits: int | None) -> Column:
        """The column with the decimals that the estimates of a row share; None where they share none."""
        return self if digits is None or not self.shares else replace(self, kind="number", digits=digits)

    def render(self, row: Mapping[str, Any]) -> str:
        """Render the cell of this column in `row`."""
        value = row[self.name]
        if self.upper:
            return format_interval(value, row[self.upper], self.kind, self.digits)
        if is_missing(value):
            return DASH
        if self.kind == "text" or isinstance(value, str):
            return "yes" if value is True else "no" if value is False else str(value)
        return format_number(float(value), self.kind, self.digits)


def row_digits(row: Mapping[str, Any], columns: Sequence[Column]) -> int | None:
    """Decimals that estimate, error and limits of a row share: two significant digits of a standard error below 0.01.

    Without a standard error those of an interval narrower than 0.02. None where the row has neither.

    Examples
    --------
    >>> shared = [column("estimate"), column("std_error"), column("conf_low")]
    >>> row_digits({"estimate": 0.00096, "std_error": 0.0037, "conf_low": -0.0066, "conf_high": 0.0085}, shared)
    4
    """
    shared = [one for one in columns if one.shares]
    fewest = max((one.digits for one in shared), default=2)
    if any(one.name == "std_error" for one in shared) and _is_finite(row["std_error"]):
        return max(fewest, _significant(float(row["std_error"]), SMALL, TINIEST))
    widths = [abs(float(row[one.upper]) - float(row[one.name])) for one in shared
              if one.upper and _is_finite(row[one.name]) and _is_finite(row[one.upper])]  # fmt: skip
    return max(fewest, _significant(min(widths), NARROW, ROUNDING)) if widths else None


def _is_finite(value: Any) -> bool:
    return not isinstance(value, str) and not is_missing(value) and math.isfinite(value)


def _significant(value: float, below: float, above: float) -> int:
    """Decimals of two significant digits of a value between bounds; none of one beyond them."""
    return 1 - math.floor(math.log10(value)) if above < value < below else 0


_KNOWN: Final[dict[str, Column]] = {
    column.name: column
    for column in (
        Column("n", "*n*", "integer"),
        Column("N", "*N*", "integer"),
        Column("n_missing", "missing", "integer"),
        Column("n_changed", "changed", "integer"),
        Column("session", "Session", "integer"),
        Column("mean", "*M*"),
        Column("sd", "*SD*"),
        Column("min", "Min"),
        Column("max", "Max"),
        Column("skew", "Skew"),
        Column("kurtosis", "Kurtosis"),
        Column("term", "Term", "text"),
        Column("estimate", "*b*", "estimate"),
        Column("std_error", "*SE*", "estimate"),
        Column("conf_low", "95% CI", "estimate", upper="conf_high"),
        Column("df", "*df*", "integer"),
        Column("df1", "*df*₁", "integer"),
        Column("df2", "*df*₂", "integer"),
        Column("statistic", "*t*"),
        Column("p_value", "*p*", "p"),
        Column("p_adjusted", "*p* adjusted", "p"),
        Column("beta", "β"),
        Column("r", "*r*", "bounded"),
        Column("k", "*k*", "integer"),
        Column("nobs", "Rows", "integer"),
        Column("loglik", "log *L*"),
        Column("aic", "AIC", digits=1),
        Column("bic", "BIC", digits=1),
        Column("chi2", "χ²"),
        Column("proportion", "%", "percent", 1),
        Column("percent", "%", "number", 1),
        Column("form", "Form", "text"),
        Column("shrout_fleiss", "Shrout & Fleiss", "text"),
        Column("level", "Level", "text"),
    )
}


def column(name: str, heading: str | None = None, **changes: Any) -> Column:
    """Return the usual column of that name, with `changes`; an unknown name needs a heading."""
    known = _KNOWN.get(name)
    if known is None:
        return Column(name, name.replace("_", " ") if heading is None else heading, **changes)
    return replace(known, **changes) if heading is None else replace(known, heading=heading, **changes)


def level_heading(conf_level: float) -> str:
    """Return the heading of an interval.

    Examples
    --------
    >>> level_heading(0.95)
    '95% CI'
    """
    return f"{100 * conf_level:g}% CI"


def bounded_estimate(symbol: str, conf_level: float, digits: int = 2) -> tuple[Column, Column]:
    """Columns of a coefficient that cannot exceed 1, with its interval."""
    return (
        column("estimate", symbol, kind="bounded", digits=digits),
        column("conf_low", level_heading(conf_level), kind="bounded", digits=digits, upper="conf_high"),
    )


@dataclass(frozen=True, eq=False)
class Table:
    """A table of the report: its parts, and the frame it shows.

    Parameters
    ----------
    name : str
        Name of its CSV file, without suffix.
    title : str
    frame : pandas.DataFrame
        What is shown, full precision.
    columns : tuple of Column
        The first is the stub (row heading).
    notes : tuple of str
        General notes under the table.
    group : str
        Column of `frame` whose runs become spanner rows.
    data : pandas.DataFrame or None
        What the CSV file holds, where that is more than `frame`.
    folded : bool
        For looking up rather than reading: the page shows it on demand.
    """

    name: str
    title: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()
    group: str = ""
    data: pd.DataFrame | None = None
    folded: bool = False

    def __post_init__(self) -> None:
        """Refuse a column that the frame does not have."""
        wanted = [name for column in self.columns for name in (column.name, column.upper) if name]
        stray = [name for name in (*wanted, *filter(None, [self.group])) if name not in self.frame.columns]
        if stray:
            found = ", ".join(map(str, self.frame.columns))
            raise UsageError(f"table {self.name!r}: the frame has no column {stray[0]!r}; it has {found}.")

    def body(self) -> list[tuple[str, ...]]:
        """Rendered rows; a spanner row has one cell only."""
        rows: list[tuple[str, ...]] = []
        before: Any = None
        for row in rows_of(self.frame):
            if self.group and row[self.group] != before:
                before = row[self.group]
                rows.append((str(before),))
            digits = row_digits(row, self.columns)
            rows.append(tuple(column.with_digits(digits).render(row) for column in self.columns))
        return rows

    def plain(self, most: int = MOST_ROWS) -> PlainTable:
        """The table as ready texts, at most `most` rows; columns that hold nothing are left out."""
        shown = replace(self, columns=tuple(column for column in self.columns if self._says_something(column)))
        body = shown.body()
        headings = tuple(column.heading for column in shown.columns)
        numeric = tuple(column.kind != "text" for column in shown.columns)
        return PlainTable(self.title, headings, tuple(body[:most]), numeric, max(len(body) - most, 0))

    def _says_something(self, column: Column) -> bool:
        """Whether a column holds anything; the stub and the estimate stay even where nothing could be computed."""
        held = [name for name in (column.name, column.upper) if name]
        stays = column is self.columns[0] or column.name == "estimate"
        cells = self.frame[held]
        return stays or not len(cells) or bool((cells.notna() & (cells != "")).to_numpy().any())

    @property
    def csv_frame(self) -> pd.DataFrame:
        """The frame that the CSV file holds."""
        return self.frame if self.data is None else self.data


def csv_text(frame: pd.DataFrame) -> str:
    """Return a frame as CSV, with full precision; a text that a spreadsheet takes for a formula gets an apostrophe."""
    from doublecode.schemas.csv_rows import without_formulas

    return without_formulas(frame).to_csv(index=False, lineterminator="\n")


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as :func:`csv_text` has it; the same frame gives the same bytes."""
    path.write_bytes(csv_text(frame).encode())


def frame_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Build a frame that keeps its columns even where there are no rows."""
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns))
