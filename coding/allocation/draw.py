"""From counts to sessions: which are coded twice, who gets which, in which role, batch and order; all by seed."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from doublecode.coding.allocation.capacity import Room, anchor_occasions, kept_keys
from doublecode.coding.allocation.counts import Counts, Pair
from doublecode.coding.allocation.streams import Cells, Stream, first_codings, pilot_number, text_of
from doublecode.schemas.allocation import Demands

Ints = NDArray[np.int64]
Progress = Callable[[str, int, int], None]
Row = tuple[str, str, str, str, int]
"""session, rater, role, batch, occasion."""


def drawn_raters(
    i: int, stream: Stream, cells: Cells, counts: Counts, rng: random.Random, progress: Progress | None
) -> dict[str, tuple[int, ...]]:
    """Session → its raters, the primary one first.

    Within a class every session may go to every pair of the class, so that a draw cannot fail: each session gets,
    of those that are left, the pair or rater that has met the patient, then the therapist, least often.
    """
    by_cell: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, key in enumerate(zip(cells.stratum_of, cells.class_of, strict=True)):
        by_cell[key].append(place)
    twice: set[int] = set()
    for key in sorted(by_cell):
        twice.update(rng.sample(by_cell[key], counts.doubles[i].get(key, 0)))
    patient = dict(zip(stream.table["session_id"].astype(str), map(text_of, stream.table["patient"]), strict=True))
    therapist = dict(zip(stream.table["session_id"].astype(str), map(text_of, stream.table["therapist"]), strict=True))
    met = _Met(len(stream.raters), [patient[s] for s in cells.ids], [therapist[s] for s in cells.ids])
    pairs, singles = _by_class(counts.pairs[i]), _by_class(counts.singles[i])
    given: dict[int, tuple[int, ...]] = {}
    order = list(range(len(cells.ids)))
    rng.shuffle(order)
    order.sort(key=lambda place: place not in twice)
    for done, place in enumerate(order):
        if progress is not None and not done % 100:
            progress("Handing out sessions", done, len(order))
        left = (pairs if place in twice else singles)[cells.class_of[place]]
        given[place] = met.least(place, left, rng)
    fixed = [cells.classes[k].fixed for k in cells.class_of]
    roles = _with_roles(len(stream.raters), given, fixed, rng)
    return {cells.ids[place]: roles[place] for place in range(len(cells.ids))}


def _by_class(
    counts: Mapping[tuple[int, Pair], int] | Mapping[tuple[int, int], int],
) -> dict[int, Counter[tuple[int, ...]]]:
    """Per class how often each pair, or each rater alone, is still to be given."""
    found: dict[int, Counter[tuple[int, ...]]] = defaultdict(Counter)
    for (k, who), n in counts.items():
        found[k][who if isinstance(who, tuple) else (who,)] += n
    return found


class _Met:
    """How often raters have met the patient and the therapist of each session."""

    def __init__(self, n_raters: int, patients: Sequence[str], therapists: Sequence[str]) -> None:
        self._of = [np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)[1]
                    for names in (patients, therapists)]  # fmt: skip
        self.counts = [np.zeros((int(of.max(initial=-1)) + 1, n_raters), dtype=np.int64) for of in self._of]

    def cost(self, place: int, raters: Ints) -> Ints:
        """(n,) how often each set of raters (n, 1 or 2) has met the patient, and in a smaller unit the therapist."""
        both = zip(self.counts, self._of, strict=True)
        patient, therapist = (counts[of[place]][raters].sum(axis=1) for counts, of in both)
        cost: Ints = patient * 100_000 + therapist
        return cost

    def add(self, place: int, who: tuple[int, ...], sign: int = 1) -> None:
        """Count that these raters have a session, or with ``sign=-1`` that they have not."""
        for counts, of in zip(self.counts, self._of, strict=True):
            for rater in who:
                counts[of[place], rater] += sign

    def least(self, place: int, left: Counter[tuple[int, ...]], rng: random.Random) -> tuple[int, ...]:
        """Take the set of raters that is left and has met the session's people least, by chance among equals."""
        sets = list(left)
        often = np.array([left[one] for one in sets])
        cost = self.cost(place, np.array(sets))
        best = np.flatnonzero(cost == cost.min())
        best = best[often[best] == often[best].max()]
        who: tuple[int, ...] = sets[int(best[rng.randrange(len(best))])]
        left[who] -= 1
        if not left[who]:
            del left[who]
        self.add(place, who)
        return who


def _with_roles(
    n_raters: int, given: Mapping[int, tuple[int, ...]], fixed: Sequence[tuple[int, ...]], rng: random.Random
) -> dict[int, tuple[int, ...]]:
    """Order each pair so that everybody is primary about equally often; who is primary already stays so."""
    primaries = np.zeros(n_raters, dtype=np.int64)
    roles: dict[int, tuple[int, ...]] = {}
    free = []
    for place, who in sorted(given.items()):
        first = fixed[place][0] if fixed[place] else who[0]
        roles[place] = (first, *(rater for rater in who if rater != first))
        primaries[first] += 1
        if len(who) == 2 and not fixed[place]:
            free.append(place)
    rng.shuffle(free)
    moved = True
    while moved:
        moved = False
        for place in free:
            first, second = roles[place]
            if primaries[first] > primaries[second] + 1:
                primaries[[first, second]] += [-1, 1]
                roles[place] = (second, first)
                moved = True
    return roles


