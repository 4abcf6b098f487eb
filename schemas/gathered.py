"""Refusals of entries that do not depend on one another, gathered so that all of them are said at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from doublecode.schemas.errors import InstrumentError, StudyError


class Several(StudyError):
    """More than one wrong entry of a declaration.

    Attributes
    ----------
    found : tuple of ValueError
        Each as it would have been raised alone.
    """

    def __init__(self, found: Sequence[ValueError]) -> None:
        self.found = tuple(found)
        super().__init__("\n".join([f"{len(self.found)} wrong entries.", *(f"  {one}" for one in self.found)]))


class Gathered:
    """What was refused so far.

    Examples
    --------
    >>> wrong = Gathered()
    >>> for text in ("1", "a", "b"):
    ...     with wrong.one():
    ...         number = float(text)
    >>> wrong.refuse()
    Traceback (most recent call last):
    ...
    doublecode.schemas.gathered.Several: 2 wrong entries.
      could not convert string to float: 'a'
      could not convert string to float: 'b'
    """

    def __init__(self) -> None:
        self._found: list[ValueError] = []

    @contextmanager
    def one(self) -> Iterator[None]:
        """Go on after what is done inside was refused."""
        try:
            yield
        except Several as wrong:
            self._found += wrong.found
        except ValueError as wrong:
            self._found.append(wrong)

    @property
    def any(self) -> bool:
        """Whether anything was refused so far."""
        return bool(self._found)

    def refuse(self) -> None:
        """Raise what was gathered: one refusal as it was, more of them as :class:`Several`."""
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            raise Several(self._found)


@contextmanager
def said_of(file: str) -> Iterator[None]:
    """Say of what is refused inside which file it stands in."""
    try:
        yield
    except (StudyError, InstrumentError) as wrong:
        raise StudyError(f"{file}: {wrong}") from None
