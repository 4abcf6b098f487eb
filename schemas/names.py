"""Names, titles and labels of a declaration: what they may be made of, said in words."""

from __future__ import annotations

import keyword
import math
import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic.functional_validators import PlainValidator

from doublecode.schemas.letters import written_out

LONGEST_NAME: Final = 60
"""Letters of a name: it becomes part of file names and of heads of columns."""
LONGEST_TITLE: Final = 255
"""Letters of a title: Word and Excel keep no more in the properties of a file."""


def _checked_name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", text):
        better = re.sub(r"[^a-z0-9]+", "_", written_out(text)).strip("_").lstrip("0123456789_")
        meant = f", such as {better!r}" if better else ""
        raise ValueError(f"a name begins with a small letter a-z and holds only a-z, 0-9 and _{meant}")
    return _short(text)


def _checked_identifier(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text):
        better = re.sub(r"[^a-z0-9_.-]+", "_", written_out(text)).strip("_.-")
        meant = f", such as {better!r}" if better else ""
        raise ValueError(f"an id begins with a letter or digit (A-Z, a-z, 0-9) and holds only these, _ . and -{meant}")
    return _short(text)


def _short(text: str) -> str:
    if len(text) > LONGEST_NAME:
        raise ValueError(f"{len(text)} letters are too many for a name; allowed: {LONGEST_NAME}")
    return text


def _checked_variable(text: str) -> str:
    if keyword.iskeyword(_checked_name(text)):
        raise ValueError(f"this word has a meaning of its own in formulas; choose another, such as '{text}_score'")
    return text


def _checked_label(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; write what is to be printed")
    return text


def _checked_title(text: str) -> str:
    if len(_checked_label(text)) > LONGEST_TITLE:
        raise ValueError(f"{len(text)} letters are too many for a title; allowed: {LONGEST_TITLE}")
    return text


def _checked_number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("allowed: a number, without quotation marks")
    if not math.isfinite(value):
        raise ValueError("allowed: a finite number")
    return int(value) if float(value).is_integer() else value


def _as_texts(value: Any) -> Any:
    """Codes that are typed as numbers, as texts."""
    if not isinstance(value, (list, tuple)):
        return value
    return tuple(str(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in value)


Bound = Annotated[float, PlainValidator(_checked_number), WithJsonSchema({"type": "number"})]
Codes = Annotated[tuple[str, ...], BeforeValidator(_as_texts)]
Name = Annotated[str, AfterValidator(_checked_name)]
Identifier = Annotated[str, AfterValidator(_checked_identifier)]
VariableName = Annotated[str, AfterValidator(_checked_variable)]
Label = Annotated[str, AfterValidator(_checked_label)]
Reference = Label
"""The name of something that is declared elsewhere: whoever looks it up says which there are."""
Title = Annotated[str, AfterValidator(_checked_title)]