def assignment_rows(
    streams: Sequence[Stream],
    cells: Sequence[Cells],
    given: Sequence[Mapping[str, tuple[int, ...]]],
    room: Room,
    demands: Demands,
    seed: int,
) -> list[list[Row]]:
    """Rows of each stream: the pilot first, then what each rater gets, batch by batch in her own order."""
    out = max((pilot_number(str(name)) for one in streams for name in one.kept["batch"]), default=0)
    rows: list[list[Row]] = [_pilot_rows(stream, room, f"pilot{out + 1:02d}" if out else "pilot") for stream in streams]
    roles = [_roles(stream, own, drawn, seed) for stream, own, drawn in zip(streams, cells, given, strict=True)]
    for rater in dict.fromkeys(name for one in streams for name in one.raters):
        chance = random.Random(f"{seed}/{rater}")
        mine = [_Own(i, rater, stream, roles[i]) for i, stream in enumerate(streams) if rater in stream.raters]
        new = [(own.i, session) for own in mine for session in own.new(cells[own.i])]
        chance.shuffle(new)
        n_again = sum(room.new_recodes[rater, i] for i in range(len(streams)))
        batches = _cut(rater, len(new) + n_again, room)
        placed = dict(zip(new, batches, strict=False))
        for one, batch in placed.items():
            rows[one[0]].append((one[1], rater, roles[one[0]][one[1]][rater], _batch_name(batch), 1))
        later = iter(batches[len(new) :])
        for own in mine:
            for session in own.to_recode(cells[own.i], placed, room.new_recodes[rater, own.i], chance):
                rows[own.i].append((session, rater, roles[own.i][session][rater], _batch_name(next(later)), 2))
            for session in sorted(cells[own.i].anchors):
                for occasion in own.due(session, cells[own.i], room, demands):
                    name = _batch_name(room.batch_of(rater, occasion, demands.anchor_times))
                    rows[own.i].append((session, rater, roles[own.i][session][rater], name, occasion))
    return rows


def _batch_name(number: int) -> str:
    return f"batch{number:02d}"


def _pilot_rows(stream: Stream, room: Room, batch: str) -> list[Row]:
    """What is new of the pilot; of a second round the batch is another one, so that no workbook changes that is out."""
    there = set(zip(stream.kept["session_id"].astype(str), stream.kept["rater"].astype(str), strict=True))
    return [
        (session, rater, "pilot", batch, 1)
        for session in stream.rated.pilot
        for rater in stream.raters
        if (session, rater) not in there and rater not in room.gone
    ]


def _roles(stream: Stream, cells: Cells, given: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, dict[str, str]]:
    """Session → rater → role; anchors have a primary rater too."""
    chance = random.Random(f"{seed}/anchors/{stream.instruments[0]}")
    kept = first_codings(stream.kept)
    first = {str(row.session_id): str(row.rater) for row in kept[kept["role"] == "primary"].itertuples()}
    has = set(zip(kept["session_id"].astype(str), kept["rater"].astype(str), strict=True))
    found = {}
    for session, places in (*given.items(), *sorted(cells.anchors.items())):
        who = [stream.raters[place] for place in places]
        free = [rater for rater in who if (session, rater) not in has] or who
        leader = first.get(session) or (free[0] if session in given or not who else chance.choice(free))
        found[session] = {rater: "primary" if rater == leader else "second" for rater in who}
    return found


class _Own:
    """What one rater has and gets of one stream."""

    def __init__(self, i: int, rater: str, stream: Stream, roles: Mapping[str, Mapping[str, str]]) -> None:
        self.i, self._rater = i, rater
        self.kept = {(session, occasion) for session, who, occasion in kept_keys(stream) if who == rater}
        self._sessions = sorted(session for session, who in roles.items() if rater in who)
        self._place = stream.raters.index(rater)

    def new(self, cells: Cells) -> list[str]:
        """Sessions that she gets for the first time, anchors aside."""
        return [one for one in self._sessions if one not in cells.anchors and (one, 1) not in self.kept]

    def to_recode(
        self, cells: Cells, placed: Mapping[tuple[int, str], int], n: int, chance: random.Random
    ) -> list[str]:
        """`n` of her sessions to be coded a second time, of her earliest batches."""
        free = [one for one in self._sessions if one not in cells.anchors and (one, 2) not in self.kept]
        batch = {one: placed.get((self.i, one), 0) for one in free}
        order = {one: chance.random() for one in free}
        return sorted(free, key=lambda one: (batch[one], order[one]))[:n]

    def due(self, session: str, cells: Cells, room: Room, demands: Demands) -> list[int]:
        """Occasions at which she still has to rate an anchor."""
        is_free = self._place in cells.anchors[session] and bool(room.batches[self._rater])
        return anchor_occasions(self.kept, session, demands, is_free=is_free)


def _cut(rater: str, total: int, room: Room) -> list[int]:
    """Batch of each of a rater's new assignments in their order: as even as the limits of her batches allow."""
    own = room.batches[rater] or [room.last_batch]
    sizes = dict.fromkeys(own, 0)
    for _ in range(total):
        free = [batch for batch in own if sizes[batch] < room.batch_most.get((rater, batch), total)] or own
        sizes[min(free, key=lambda batch: (sizes[batch], batch))] += 1
    return [batch for batch in sizes for _ in range(sizes[batch])]
