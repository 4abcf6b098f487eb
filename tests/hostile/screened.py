"""What the screens of the ratings see of damage that no cell can show: legal codes in the wrong place.

Honest studies are drawn as in ``tests/simulations/screens.py``: three raters, all of 72 sessions, six items of seven
codes, sheets of 36 rows. The same is done to them as in ``study_damage.py`` to a workbook.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "simulations"))

from screens import DESIGNS, Codes, Study, honest

DESIGN = next(one for one in DESIGNS if one.name == "all rate all")
N_COPIED = 10
Spoil = Callable[[Study, Codes, np.random.Generator], None]


def _nothing(study: Study, codes: Codes, rng: np.random.Generator) -> None:
    pass


def _exchanged(share: float) -> Spoil:
    """Codes are exchanged for their neighbours."""

    def spoil(study: Study, codes: Codes, rng: np.random.Generator) -> None:
        cells = rng.permutation(codes.size)[: max(1, round(share * codes.size))]
        codes.flat[cells] = (codes.flat[cells] + 1) % (DESIGN.top + 1)

    return spoil


def _own_rows(study: Study, rng: np.random.Generator) -> tuple[Codes, Codes]:
    """The rows of two raters, in the order of the sessions."""
    one, other = rng.permutation(DESIGN.n_raters)[:2]
    rows = [np.flatnonzero(study.rater == rater) for rater in (one, other)]
    return rows[0][np.argsort(study.session[rows[0]])], rows[1][np.argsort(study.session[rows[1]])]


def _by_session(study: Study, codes: Codes, rng: np.random.Generator) -> None:
    target, source = _own_rows(study, rng)
    chosen = rng.permutation(len(target))[:N_COPIED]
    codes[target[chosen]] = codes[source[chosen]]


def _by_place(study: Study, codes: Codes, rng: np.random.Generator) -> None:
    """The other's rows stand beside other sessions."""
    target, source = _own_rows(study, rng)
    first, other = rng.integers(0, len(target) - N_COPIED, 2)
    codes[target[first : first + N_COPIED]] = codes[source[other : other + N_COPIED]]


def _slipped(study: Study, codes: Codes, rng: np.random.Generator) -> None:
    """A column of one sheet slipped by a row; its first cell was repeated."""
    rows = np.flatnonzero((study.rater == rng.integers(DESIGN.n_raters)) & (study.sheet == rng.integers(2)))
    column = rng.integers(codes.shape[1])
    codes[rows[1:], column] = codes[rows[:-1], column]


def _swapped(study: Study, codes: Codes, rng: np.random.Generator) -> None:
    """Two rows in each other's place."""
    rows, _ = _own_rows(study, rng)
    one, other = rng.permutation(rows)[:2]
    codes[[one, other]] = codes[[other, one]]


KINDS: dict[str, Spoil] = {
    "nothing was done": _nothing,
    "one code exchanged for another": _exchanged(0.0),
    "5 % of the codes exchanged for others": _exchanged(0.05),
    "10 rows copied by session, codes alone": _by_session,
    "10 rows copied by place, codes alone": _by_place,
    "a column of 36 rows down, first cell repeated": _slipped,
    "two rows in each other's place": _swapped,
}


def run(n_sets: int) -> dict[str, Counter[str]]:
    """How many studies of each kind raise which alarm."""
    seen: dict[str, Counter[str]] = {}
    for name, spoil in KINDS.items():
        seen[name] = Counter()
        for number in range(n_sets):
            study = honest(DESIGN, 500 + number)
            codes = study.codes.copy()
            spoil(study, codes, np.random.default_rng([14, number]))
            seen[name].update(set(replace(study, codes=codes).screens()))
    return seen
