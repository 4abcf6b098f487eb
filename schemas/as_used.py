"""Codebooks as a study uses them: with its own choice of reversed items and of the fewest items of a score."""

from __future__ import annotations

from collections.abc import Iterable

from doublecode.schemas.errors import StudyError
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.scale import Scale
from doublecode.schemas.study_parts import InstrumentUse


def books_as_used(uses: Iterable[InstrumentUse], books: Iterable[Instrument]) -> dict[str, Instrument]:
    """Codebooks by name, with the choices of each use applied.

    Raises
    ------
    StudyError, InstrumentError
        Two files hold instruments of one name; a choice names an item or scale that is not there.
    """
    found: dict[str, Instrument] = {}
    named: dict[str, str] = {}
    for use, book in zip(uses, books, strict=True):
        if book.name in found:
            both = f"{named[book.name]!r} and {use.name!r}"
            raise StudyError(
                f"the instruments {both} are both called {book.name!r}; give one of them another name in its file."
            )
        named[book.name] = use.name
        found[book.name] = as_used(book, use)
    return found


def as_used(book: Instrument, use: InstrumentUse) -> Instrument:
    """A codebook with the reversed items and the missing rules that a study declares.

    Raises
    ------
    InstrumentError
        An item that is to be reversed is not in the codebook.
    StudyError
        A scale is not, or more items are asked for than it has; latent severity without an ordinal item.
    """
    turned = book if use.reverse is None else book.with_reversal(use.reverse)
    if use.severity == "latent" and not book.ordinal_items:
        found = ", ".join(f"{item.name}: {len(item.codes)} codes" for item in book.columns if item.codes) or "none"
        raise StudyError(
            f'instrument {use.name!r}: severity = "latent" needs items of 3 to 7 ordered codes (found {found}); '
            'allowed for this instrument: "points". Leave the line out.'
        )
    if not use.minimum_valid:
        return turned
    known = [one.name for one in turned.scales]
    for name in (name for name in use.minimum_valid if name not in known):
        raise StudyError(
            f"instrument {use.name!r}: minimum_valid: there is no scale {name!r}; {ended(allowed(name, known))}"
        )
    scales = tuple(_with_rule(one, use.minimum_valid.get(one.name), use.name) for one in turned.scales)
    return turned.model_copy(update={"scales": scales})


def _with_rule(scale: Scale, least: int | None, instrument: str) -> Scale:
    if least is None:
        return scale
    n = len(scale.items)
    if least > n:
        raise StudyError(
            f"instrument {instrument!r}: minimum_valid of {scale.name!r} is {least}, and the scale has {n} items; "
            f"allowed: 1 to {n}."
        )
    return scale.model_copy(update={"minimum_valid": least, "prorate": scale.score == "sum" and least < n})
