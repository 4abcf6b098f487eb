"""What somebody may have meant: the known name that resembles a mistyped one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from doublecode.schemas.letters import written_out


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that resembles `name` most, if any does.

    Examples
    --------
    >>> nearest("dropout", ["completed", "dropped_out"]), nearest("x", ["completed"]), nearest("Prä", ["prae"])
    ('dropped_out', None, 'prae')
    """
    import difflib

    by_folded = {written_out(candidate): candidate for candidate in known}
    close = difflib.get_close_matches(written_out(name), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def allowed(name: object, known: Iterable[str]) -> str:
    """Say which names are allowed, and which of them may have been meant.

    Examples
    --------
    >>> allowed("totl", ["total", "mean"])
    "allowed: total, mean; did you mean 'total'?"
    >>> allowed("x", [])
    'allowed: none declared'
    """
    names = tuple(known)
    meant = nearest(str(name), names)
    asked = "" if meant is None else f"; did you mean {meant!r}?"
    return f"allowed: {', '.join(names) or 'none declared'}{asked}"


def told_apart(labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Labels by name; one that several names have is printed with the name behind it.

    Examples
    --------
    >>> told_apart([("a", "Warm"), ("b", "Warm"), ("c", "Calm")])
    {'a': 'Warm (a)', 'b': 'Warm (b)', 'c': 'Calm'}
    """
    pairs = list(labels)
    times = Counter(label for _, label in pairs)
    return {name: f"{label} ({name})" if times[label] > 1 else label for name, label in pairs}


def ended(text: str) -> str:
    """A sentence with its full stop, unless it ends in a question.

    Examples
    --------
    >>> ended("allowed: total"), ended("did you mean 'total'?")
    ('allowed: total.', "did you mean 'total'?")
    """
    return text if text.endswith("?") else f"{text}."
