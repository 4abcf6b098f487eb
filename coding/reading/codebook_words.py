"""What the heads and cells of a lab's codebook may say, in English and German; what they say else is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

HEADS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("item", "name", "variable", "variable name", "variablenname", "kürzel", "code"),
    "label": (
        "label", "text", "question", "description", "item text", "itemtext", "wording", "statement", "bezeichnung",
        "beschreibung", "frage", "wortlaut", "formulierung", "aussage",
    ),
    "type": ("type", "typ", "kind", "art", "item type", "itemtyp", "datentyp"),
    "minimum": ("min", "minimum", "from", "low", "lowest", "lower", "von", "kleinster wert", "untergrenze"),
    "maximum": ("max", "maximum", "to", "high", "highest", "upper", "bis", "größter wert", "obergrenze"),
    "range": (
        "range", "scale range", "bereich", "wertebereich", "spanne", "skalenbereich", "von bis", "skala von bis",
        "werte von bis", "skalenumfang", "min max", "from to",
    ),
    "codes": (
        "anchors", "codes", "categories", "values", "choices", "options", "value labels", "response options", "coding",
        "responses", "anker", "kategorien", "werte", "stufen", "ausprägungen", "ausprägung", "kodierung", "codierung",
        "antwortformat", "antworten", "antwortkategorien", "antwortoptionen", "optionen", "wertelabels", "abstufung",
        "abstufungen", "verankerung",
    ),
    "missing": (
        "missing", "missing codes", "missing values", "missings", "fehlend", "fehlende werte", "fehlwerte", "fehlwert",
    ),
    "reversed": (
        "reversed", "reverse", "reverse scored", "reverse coded", "recode", "recoded", "inverted", "inverse", "keyed",
        "key", "r", "polung", "pol", "negativ", "negativ gepolt", "gepolt", "umgepolt", "umzupolen", "umpolen",
        "umkodieren", "umcodieren", "invertiert", "invers", "invertieren", "rekodiert", "recodiert", "rekodieren",
        "recodieren", "revers",
    ),
    "scale": (
        "scale", "subscale", "factor", "dimension", "facet", "domain", "skala", "subskala", "unterskala", "faktor",
        "facette", "bereich der skala",
    ),
    "optional": ("optional", "freiwillig"),
    "decimals": ("decimals", "decimal places", "dezimalen", "dezimalstellen", "nachkommastellen"),
    "hint": ("hint", "note", "instruction", "hinweis", "anweisung", "instruktion"),
    "definition": ("definition", "erläuterung", "kodierregel"),
}  # fmt: skip
"""What the columns of a spreadsheet codebook may be called, in any case."""

TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("text", "open", "open text", "notes", "freitext", "offen", "string"), "text"),
    **dict.fromkeys(("decimal", "float", "dezimal", "dezimalzahl"), "decimal"),
    **dict.fromkeys(("yes_no", "yes/no", "yesno", "ja/nein", "ja_nein", "boolean", "dichotom", "binary"), "yes_no"),
    **dict.fromkeys(("minutes", "minuten"), "minutes"),
    **dict.fromkeys(("duration", "seconds", "dauer", "sekunden"), "duration"),
    **dict.fromkeys(("count", "anzahl", "number of", "häufigkeit"), "count"),
    **dict.fromkeys(("nominal", "categorical", "kategorial", "single choice"), "nominal"),
    **dict.fromkeys(("multiple", "multi-response", "multiple choice", "checkbox", "mehrfach"), "multiple"),
    **dict.fromkeys(("ordinal", "rating", "likert", "scale", "skala", "interval", "intervall", ""), ""),
    **dict.fromkeys(("integer", "number", "numeric", "ganzzahl", "zahl", "numerisch", "metrisch"), ""),
}
"""What the types of a spreadsheet codebook may be called."""

_YES: Final = frozenset({"x", "y", "yes", "1", "true", "wahr", "j", "ja", "✓", "✔"})
_NO: Final = frozenset({"", "n", "no", "nein", "0", "false", "falsch"})
_REVERSED: Final = re.compile(
    r"\(?-?r\)?|[-−–]1?|neg(\.|ativ\w*|ative\w*)?( gepolt)?|rev(\.|ers\w*)?|reverse\w*|inv(\.|ers\w*|ert\w*)?|"
    r"(re[ck]od|um[kc]od|umgepolt|umpol|umzupol|gedreht)\w*"
)
_FORWARD: Final = re.compile(r"\+1?|pos(\.|itiv\w*|itive\w*)?( gepolt)?|normal|forward|nicht \w+|not \w+")


def folded(head: str) -> str:
    """A head without case, marks and doubled blanks: how heads are compared.

    Examples
    --------
    >>> folded("Reverse-scored?"), folded("Item  Text:"), folded("Min.")
    ('reverse scored', 'item text', 'min')
    """
    return re.sub(r"[\s_-]+", " ", head.casefold()).strip(" ?:.*#")


def is_yes(text: str) -> bool | None:
    """Whether a cell says yes; None where it says neither yes nor no.

    Examples
    --------
    >>> is_yes("x"), is_yes("nein"), is_yes("perhaps")
    (True, False, None)
    """
    word = text.strip().casefold()
    return True if word in _YES else False if word in _NO else None


def is_reversed(text: str) -> bool | None:
    """Whether a cell says that an item counts from the other end; None where it says neither.

    Examples
    --------
    >>> [is_reversed(text) for text in ("x", "R", "neg.", "-", "invertiert", "", "+", "positiv", "vielleicht")]
    [True, True, True, True, True, False, False, False, None]
    """
    word = text.strip().casefold()
    said = is_yes(word)
    if said is None and _REVERSED.fullmatch(word):
        return True
    return False if said is None and _FORWARD.fullmatch(word) else said


_MARK: Final = re.compile(
    r"(.*\S)\s*[(\[]\s*(?:[-−–]|r|rev\.?|revers\w*|inv\.?|inver[st]\w*|(?:neg\.|negativ\w*) (?:gepolt|keyed)|"
    r"(?:re[ck]od|um[kc]od|umgepol|umpol|umzupol)\w*)\s*[)\]]",
    re.IGNORECASE,
)


def without_reversed_mark(text: str) -> str:
    """A name or label without the mark in brackets that labs set behind reversed items.

    Examples
    --------
    >>> [without_reversed_mark(text) for text in ("e3 (-)", "Vague tasks (R)", "Affect (negative)", "Minutes (1-5)")]
    ['e3', 'Vague tasks', 'Affect (negative)', 'Minutes (1-5)']
    """
    found = _MARK.fullmatch(text)
    return text if found is None else found[1]
