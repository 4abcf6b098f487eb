"""What raters have to do beside their share of the main sessions, and what is left of their limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from doublecode.coding.allocation.streams import Cells, Stream, gone_raters
from doublecode.schemas.allocation import Demands, Limit


@dataclass(frozen=True, eq=False)
class Room:
    """Anchors, recodes and limits of every rater.

    Attributes
    ----------
    first_batch, last_batch : int
        Batches into which new assignments go; earlier ones are out already.
    gone : frozenset of str
        Raters who have left.
    batches : dict of str to list of int
        In which of them a rater is there.
    recodes : dict of (str, int) to int
        Sessions of a stream that a rater codes a second time, those included that she has.
    new_recodes : dict of (str, int) to int
        Those that are new.
    anchors : dict of str to int
        Assignments of anchors, all occasions.
    dated_anchors : dict of int to int
        First codings of anchors that count in a limit with dates.
    new_anchors : dict of (str, int) to int
        Those of a rater that go into a batch.
    spent : dict of str to int
        What a rater has done of sessions that are rated no more.
    kept : dict of str to int
        What a rater has already, the pilot aside.
    dated_kept : dict of int to int
        First codings among these that count in a limit with dates.
    first_kept : dict of str to int
        First codings among these that are no anchors.
    batch_most : dict of (str, int) to int
        The most main sessions, recodes among them, that a rater can do in a batch, where a limit says so.
    """

    first_batch: int
    last_batch: int
    gone: frozenset[str] = frozenset()
    batches: dict[str, list[int]] = field(default_factory=dict)
    recodes: Counter[tuple[str, int]] = field(default_factory=Counter)
    new_recodes: Counter[tuple[str, int]] = field(default_factory=Counter)
    anchors: Counter[str] = field(default_factory=Counter)
    dated_anchors: Counter[int] = field(default_factory=Counter)
    new_anchors: Counter[tuple[str, int]] = field(default_factory=Counter)
    spent: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    dated_kept: Counter[int] = field(default_factory=Counter)
    first_kept: Counter[str] = field(default_factory=Counter)
    batch_most: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def new_batches(self) -> range:
        """Batches into which new assignments go."""
        return range(self.first_batch, self.last_batch + 1)

    def beside(self, rater: str) -> int:
        """Assignments of a rater that are no first codings of her share: anchors, recodes, and what is in vain."""
        return self.anchors[rater] + self.spent[rater] + sum(n for (who, _), n in self.recodes.items() if who == rater)

    def most(self, demands: Demands, place: int) -> int:
        """What a limit allows; what is kept stands even beyond it."""
        limit = demands.limits[place]
        kept = (
            self.dated_kept[place]
            if limit.is_dated
            else 0
            if limit.batch
            else self.kept[limit.rater] + self.spent[limit.rater]
        )
        return max(limit.most(demands.minutes_per_rating), kept)

    def batch_of(self, rater: str, occasion: int, times: int) -> int:
        """In which batch a rater meets an anchor for the `occasion`-th of 1 + `times` times."""
        own = self.batches[rater] or [self.last_batch]
        return own[round((occasion - 1) * (len(own) - 1) / times)]


def room_of(streams: Sequence[Stream], cells: Sequence[Cells], demands: Demands) -> Room:
    """Count what stands already and what is asked of each rater beside the main sessions."""
    first = max((one.last_out for one in streams), default=0) + 1
    gone = gone_raters(demands)
    room = Room(first, max(demands.batches, first), frozenset(gone))
    for rater in dict.fromkeys(name for one in streams for name in one.raters):
        away = {one.batch for one in demands.limits if one.rater == rater and _is_nothing(one, demands)}
        there = [batch for batch in room.new_batches if batch not in away]
        room.batches[rater] = [] if rater in gone or None in away else there
    for i, stream in enumerate(streams):
        room.spent.update(stream.spent)
        _count(room, i, stream, cells[i], demands)
    for j, limit in enumerate(demands.limits):
        if limit.batch is not None:
            key = (limit.rater, limit.batch)
            most = max(room.most(demands, j) - room.new_anchors[key], 0)
            room.batch_most[key] = min(room.batch_most.get(key, most), most)
    return room


def _is_nothing(limit: Limit, demands: Demands) -> bool:
    return not limit.left and not limit.is_dated and limit.most(demands.minutes_per_rating) == 0


def kept_keys(stream: Stream) -> set[tuple[str, str, int]]:
    """(session, rater, occasion) of what stands already, the pilot aside."""
    rows = stream.kept[stream.kept["role"] != "pilot"]
    times = rows["occasion"].astype(int) if "occasion" in rows.columns else [1] * len(rows)
    return set(zip(rows["session_id"].astype(str), rows["rater"].astype(str), times, strict=True))


def _count(room: Room, i: int, stream: Stream, cells: Cells, demands: Demands) -> None:
    kept = kept_keys(stream)
    dates = dict(zip(stream.table["session_id"].astype(str), stream.table["date"], strict=True))
    for place, rater in enumerate(stream.raters):
        own = {(session, occasion) for session, who, occasion in kept if who == rater}
        room.kept[rater] += len(own)
        room.first_kept[rater] += sum(occasion == 1 and session not in cells.anchors for session, occasion in own)
        again = sum(occasion > 1 and session not in cells.anchors for session, occasion in own)
        able = bool(room.batches[rater]) and any(place in one.open_to() for one in cells.classes)
        room.recodes[rater, i] = max(again, demands.recodes) if able else again
        room.new_recodes[rater, i] = room.recodes[rater, i] - again
        for j, limit in enumerate(demands.limits):
            if limit.rater == rater and limit.is_dated:
                room.dated_kept[j] += sum(one == 1 and limit.covers(dates[session]) for session, one in own)
        for session, who in cells.anchors.items():
            due = anchor_occasions(own, session, demands, is_free=place in who and bool(room.batches[rater]))
            room.anchors[rater] += len(due) + sum(session == one for one, _ in own)
            for occasion in due:
                room.new_anchors[rater, room.batch_of(rater, occasion, demands.anchor_times)] += 1
            first = (session, 1) in own or 1 in due
            for j, limit in enumerate(demands.limits):
                counts = first and limit.rater == rater and limit.is_dated
                room.dated_anchors[j] += counts and limit.covers(dates[session])


def anchor_occasions(own: set[tuple[str, int]], session: str, demands: Demands, *, is_free: bool) -> list[int]:
    """Occasions at which a rater still has to rate an anchor."""
    if not is_free or not demands.anchors:
        return []
    return [one for one in range(1, demands.anchor_times + 2) if (session, one) not in own]
