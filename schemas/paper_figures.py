"""The figures of a paper as a study declares them: which number, what is drawn, of which model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.names import Identifier, Label, Reference, Title

FigureKind = Literal["interaction", "flow"]
KEYS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "interaction": ("model", "cut", "lines", "heads"), "flow": ("of",),
}  # fmt: skip
"""Keys that a kind takes, beside number, title, kind and note."""
_COMMON: Final = ("number", "title", "kind", "note")


def as_text(given: object) -> object:
    """A number of a figure may be typed without quotation marks."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


class PaperFigure(Declared):
    """One figure of the paper.

    Attributes
    ----------
    number : str
        What the paper calls it: ``1`` or ``"S2"``; its files are called ``figure_1.svg`` and so on.
    title : str
        Printed above it.
    kind : {"interaction", "flow"}
        *interaction*: a line for patients low and one for patients high in the moderator of a regression. *flow*: who
        was there, from the first box to the analysis.
    note : str
        A sentence of yours, printed behind the general note.
    model : str
        Of *interaction*: name of a moderation with a moderator.
    cut : float
        Of *interaction*: 5 makes groups of less than 5 and of 5 or more; without it the median parts them.
    lines : {"groups", "model"}
        Of *interaction*: a regression within each group, as papers draw it, or the model at the mean of each group.
    heads : tuple of str
        Of *interaction*: what the low and the high group are called.
    of : {"patients", "sessions"}
        Of *flow*: what is counted.
    """

    number: Annotated[Identifier, BeforeValidator(as_text)]
    title: Title
    kind: FigureKind
    note: str = ""
    model: Reference | None = None
    cut: float | None = None
    lines: Literal["groups", "model"] = "groups"
    heads: tuple[Label, ...] = Field(default=(), max_length=2)
    of: Literal["patients", "sessions"] = "patients"

    @model_validator(mode="after")
    def _acts(self) -> Self:
        where = f"papers.figures {self.number!r}"
        keys = (*_COMMON, *KEYS_OF[self.kind])
        stray = sorted(self.model_fields_set - {*keys})
        if stray:
            has = [kind for kind in get_args(FigureKind) if stray[0] in KEYS_OF[kind]]
            raise ValueError(
                f"{where}: {stray[0]!r} says nothing of a figure of kind {self.kind!r}, it is for "
                f"{' and '.join(has)}; allowed here: {', '.join(keys)}"
            )
        if self.kind == "interaction" and self.model is None:
            raise ValueError(f'{where}: an interaction needs a model; add the line model = "…"')
        if len(self.heads) == 1:
            raise ValueError(f"{where}: heads has one name; the low and the high group need one each")
        return self
