"""False alarms in honest studies, and the power to find what is planted in them.

Codes come from no model of ours: a session has a patient's part, its own part and parts of its items; a rater adds
severity, severity on an item, a halo on the row and errors whose size differs from rater to rater; the sum is cut into
codes. Seeds are fixed: study `number` of `design` is always the same one.

    python tests/simulations/screens.py [CLEAN [PLANTED]]        400 clean studies and 50 plantings of each design
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from multiprocessing import Pool

import numpy as np
import pandas as pd

from doublecode.analysis import screen_ratings
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.item import Item

Codes = np.ndarray  # type: ignore[type-arg]


@dataclass(frozen=True)
class Design:
    """Who rates what, and of what the codes are made.

    Parameters
    ----------
    patients, sessions : int
        Sessions of each patient.
    double : float
        Share of the sessions that two raters code; with `all_rate`, that all of them do.
    top : int
        Codes run from 0 to `top`.
    floor : float
        Share of the codes at 0; 0 spreads codes evenly around the middle.
    common, special, halo, error : float
        Variances of a session's common part, its items' own parts, a rater's halo on a row, and errors.
    in_order : bool
        Sheets list the sessions patient by patient, so that neighbours are alike; else they are shuffled.
    sheet : int
        Rows of a sheet.
    """

    name: str
    n_raters: int
    patients: int
    sessions: int
    items: int
    top: int
    double: float
    common: float
    special: float
    halo: float
    error: float
    floor: float = 0.0
    all_rate: bool = False
    in_order: bool = False
    sheet: int = 40
    missing: float = 0.0


DESIGNS = (
    Design("rotating pairs", 5, 25, 8, 8, 4, 0.6, 0.65, 0.20, 0.10, 0.25, missing=0.05),
    Design("half on the floor", 4, 24, 8, 8, 4, 0.6, 0.60, 0.15, 0.10, 0.30, floor=0.5, in_order=True),
    Design("all rate all", 3, 12, 6, 6, 6, 1.0, 0.60, 0.25, 0.15, 0.30, all_rate=True, in_order=True, sheet=36),
    Design("two raters", 2, 15, 6, 10, 6, 0.7, 0.55, 0.25, 0.10, 0.30),
    Design("four items, poor", 4, 20, 8, 4, 4, 0.5, 0.30, 0.25, 0.15, 0.60),
)


@dataclass(frozen=True)
class Study:
    """One row per session and rater, in the order of the sheets."""

    design: Design
    session: Codes
    rater: Codes
    sheet: Codes
    codes: Codes

    @property
    def ratings(self) -> pd.DataFrame:
        """The long frame, contract as far as screens read it."""
        n, p = self.codes.shape
        start = np.maximum.accumulate(np.where(np.diff(self.sheet, prepend=-1) != 0, np.arange(n), 0))
        line = np.arange(n) - start + 5
        return pd.DataFrame({
            "session_id": np.repeat([f"S{one:04d}" for one in self.session], p),
            "rater": np.repeat([f"R{one}" for one in self.rater], p),
            "item": np.tile([f"i{one}" for one in range(p)], n), "value": self.codes.ravel(),
            "source_file": np.repeat([f"R{r}_{s}.xlsx" for r, s in zip(self.rater, self.sheet, strict=True)], p),
            "source_sheet": "Rate", "source_cell": np.repeat([f"E{one}" for one in line], p),
        })  # fmt: skip

    @property
    def book(self) -> Instrument:
        p, top = self.codes.shape[1], self.design.top
        items = tuple(Item(name=f"i{one}", label=f"Item {one}", minimum=0, maximum=top) for one in range(p))
        return Instrument(name="made_up", title="Made up", version="1", citation="none", rights="none", items=items)

    def screens(self) -> Counter[str]:
        """Alarms by screen."""
        return Counter(map(str, screen_ratings(self.ratings, self.book).frame["screen"]))


def honest(design: Design, number: int) -> Study:
    """An honest study."""
    rng = np.random.default_rng([DESIGNS.index(design) if design in DESIGNS else 99, number])
    n = design.patients * design.sessions
    patient = np.repeat(np.arange(design.patients), design.sessions)
    common = np.sqrt(0.4) * rng.normal(size=design.patients)[patient] + np.sqrt(0.6) * rng.normal(size=n)
    true = np.sqrt(design.common) * common[:, None] + np.sqrt(design.special) * rng.normal(size=(n, design.items))
    session, rater = _assigned(design, n, rng)
    order = rng.random(len(session)) if not design.in_order else session
    at = np.lexsort((order, rater))
    session, rater = session[at], rater[at]
    severity, by_item = 0.3 * rng.normal(size=design.n_raters), 0.2 * rng.normal(size=(design.n_raters, design.items))
    unsteady = np.exp(0.25 * rng.normal(size=design.n_raters))
    rows = len(session)
    latent = true[session] + (severity[:, None] + by_item)[rater]
    latent = latent + np.sqrt(design.halo) * rng.normal(size=(rows, 1))
    latent = latent + np.sqrt(design.error) * unsteady[rater][:, None] * rng.normal(size=latent.shape)
    scale = np.sqrt(design.common + design.special + design.halo + design.error + 0.13)
    if design.floor:
        cuts = scale * np.quantile(rng.standard_normal(20_000), np.linspace(design.floor, 0.97, design.top))
    else:
        cuts = scale * np.linspace(-1.5, 1.5, design.top)
    codes = np.searchsorted(cuts, latent).astype(float)
    codes[rng.random(codes.shape) < design.missing] = np.nan
    within = np.concatenate([np.arange((rater == one).sum()) for one in range(design.n_raters)])
    return Study(design, session, rater, within // design.sheet, codes)


def _assigned(design: Design, n: int, rng: np.random.Generator) -> tuple[Codes, Codes]:
    """Sessions and raters of all rows."""
    if design.all_rate:
        return np.tile(np.arange(n), design.n_raters), np.repeat(np.arange(design.n_raters), n)
    pairs = np.array(list(combinations(range(design.n_raters), 2)))
    pair = rng.permutation(np.resize(np.arange(len(pairs)), n))
    primary = rng.integers(0, 2, n)
    twice = np.flatnonzero(rng.random(n) < design.double)
    first, second = pairs[pair, primary], pairs[pair, 1 - primary]
    return np.concatenate([np.arange(n), twice]), np.concatenate([first, second[twice]])


# --- plantings -------------------------------------------------------------------------------------------------------


def copied(study: Study, rng: np.random.Generator, n: int = 10) -> Study | None:
    """One rater's rows of `n` shared sessions become another's: those that stand together in her sheets."""
    shared = [
        (a, b, both)
        for a in range(study.design.n_raters)
        for b in range(study.design.n_raters)
        if a != b and len(both := np.intersect1d(study.session[study.rater == a], study.session[study.rater == b])) >= n
    ]
    if not shared:
        return None
    a, b, both = shared[rng.integers(len(shared))]
    start = rng.integers(len(both) - n + 1)
    theirs = np.flatnonzero((study.rater == b) & np.isin(study.session, both))[start : start + n]
    codes = study.codes.copy()
    for row in theirs:
        codes[row] = codes[(study.rater == a) & (study.session == study.session[row])][0]
    return replace(study, codes=codes)


def straight(study: Study, rng: np.random.Generator, n: int = 15, of: str = "") -> Study:
    """`n` rows of a sheet get one row: one code above 0 in every cell, or the first of them filled down, by turns.

    The first row has a code above 0: a string of nothing but the lowest is what honest raters give on a floor, and
    stands in the power curves by itself.
    """
    starts = [
        rows[at : at + n]
        for rows in _sheets(study)
        for at in range(len(rows) - n + 1)
        if of or np.nansum(study.codes[rows[at]]) > 0
    ]
    rows = starts[rng.integers(len(starts))]
    codes = study.codes.copy()
    way = of or ("code", "row")[rng.integers(2)]
    if way == "floor":
        codes[rows] = 0.0
    elif way == "column":
        j = rng.integers(codes.shape[1])
        codes[rows, j] = codes[rows[0], j] if np.isfinite(codes[rows[0], j]) else 1.0
    else:
        codes[rows] = rng.integers(1, study.design.top + 1) if way == "code" else np.nan_to_num(codes[rows[0]], nan=1.0)
    return replace(study, codes=codes)


def turned(study: Study, rng: np.random.Generator, n: int = 15) -> Study:
    """A rater who codes everything from the other end, and shares exactly `n` sessions with others."""
    rater = int(rng.integers(study.design.n_raters))
    own = np.unique(study.session[study.rater == rater])
    shared = np.intersect1d(own, study.session[study.rater != rater])
    alone = rng.permutation(shared)[n:]
    kept = (study.rater == rater) | ~np.isin(study.session, alone)
    codes = study.codes.copy()
    codes[study.rater == rater] = study.design.top - codes[study.rater == rater]
    return Study(study.design, study.session[kept], study.rater[kept], study.sheet[kept], codes[kept])


def shifted(study: Study, rng: np.random.Generator, least: float = 0.75, rows: int = 36) -> Study | None:
    """A column of a sheet slips by a row, up or down, where the other items predict it at least so well."""
    fits = [
        (unit, j)
        for unit in _sheets(study)
        if len(unit) >= rows
        for j, fit in enumerate(predicted(study.codes[unit]))
        if fit >= least
    ]
    if not fits:
        return None
    unit, j = fits[rng.integers(len(fits))]
    codes = study.codes.copy()
    codes[unit, j] = np.roll(codes[unit, j], rng.choice([-1, 1]))
    return replace(study, codes=codes)


def predicted(codes: Codes) -> list[float]:
    """Correlation of each item with the mean of the others, within a sheet."""
    found = []
    for j in range(codes.shape[1]):
        others = np.nanmean(np.delete(codes, j, axis=1), axis=1)
        both = np.isfinite(codes[:, j]) & np.isfinite(others)
        x, y = codes[both, j], others[both]
        found.append(float(np.corrcoef(x, y)[0, 1]) if len(x) > 2 and x.std() > 0 and y.std() > 0 else 0.0)
    return found


def _sheets(study: Study) -> list[Codes]:
    unit = study.rater * 100 + study.sheet
    return [np.flatnonzero(unit == one) for one in np.unique(unit)]


Planting = Callable[[Study, np.random.Generator], Study | None]
PLANTINGS: dict[str, Planting] = {
    "identical_rows": copied,
    "straight_line": straight,
    "reversed_rater": turned,
    "column_shifted": shifted,
}


def planted(design: Design, kind: str, n: int) -> tuple[int, int]:
    """How many of the first `n` studies in which it can be planted raise the alarm of its kind; and how many those are.

    Nothing can be planted where no two raters share ten sessions, or no column is predicted at .75: the next study is
    taken, and after 4 n of them fewer than `n` are reported.
    """
    found = made = 0
    for number in range(4 * n):
        rng = np.random.default_rng([list(PLANTINGS).index(kind), DESIGNS.index(design), number, 14])
        study = PLANTINGS[kind](honest(design, 6_100_000 + number), rng)
        if study is None:
            continue
        made += 1
        found += study.screens()[kind] > 0
        if made == n:
            break
    return found, made


Task = Callable[[], str]


def power(n: int) -> Iterator[Task]:
    """Power curves: sizes of each planting, and shifted columns by how well others predict them."""
    for design in DESIGNS:
        yield partial(_curve, "copied rows", design, "identical_rows", copied, (4, 6, 8, 10), n)
        yield partial(_curve, "straight rows", design, "straight_line", straight, (5, 7, 10, 15), n)
        yield partial(_curve, "rows of the lowest code", design, "straight_line", _floored, (15, 25), n)
        yield partial(_curve, "one column straight", design, "straight_line", _column, (15, 25, 35), n)
        yield partial(_curve, "reversed, shared sessions", design, "reversed_rater", turned, (10, 12, 15), n)
    yield from (partial(_shift_curve, rows, n) for rows in (20, 28, 36))


def _floored(study: Study, rng: np.random.Generator, n: int) -> Study:
    return straight(study, rng, n, "floor")


def _column(study: Study, rng: np.random.Generator, n: int) -> Study:
    return straight(study, rng, n, "column")


def _curve(
    title: str, design: Design, code: str, plant: Callable[..., Study | None], sizes: tuple[int, ...], n: int
) -> str:
    parts = []
    for size in sizes:
        found = made = 0
        for number in range(2 * n):
            study = plant(honest(design, 7_000_000 + number), np.random.default_rng([number, 11]), size)
            if study is not None and made < n:
                made += 1
                found += study.screens()[code] > 0
        parts.append(f"{size}: {found}/{made}")
    return f"  {design.name:<20} {title:<26} {', '.join(parts)}"


def _shift_curve(rows: int, n: int) -> str:
    """Sheets of so many rows; items predicted within each band."""
    parts = []
    for low, high in ((0.3, 0.45), (0.45, 0.6), (0.6, 0.75), (0.75, 0.9)):
        found = made = 0
        share = (low + high) / 2
        design = replace(DESIGNS[0], common=0.85 * share, special=0.85 * (1 - share), halo=0.05, error=0.1, sheet=rows)
        for number in range(4 * n):
            study = honest(design, 9_000_000 + number)
            unit = _sheets(study)[number % 3]
            fits = [j for j, fit in enumerate(predicted(study.codes[unit])) if low <= fit < high]
            if len(unit) < rows or not fits or made == n:
                continue
            codes = study.codes.copy()
            codes[unit, fits[0]] = np.roll(codes[unit, fits[0]], 1 if number % 2 else -1)
            made += 1
            found += replace(study, codes=codes).screens()["column_shifted"] > 0
        parts.append(f"r {low:.2f}–{high:.2f}: {found}/{made}")
    return f"  column shifted, {rows} rows: {', '.join(parts)}"


def clean(design: Design, n: int) -> tuple[int, Counter[str]]:
    """How many of `n` honest studies raise an alarm, and alarms by screen."""
    raised, which = 0, Counter[str]()
    for number in range(n):
        found = honest(design, 3_200_000 + number).screens()
        raised += bool(found)
        which += found
    return raised, which


def _clean_line(design: Design, n: int) -> str:
    raised, which = clean(design, n)
    at_0 = np.mean([np.mean(honest(design, one).codes == 0) for one in range(5)])
    listed = ", ".join(f"{count} {name}" for name, count in sorted(which.items())) or "none"
    return f"  {design.name:<20} {raised:>4} of {n} ({raised / n:.1%}); codes at 0: {at_0:.0%}; alarms: {listed}"


def _planted_line(design: Design, kind: str, n: int) -> str:
    found, made = planted(design, kind, n)
    return f"  {design.name:<20} {kind:<16} {found} of {made}"


def tasks(n_clean: int, n_planted: int) -> Iterator[str | Task]:
    """Headings, and what computes the other lines."""
    yield f"{n_clean} honest studies of each design, level 1 %: studies with any alarm"
    yield from (partial(_clean_line, design, n_clean) for design in DESIGNS)
    yield "\nplantings that raise the alarm of their kind"
    yield from (partial(_planted_line, design, kind, n_planted) for design in DESIGNS for kind in PLANTINGS)
    yield "\npower"
    yield from power(max(n_planted // 4, 1))


def _line(task: str | Task) -> str:
    return task if isinstance(task, str) else task()


if __name__ == "__main__":
    asked = [int(one) for one in sys.argv[1:]]
    with Pool() as pool:
        for line in pool.imap(_line, tasks(*(asked + [400, 50][len(asked) :]))):
            print(line, flush=True)
