"""The tables of a paper as a study declares them: which number, what it shows, of which models, items or scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.names import Identifier, Label, Reference, Title
from doublecode.schemas.near_names import allowed
from doublecode.schemas.paper_figures import PaperFigure
from doublecode.schemas.study_parts import refuse_twice

TableKind = Literal[
    "items",
    "correlations",
    "regressions",
    "series",
    "by_session",
    "reliability",
    "coding",
    "sample",
    "homework",
    "descriptives",
]


def _as_text(given: object) -> object:
    """A number of a table may be typed without quotation marks."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


STATISTICS: Final[Mapping[str, tuple[str, ...]]] = {
    "items": ("icc", "interval", "single", "n", "mean", "sd", "range", "item_total"),
    "correlations": ("n", "mean", "sd"),
    "regressions": ("b", "se", "interval", "beta", "t", "p"),
    "series": ("b", "se", "interval", "df", "t", "p"),
    "by_session": ("n", "mean", "sd", "range"),
    "reliability": (
        "sessions",
        "double_coded",
        "k",
        "icc",
        "interval",
        "single",
        "alone",
        "dyads_mean",
        "dyads_median",
        "dyads_range",
        "omega",
        "alpha",
        "omega_range",
        "omega_sessions",
        "item_totals",
    ),
    "coding": ("sessions", "double_coded", "percent", "raters", "loads", "pairs", "per_pair"),
    "descriptives": ("n", "mean", "sd", "range", "skew", "kurtosis"),
}
"""What the columns of a kind may be; the order in the file is the order in print."""
USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "items": ("icc", "interval", "n", "mean", "sd", "range"),
    "correlations": ("mean", "sd"),
    "regressions": ("b", "se", "beta", "p"),
    "series": ("b", "se", "df", "p"),
    "by_session": ("n", "mean", "sd"),
    "reliability": ("sessions", "double_coded", "k", "icc", "interval"),
    "coding": ("sessions", "double_coded", "percent", "raters", "loads", "pairs", "per_pair"),
    "descriptives": ("n", "mean", "sd", "range"),
}
"""Columns where a table names none."""
KEYS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "items": ("instruments", "sessions", "statistics"),
    "correlations": ("variables", "level", "stars", "statistics"),
    "regressions": ("models", "heads", "predictor_label", "errors", "statistics"),
    "series": ("series", "steps", "split", "heads", "statistics"),
    "by_session": ("scores", "sessions", "heads", "statistics"),
    "reliability": ("instruments", "rows", "summaries", "statistics"),
    "coding": ("instruments", "statistics"),
    "sample": ("variables", "labels"),
    "homework": ("instruments",),
    "descriptives": ("variables", "statistics"),
}
"""Keys that a kind takes, beside number, title, kind and note."""
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "items": ("instruments",), "regressions": ("models",), "series": ("series",), "by_session": ("scores",),
}  # fmt: skip
_COMMON: Final = ("number", "title", "kind", "note")


