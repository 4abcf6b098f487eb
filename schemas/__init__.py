"""What a study is made of: instruments, studies, frames, problems, errors. No statistics.

Declared in TOML
    Instrument       a codebook: items, anchors, missing codes, scales; prints as a card
    load_instrument  a shipped codebook by name, or your own by its path
    Study            a study folder: instruments, raters, variables, models; prints as a card
    load_study       the study of a folder
    load_published   the numbers that a paper prints, each with its quote and the cell that answers it

Found in data
    Problem          one thing wrong: code, place, sentence, next step
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.schemas.doors import doors

if TYPE_CHECKING:
    from doublecode.schemas.instrument import Instrument as Instrument
    from doublecode.schemas.instrument import load_instrument as load_instrument
    from doublecode.schemas.problems import Problem as Problem
    from doublecode.schemas.published_values import load_published as load_published
    from doublecode.schemas.study import Study as Study
    from doublecode.schemas.study import load_study as load_study

_HOME = {
    "Instrument": "instrument",
    "load_instrument": "instrument",
    "Problem": "problems",
    "load_published": "published_values",
    "Study": "study",
    "load_study": "study",
}
__all__ = sorted(_HOME)
__getattr__ = doors(__name__, _HOME)
