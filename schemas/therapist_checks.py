"""Whether the instruments and thresholds of the therapists' pages are those of the study's codebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.schemas.errors import StudyError
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.therapist_page import TherapistPage, Threshold
from doublecode.schemas.variable_checks import Uses

if TYPE_CHECKING:
    from doublecode.schemas.instrument import Instrument

WHERE = "therapist_page"


def check_therapist_page(asked: TherapistPage | None, uses: Uses) -> None:
    """Hold what `[therapist_page]` names to the codebooks.

    Raises
    ------
    StudyError
        An instrument that raters do not code or that holds no number, a scale or item that is not there, or a
        threshold that no score can reach.
    """
    if asked is None:
        return
    coded = {name: book for name, (book, use) in uses.items() if use.source == "raters"}
    wrong = Gathered()
    for name in asked.instruments:
        with wrong.one():
            _check_instrument(name, coded)
    for one in asked.thresholds:
        with wrong.one():
            _check_threshold(one, asked, coded)
    wrong.refuse()


def behaviour_labels(book: Instrument) -> dict[tuple[str, str], str]:
    """Label of every scale, then of every item that is a number, by ("scale" or "item", name)."""
    scales = {("scale", one.name): one.label for one in book.scales}
    return scales | {("item", one.name): one.label for one in book.columns if one.is_numeric}


def _check_instrument(name: str, coded: dict[str, Instrument]) -> None:
    if name not in coded:
        raise StudyError(f"{WHERE}: raters of this study do not code {name!r}; {ended(allowed(name, coded))}")
    if not behaviour_labels(coded[name]):
        raise StudyError(
            f"{WHERE}: no item of {name!r} is a number, so that it has no mean. Take it out of instruments."
        )


def _check_threshold(one: Threshold, asked: TherapistPage, coded: dict[str, Instrument]) -> None:
    where = f"{WHERE}: threshold"
    if one.instrument not in asked.instruments:
        known = ended(allowed(one.instrument, asked.instruments))
        raise StudyError(f"{where} of {one.instrument!r}: it is none of the page's instruments; {known}")
    if one.instrument not in coded:
        return  # said of the instrument itself
    book, level = coded[one.instrument], "item" if one.scale is None else "scale"
    names = [name for kind, name in behaviour_labels(book) if kind == level]
    if one.name not in names:
        raise StudyError(
            f"{where}: {level} {one.name!r} of {one.instrument!r} is not among those that are numbers; "
            f"{ended(allowed(one.name, names))}"
        )
    low, high = behaviour_range(book, level, one.name)
    if not low <= one.value <= high:
        raise StudyError(
            f"{where} of {level} {one.name!r}: found {one.value:g}, allowed {low:g} to {high:g}, the ends of its range."
        )


def behaviour_range(book: Instrument, level: str, name: str) -> tuple[float, float]:
    """The lowest and the highest value that a scale or an item can have; infinite where none is declared."""
    items = {one.name: one for one in book.columns}
    if level == "item":
        return items[name].low, items[name].high
    scale = next(one for one in book.scales if one.name == name)
    ends = [(items[one].low, items[one].high) for one in scale.items if one in items]
    lows, highs = [low for low, _ in ends], [high for _, high in ends]
    return (sum(lows), sum(highs)) if scale.score == "sum" else (min(lows), max(highs))