class PaperTable(Declared):
    """One table of the paper.

    Attributes
    ----------
    number : str
        What the paper calls it: ``1`` or ``"S2"``; its files are called ``table_1.docx`` and so on.
    title : str
        Printed above it.
    kind : str
        *items*: items of instruments, their reliability and moments. *correlations*: the lower triangle.
        *regressions*: declared moderations side by side. *series*: steps of declared series side by side.
        *by_session*: moments of scores, session by session. *reliability*: items and scales with ICC and omega.
        *coding*: how much was coded, and how often twice. *sample*: patients and therapists. *homework*: counts of the
        homework log. *descriptives*: moments of variables.
    note : str
        A sentence of yours, printed behind the general note.
    instruments : tuple of str
        Of *items*, *reliability*, *coding* and *homework*: names of instruments; without it all.
    sessions : tuple of int
        Of *items* and *by_session*: which sessions are shown; without it all together (items), or each (by_session).
    scores : tuple of str
        Of *by_session*: scales or items as ``"instrument.name"``.
    variables : tuple of str
        Of *correlations* and *descriptives*: variables; of *sample*: columns of the tables of patients and therapists.
    labels : dict
        Of *sample*: what columns and their levels are called in print: ``{age = "Age in years"}``.
    level : {"pooled", "within patients", "between patients", "mean over sessions"}
        Of *correlations* where a row is a session.
    stars : {"raw", "holm", "none"}
        Of *correlations*: stars by the raw p, by Holm's, or none; without it as ``[correlations]`` declares.
    models : tuple of str
        Of *regressions*: names of moderations, in the order of their columns.
    predictor_label : str
        Of *regressions*: what the predictor is called in the first column, where each model has another one.
    errors : {"declared", "least-squares", "robust"}
        Of *regressions*: the standard errors that are printed; without it those on which the study decides.
    series : tuple of str
        Of *series*: names of series.
    steps : tuple of int
        Of *series*: which steps are shown; without it all.
    split : bool
        Of *series*: the versions with predictors split within and between patients, where a step has one.
    rows : {"all", "items", "scales"}
        Of *reliability*: which of them.
    summaries : bool
        Of *reliability*: mean and median ICC over the items of each instrument, of the pilot too; the pairs of raters
        with all items stacked; each rater against herself, where sessions were rated again.
    heads : tuple of str
        Of *regressions*, *series* and *by_session*: what stands above the columns of each model or score.
    statistics : tuple of str
        Which columns, in which order.
    """

    number: Annotated[Identifier, BeforeValidator(_as_text)]
    title: Title
    kind: TableKind
    note: str = ""
    instruments: tuple[Reference, ...] = ()
    sessions: tuple[Annotated[int, Field(ge=1)], ...] = ()
    scores: tuple[Reference, ...] = ()
    variables: tuple[Reference, ...] = ()
    labels: dict[str, Label] = Field(default_factory=dict)
    level: Literal["pooled", "within patients", "between patients", "mean over sessions"] = "pooled"
    stars: Literal["raw", "holm", "none"] | None = None
    models: tuple[Reference, ...] = ()
    predictor_label: Label | None = None
    errors: Literal["declared", "least-squares", "robust"] = "declared"
    series: tuple[Reference, ...] = ()
    steps: tuple[Annotated[int, Field(ge=1)], ...] = ()
    split: bool = False
    rows: Literal["all", "items", "scales"] = "all"
    summaries: bool = False
    heads: tuple[Label, ...] = ()
    statistics: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _acts(self) -> Self:
        where = f"papers.tables {self.number!r}"
        keys = (*_COMMON, *KEYS_OF[self.kind])
        stray = sorted(self.model_fields_set - {*keys})
        if stray:
            has = [kind for kind in get_args(TableKind) if stray[0] in KEYS_OF[kind]]
            raise ValueError(
                f"{where}: {stray[0]!r} says nothing of a table of {self.kind}, it is for {' and '.join(has)}; "
                f"allowed here: {', '.join(keys)}"
            )
        for key in NEEDED.get(self.kind, ()):
            if not getattr(self, key):
                raise ValueError(f"{where}: a table of {self.kind} needs {key}; add the line {key} = […]")
        for key in ("instruments", "sessions", "scores", "variables", "models", "series", "steps", "statistics"):
            refuse_twice(f"{where}: {key}", [str(one) for one in getattr(self, key)])
        known = STATISTICS.get(self.kind, ())
        for one in self.statistics:
            if one not in known:
                raise ValueError(f"{where}: statistics: {one!r} is not known; {allowed(one, known)}")
        under = {"regressions": self.models, "by_session": self.scores}.get(self.kind, self.heads)
        if self.heads and len(self.heads) != len(under):
            what = "models" if self.kind == "regressions" else "scores"
            raise ValueError(f"{where}: {len(self.heads)} heads for {len(under)} {what}; write one for each")
        return self

    @property
    def shown(self) -> tuple[str, ...]:
        """The statistics that are printed."""
        return self.statistics or USUAL.get(self.kind, ())


class Papers(Declared):
    """What the paper prints of the study.

    Attributes
    ----------
    tables : tuple of PaperTable
        Its tables, in the order in which they are printed.
    figures : tuple of PaperFigure
        Its figures, in the order in which they are printed.
    """

    tables: tuple[PaperTable, ...] = ()
    figures: tuple[PaperFigure, ...] = ()

    @model_validator(mode="after")
    def _numbered_once(self) -> Self:
        for part, declared in (("tables", self.tables), ("figures", self.figures)):  # files are called by the numbers
            refuse_twice(f"papers.{part}: number", [one.number.casefold() for one in declared])
        return self
