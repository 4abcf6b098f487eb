"""What an answer is: a result that remembers its question and shows itself.

A result carries facts only. Its notes are :class:`Note` records; they become sentences where a person reads them, by
the catalogue of the room that knows the words (:class:`doublecode.analysis.rendering.answers.Answer` for statistics).
"""

from __future__ import annotations

import json
import math
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from doublecode.schemas.errors import UsageError
from doublecode.schemas.frame_rows import rows_of
from doublecode.schemas.marks import for_markdown
from doublecode.schemas.plain_table import MOST_ROWS, WIDTH, PlainTable

if TYPE_CHECKING:
    import pandas as pd

DASH: Final = "–"


@dataclass(frozen=True)
class Note:
    """A fact that an answer is to be read with.

    Parameters
    ----------
    kind : str
        Its entry in the catalogue of sentences, for example ``"few_pairs"``.
    subject : str
        What it is about, in the user's own names: a set, an item, a model; empty where it holds for the whole result.
    numbers : mapping
        Everything the sentence needs: counts, estimates, names.
    """

    kind: str
    subject: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)


def distinct(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return notes without repetitions, first ones first.

    Examples
    --------
    >>> [note.kind for note in distinct([Note("singular"), Note("few_pairs"), Note("singular")])]
    ['singular', 'few_pairs']
    """
    every = tuple(notes)
    if len(every) < 2:
        return every
    kept: dict[str, Note] = {}
    for note in every:
        kept.setdefault(repr(note), note)
    return tuple(kept.values())


class Result:
    """What every answer of doublecode offers; concrete answers are frozen dataclasses (``eq=False, repr=False``).

    Attributes
    ----------
    spec : mapping
        The question: every argument.
    frame : DataFrame
        The answer, tidy and with full precision.
    design : mapping
        Counts, and which rows were left out and why.
    notes : tuple of Note
        Facts that the answer is to be read with.
    rows : Index
        Labels of the rows of the input that the answer stands on.
    """

    if TYPE_CHECKING:

        @property
        def spec(self) -> Mapping[str, Any]: ...  # noqa: D102
        @property
        def frame(self) -> pd.DataFrame: ...  # noqa: D102
        @property
        def design(self) -> Mapping[str, Any]: ...  # noqa: D102
        @property
        def notes(self) -> tuple[Note, ...]: ...  # noqa: D102
        @property
        def rows(self) -> pd.Index[Any]: ...  # noqa: D102

    label_columns: ClassVar[tuple[str, ...]] = ("term",)

    def plain_tables(self) -> tuple[PlainTable, ...]:
        """Return the answer as tables for the eye; by default the frame as it stands."""
        return (plain_table(self.frame),)

    def counted(self) -> str:
        """Say in one line what the answer stands on; empty where there is nothing to count."""
        return ""

    def note_texts(self) -> tuple[str, ...]:
        """Return the notes in words."""
        return tuple(map(self.sentence_of, self.notes))

    def sentence_of(self, note: Note) -> str:
        """Say one note in words."""
        listed = ", ".join(f"{name} {value}" for name, value in note.numbers.items())
        return ": ".join(filter(None, [note.subject, f"{note.kind} ({listed})" if listed else note.kind]))

    def __str__(self) -> str:
        parts = [table.text(WIDTH) for table in self.plain_tables()]
        parts += [_folded(self.counted())] if self.counted() else []
        notes = "\n".join(_folded(f"Note: {text}") for text in self.note_texts())
        return "\n\n".join([*parts, *([notes] if notes else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [table.html() for table in self.plain_tables()]
        parts += [f"<p>{escape(self.counted())}</p>"] if self.counted() else []
        notes = "".join(f"<li>{escape(text)}</li>" for text in self.note_texts())
        return "\n".join([*parts, *([f"<ul>{notes}</ul>"] if notes else [])])

    def to_markdown(self) -> str:
        """Render tables, counts and notes as Markdown, numbers as the APA manual asks."""
        parts = [table.markdown() for table in self.plain_tables()]
        parts += [for_markdown(self.counted())] if self.counted() else []
        notes = "\n".join(f"- {for_markdown(text)}" for text in self.note_texts())
        return "\n\n".join([*parts, *([notes] if notes else [])])

    def summary(self) -> Self:
        """Return the result itself, which prints as a table with its notes (statsmodels' name for it)."""
        return self

    @property
    def params(self) -> pd.Series[Any]:
        """Estimates by label (statsmodels' name for the column ``estimate``)."""
        return self._labelled(["estimate"])["estimate"]

    def conf_int(self) -> pd.DataFrame:
        """Limits by label: ``conf_low, conf_high`` at the confidence level of the result (statsmodels' name)."""
        return self._labelled(["conf_low", "conf_high"])

    def _labelled(self, columns: list[str]) -> pd.DataFrame:
        stray = [name for name in columns if name not in self.frame.columns]
        if stray:
            found = ", ".join(map(str, self.frame.columns))
            raise UsageError(f"{type(self).__name__}: .frame has no column {stray[0]!r}; it has {found}.")
        by = self.spec.get("by") or ()
        names = (*([by] if isinstance(by, str) else by), *self.label_columns)
        labels = [name for name in names if name in self.frame.columns]
        return self.frame.set_index(labels)[columns] if labels else self.frame[columns]


def _folded(text: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, WIDTH, subsequent_indent="  "))


def check_conf_level(conf_level: float, caller: str) -> None:
    """Refuse a confidence level outside (0, 1)."""
    if type(conf_level) is float and 0.0 < conf_level < 1.0:  # asked at every fit: no class is looked up
        return
    if isinstance(conf_level, bool) or not isinstance(conf_level, numbers.Real) or not 0.0 < conf_level < 1.0:
        raise UsageError(f"{caller}: conf_level is {conf_level!r}; it lies between 0 and 1, usually 0.95.")


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)


