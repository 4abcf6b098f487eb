"""Every number that a paper prints beside ours, with a verdict: the table that a reproduction is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from doublecode.analysis.rendering.answers import Answer
from doublecode.analysis.rendering.tables import Table, column
from doublecode.analysis.study.published_cells import value_of
from doublecode.analysis.study.published_verdicts import (
    BY_DESIGN,
    CALIBRATED,
    COMPUTED,
    DECLARED,
    EMERGED,
    NOT_COMPUTED,
    NOT_DERIVABLE,
    ORIGINS,
    VERDICTS,
    verdict,
)
from doublecode.schemas.errors import UsageError
from doublecode.schemas.frame_rows import rows_of
from doublecode.schemas.near_names import allowed
from doublecode.schemas.published_values import PrintedValue, load_published
from doublecode.schemas.results import Note, is_missing

if TYPE_CHECKING:
    import pandas as pd

TWIN: Final = "printed_values.csv"
COLUMNS: Final = (
    "shown_with", "value", "printed", "ours", "expected", "sd_over_seeds", "z", "origin", "verdict", "place", "quote",
    "remark", "decimals",
)  # fmt: skip
_INPUTS: Final = ("patients", "therapists", "sessions", "assignments")
_SMALL: Final = 1e-12
_SHORT: Final = 20


@dataclass(frozen=True, eq=False, repr=False)
class PublishedResult(Answer):
    """Printed values beside ours.

    Attributes
    ----------
    spec : dict
        ``citation``, ``folder``.
    frame : DataFrame
        One row per printed value: ``shown_with`` (table or figure of the paper), ``value`` (what it is), ``printed``
        (as the paper has it), ``ours`` (a number or a text), ``expected`` and ``sd_over_seeds`` (of studies of the same
        design), ``z`` = (printed − expected) / SD, ``origin`` (calibrated, by design, emerged), ``verdict``, ``place``
        and ``quote`` in the paper, ``remark``.
    counts : DataFrame
        Values by verdict; of the computed ones by origin.
    design : dict
        ``n_values``, ``n_computed``, ``n_declared``, ``n_not_derivable``, ``n_not_computed``.
    notes : tuple of Note
    rows : Index
    """

    spec: dict[str, Any]
    frame: pd.DataFrame
    notes: tuple[Note, ...] = field(default=())

    label_columns: ClassVar[tuple[str, ...]] = ("value",)

    @property
    def rows(self) -> pd.Index[Any]:
        """Labels of the values."""
        return self.frame.index

    @property
    def counts(self) -> pd.DataFrame:
        """Values by verdict: ``verdict, n``, and ``emerged, calibrated, by design`` of those with a number of ours."""
        return _counts(self.frame)

    @property
    def design(self) -> dict[str, Any]:
        """Counts of the verdicts."""
        of = self.frame["verdict"].value_counts()
        return {
            "n_values": len(self.frame),
            "n_computed": int(self.frame["verdict"].isin(COMPUTED).sum()),
            "n_declared": int(of.get(DECLARED, 0)),
            "n_not_derivable": int(of.get(NOT_DERIVABLE, 0)),
            "n_not_computed": int(of.get(NOT_COMPUTED, 0)),
        }

    def of(self, *shown_with: str) -> PublishedResult:
        """The values of one table or figure of the paper, or of several.

        Raises
        ------
        UsageError
            No value belongs to it.
        """
        known = list(dict.fromkeys(self.frame["shown_with"]))
        stray = [name for name in shown_with if name not in known]
        if stray or not shown_with:
            asked = stray[0] if stray else ""
            raise UsageError(f"no printed value is shown with {asked!r}; {allowed(asked, known)}.")
        return replace(self, frame=self.frame[self.frame["shown_with"].isin(shown_with)], notes=())

    def tables(self) -> tuple[Table, ...]:
        """Counts by verdict, every value beside ours, and the sentences in which they are printed."""
        parts = (self._beside(), *self._remarks(), self._sentences())
        return (self._counted(), *parts) if len(set(self.frame["shown_with"])) > 1 else parts

    def counted(self) -> str:
        """Say for how many of the values there is a number of ours."""
        of = self.design
        parts = [f"{of['n_values']} printed values, {of['n_computed']} with a computed value beside"]
        parts += [
            f"{n} {text}" for text, n in ((DECLARED, of["n_declared"]), (NOT_DERIVABLE, of["n_not_derivable"])) if n
        ]
        parts += [f"{of['n_not_computed']} not computed"] if of["n_not_computed"] else []
        return ", ".join(parts)

    def _counted(self) -> Table:
        known = ORIGINS if self.frame["origin"].ne("").any() else ()
        columns = (
            column("verdict", "Verdict", kind="text"), column("n", "Values", kind="integer"),
            *(column(name, name.capitalize(), kind="integer") for name in known),
        )  # fmt: skip
        return Table("published_counts", "Printed values by verdict", self.counts, columns)

    def _beside(self) -> Table:
        shown, decimals = self.frame.copy(), self.frame["decimals"]
        shown["printed"] = [text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…" for text in shown["printed"]]
        for name in ("ours", "expected", "sd_over_seeds"):
            shown[name] = [_shown(value, n) for value, n in zip(self.frame[name], decimals, strict=True)]
        columns = (
            column("value", "Value", kind="text"), column("printed", "Printed"), column("ours", "Ours"),
            column("expected", "Expected"), column("sd_over_seeds", "*SD*"), column("z", "*z*"),
            column("origin", "Origin", kind="text"), column("verdict", "Verdict", kind="text"),
        )  # fmt: skip
        return Table("published_values", "Printed beside ours", shown, columns, data=self.frame)

    def _remarks(self) -> tuple[Table, ...]:
        """What is to be known of a value: why nothing could be computed, how ours differs in kind."""
        said = self.frame[self.frame["remark"].fillna("").ne("")]
        columns = (column("value", "Value", kind="text"), column("remark", "Remark", kind="text"))
        return (Table("published_remarks", "Remarks", said, columns),) if len(said) else ()

    def _sentences(self) -> Table:
        once = self.frame.drop_duplicates(["place", "quote"])
        columns = (column("place", "Place", kind="text"), column("quote", "Printed as", kind="text"))
        return Table("published_quotes", "Where it is printed", once, columns)


def compare_published(
    folder: str | Path, *, tables: Mapping[str, object] | None = None, published: str | Path | None = None
) -> PublishedResult:
    """Set every number that a paper prints beside the one that a study of ours gives.

    Parameters
    ----------
    folder : path
        A study folder with a written report, or any folder where `tables` has all that is asked for. Its
        ``published_values.json`` names for each printed value the table, rows and column in which ours stands: a table
        of ``report/tables/``, ``patients``, ``therapists``, ``sessions``, ``assignments`` of the folder, or one of
        `tables`. Of a synthetic study ``printed_values.csv`` has the expected value and the SD over many studies of the
        same design.
    tables : mapping, optional
        Further results and frames by name, for numbers that stand in no table of the report.
    published : path, optional
        Another file of published values.

    Returns
    -------
    PublishedResult

    Raises
    ------
    UsageError
        The folder has no published values, or neither it nor `tables` has a table, or a value is declared wrongly.

    Notes
    -----
    z is (printed − expected) / SD over seeds: how far what is printed lies from what studies of our design give. It is
    empty where the number is the same in every study of the design. A value whose table is not there is *not computed*,
    and its remark says what was looked for.

    Examples
    --------
    >>> from importlib.resources import as_file, files
    >>> import pandas as pd
    >>> from doublecode.analysis import icc
    >>> with as_file(files("doublecode.data_examples") / "classics") as folder:
    ...     judged = pd.read_csv(folder / "shrout_fleiss_1979.csv")
    ...     found = icc(judged, targets="target", raters="judge", ratings="rating")
    ...     beside = compare_published(folder, tables={"icc": found}).of("Shrout & Fleiss 1979")
    >>> beside.counts[["verdict", "n"]].to_dict("list")
    {'verdict': ['match after rounding'], 'n': [6]}
    """
    import pandas as pd

    folder = Path(folder)
    declared = load_published(folder if published is None else published)
    given = {**_tables_of(folder, needed=not tables), **(tables or {})}
    twin = _twin_of(folder)
    frame = pd.DataFrame([_row(one, given, twin) for one in declared.values], columns=list(COLUMNS))
    notes = [Note("published_z")] if twin else []
    notes += [Note("published_declared")] if any(one.declared for one in declared.values) else []
    return PublishedResult({"citation": declared.citation, "folder": folder.name}, frame, tuple(notes))


def _row(one: PrintedValue, tables: Mapping[str, object], twin: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    found = {
        "shown_with": one.shown_with, "value": one.label, "printed": one.printed, "place": one.place,
        "quote": one.quote, "decimals": one.decimals, "origin": "", "ours": None, "z": float("nan"),
    }  # fmt: skip
    if one.ours is None:
        why = one.declared or one.not_derivable
        return {**found, "verdict": DECLARED if one.declared else NOT_DERIVABLE, "remark": _joined(why, one.remark)}
    of = twin.get(one.quantity, {})
    expected, spread = (float(of.get(name, "nan")) for name in ("population", "sd_over_seeds"))
    expected = 1 - expected if one.complement else expected
    fixed = spread <= _SMALL
    z = float("nan") if one.value is None or one.bound or fixed else (one.value - expected) / spread
    try:
        ours = value_of(one.ours, tables)
    except UsageError as wrong:
        return {**found, "verdict": NOT_COMPUTED, "remark": _joined(str(wrong), one.remark)}
    tuned = CALIBRATED if of.get("origin") == CALIBRATED else EMERGED
    origin = "" if not twin else one.origin or (BY_DESIGN if fixed else tuned)
    return {
        **found, "ours": ours, "expected": expected, "sd_over_seeds": spread, "z": z, "origin": origin,
        "verdict": verdict(one, ours, z), "remark": one.remark,
    }  # fmt: skip


def _tables_of(folder: Path, *, needed: bool) -> dict[str, object]:
    """The tables of the folder and of its report."""
    import pandas as pd

    tables = folder / "report" / "tables"
    if needed and not tables.is_dir():
        raise UsageError(f"{folder}: there is no report in it. Run the study first: doublecode run {folder.name}")
    files = [file for file in (folder / f"{name}.csv" for name in _INPUTS) if file.is_file()]
    return {file.stem: pd.read_csv(file) for file in (*files, *sorted(tables.glob("*.csv")))}


def _twin_of(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Expected value and spread over seeds of each quantity, where the study is synthetic and has them."""
    import pandas as pd

    file = folder / TWIN
    if not file.is_file():
        return {}
    return {row["quantity"]: row for row in rows_of(pd.read_csv(file))}


def _counts(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for name in VERDICTS:
        of = frame[frame["verdict"] == name]
        if len(of):
            apart = {origin: int((of["origin"] == origin).sum()) if name in COMPUTED else None for origin in ORIGINS}
            rows.append({"verdict": name, "n": len(of), **apart})
    return pd.DataFrame(rows, columns=["verdict", "n", *ORIGINS]).astype(dict.fromkeys(ORIGINS, "Int64"))


def _shown(value: object, decimals: int) -> str | None:
    """A number of ours to one decimal more than the printed one; whole numbers as they are."""
    if is_missing(value):
        return None
    if isinstance(value, str):
        return value
    number = float(value)  # type: ignore[arg-type]
    text = f"{number:.0f}" if number == int(number) and not decimals else f"{number:.{decimals + 1}f}"
    return text.replace("-", "−")


def _joined(*texts: str) -> str:
    return "; ".join(filter(None, texts))
