"""Letters that nobody sees: found, named, and taken out of names."""

from __future__ import annotations

import re
import unicodedata

_BLANKS = dict.fromkeys(
    map(ord, "\u00a0\u2007\u202f\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u3000"), " "
)
_PLAIN = re.compile(r"[\w.,+%/:=\\-]+")
_ALSO_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")


def is_unseen(letter: str) -> bool:
    """Whether a letter takes no place on the screen: U+200B, U+00AD, U+FEFF, marks of direction.

    Examples
    --------
    >>> is_unseen("\u200b"), is_unseen("a"), is_unseen(" ")
    (True, False, False)
    """
    return letter > "\x7f" and (unicodedata.category(letter) == "Cf" or letter in _ALSO_UNSEEN)


def unseen_in(text: str) -> tuple[str, ...]:
    """The invisible letters of a text, each once, as ``U+200B``.

    Examples
    --------
    >>> unseen_in("S2\u200b\u200b"), unseen_in("Müller")
    (('U+200B',), ())
    """
    if text.isascii():
        return ()
    return tuple(dict.fromkeys(f"U+{ord(letter):04X}" for letter in text if is_unseen(letter)))


def clean(text: str) -> str:
    """A name without what nobody sees: invisible letters gone, every kind of blank a blank, none around it.

    An umlaut of two letters, as macOS writes it, is one of one letter: they are the same text.

    Examples
    --------
    >>> clean("\ufeffS\u00a02\u200b "), clean("Pru\u0308fer") == "Prüfer"
    ('S 2', True)
    """
    if text.isascii():
        return text.strip()
    return composed("".join(letter for letter in text if not is_unseen(letter)).translate(_BLANKS).strip())


def composed(text: str) -> str:
    """A text whose accents stand in their letters (NFC), however the program wrote them.

    Examples
    --------
    >>> len("u\u0308"), len(composed("u\u0308"))
    (2, 1)
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def written_out(text: str) -> str:
    """A text in small letters, umlauts written out and accents gone.

    Examples
    --------
    >>> written_out("Prä"), written_out("Größe"), written_out("Café")
    ('prae', 'groesse', 'cafe')
    """
    plain = text.casefold()
    for umlaut, letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        plain = plain.replace(umlaut, letters)
    return "".join(one for one in unicodedata.normalize("NFD", plain) if not unicodedata.combining(one))


def visible(text: str) -> str:
    """A text in which every letter can be seen: the others stand there as ``⟨U+200B⟩``.

    Examples
    --------
    >>> visible("S2\u200b")
    'S2⟨U+200B⟩'
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else f"⟨U+{ord(letter):04X}⟩" for letter in text)


def as_typed(text: object) -> str:
    """A text or path as it is typed in a command: in quotation marks where a shell would read more in it.

    Examples
    --------
    >>> as_typed("study"), as_typed("my study"), as_typed("k.A."), as_typed(">=3")
    ('study', '"my study"', 'k.A.', '">=3"')
    """
    written = str(text)
    return written if _PLAIN.fullmatch(written) else f"'{written}'" if '"' in written else f'"{written}"'