def plain_table(frame: pd.DataFrame, title: str = "", most: int = MOST_ROWS) -> PlainTable:
    """Lay a frame out as it stands: texts and whole numbers as they are, other numbers to three decimals."""
    shown = frame.head(most)
    cells = tuple(tuple(_cell(value) for value in row) for row in shown.itertuples(index=False))
    numeric = tuple(frame[name].dtype.kind in "iuf" for name in frame.columns)
    return PlainTable(title, tuple(map(str, frame.columns)), cells, numeric, len(frame) - len(shown))


def _cell(value: Any) -> str:
    if is_missing(value):
        return DASH
    return f"{value:.3f}" if isinstance(value, float) else str(value)


_AS_THEY_ARE: Final = frozenset({str, int, bool, type(None)})


def plain(value: Any) -> Any:
    """Turn a value into what JSON knows: NaN and infinities become None, arrays lists, keys texts."""
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if is_missing(value):
        return None
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return records(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in (sorted(value, key=str) if isinstance(value, (set, frozenset)) else value)]
    return value if isinstance(value, (bool, int, str)) else str(value)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame as one mapping per row, ready for JSON."""
    return [{key: plain(value) for key, value in row.items()} for row in rows_of(frame)]


def result_record(result: Result) -> dict[str, Any]:
    """Return a result as ``spec``, ``frame``, ``variances``, ``design``, ``notes``: what ``--json`` prints.

    `variances` is null for results that have none; `notes` are sentences.
    """
    return {
        "spec": plain(result.spec),
        "frame": records(result.frame),
        "variances": plain(getattr(result, "variances", None)),
        "design": plain(result.design),
        "notes": list(result.note_texts()),
    }


def to_json(value: Any) -> str:
    """Render as JSON text with a fixed layout; NaN is null.

    Examples
    --------
    >>> print(to_json({"p": float("nan"), "k": 2}))
    {
     "p": null,
     "k": 2
    }
    """
    return json.dumps(plain(value), ensure_ascii=False, indent=1, allow_nan=False)


def compact_json(value: Any) -> str:
    """Render as JSON text without blanks; NaN is null.

    Examples
    --------
    >>> compact_json({"p": float("nan"), "k": [2, 3]})
    '{"p":null,"k":[2,3]}'
    """
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
