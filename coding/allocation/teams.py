"""Construct separation: which raters of a patient (or therapist) rate which instrument, rotating."""

from __future__ import annotations

import random
from collections.abc import Sequence

from doublecode.coding.allocation.streams import Stream, text_of
from doublecode.schemas.allocation import Demands, Separation

Teams = list[list[dict[str, frozenset[str]]]]
"""Per stream and separation: patient (or therapist) → raters who may rate this instrument of hers."""


def teams_of(streams: Sequence[Stream], demands: Demands, seed: int) -> Teams:
    """Divide the raters anew for each patient, turning the row of raters on, so that all meet all instruments.

    Who has rated an instrument of a patient already stays with it.
    """
    teams: Teams = [[{} for _ in demands.separations] for _ in streams]
    for j, one in enumerate(demands.separations):
        parts = parts_of(streams, demands, j)
        chance = random.Random(f"{seed}/separation {j}")
        raters = sorted({rater for i in parts for rater in streams[i].raters})
        chance.shuffle(raters)
        groups = sorted({text_of(value) for i in parts for value in streams[i].table[one.within]})
        chance.shuffle(groups)
        had = [had_by(streams[i], one) for i in parts]
        for turn, group in enumerate(groups):
            able = [_able(streams[i], one, demands, group) for i in parts]
            own = _divided(raters, turn, able, [before.get(group, frozenset()) for before in had])
            for i, members in zip(parts, own, strict=True):
                teams[i][j][group] = members
    return teams


def parts_of(streams: Sequence[Stream], demands: Demands, j: int) -> list[int]:
    """Streams that hold an instrument of a separation."""
    return [i for i, one in enumerate(streams) if set(one.instruments) & set(demands.separations[j].instruments)]


def had_by(stream: Stream, one: Separation) -> dict[str, frozenset[str]]:
    """Per patient (or therapist) who has assignments in this stream already."""
    group_of = dict(zip(stream.table["session_id"].astype(str), map(text_of, stream.table[one.within]), strict=True))
    found: dict[str, frozenset[str]] = {}
    for session, rater in zip(stream.kept["session_id"].astype(str), stream.kept["rater"].astype(str), strict=True):
        if session in group_of:
            found[group_of[session]] = found.get(group_of[session], frozenset()) | {rater}
    return found


def _able(stream: Stream, one: Separation, demands: Demands, group: str) -> frozenset[str]:
    """Raters of a stream who have not left, may do something, and whom no restriction keeps from all of a group."""
    rows = stream.table[stream.table[one.within].map(text_of) == group]
    nothing = {
        limit.rater for limit in demands.limits
        if limit.left or (limit.batch is None and not limit.is_dated and limit.most(demands.minutes_per_rating) == 0)
    }  # fmt: skip
    barred = {
        rule.rater for rule in demands.restrictions
        if len(rows) and all(rule.forbids(text_of(value)) for value in rows[rule.column])
    }  # fmt: skip
    return frozenset(stream.raters) - nothing - barred


def _divided(
    raters: Sequence[str], turn: int, able: Sequence[frozenset[str]], had: Sequence[frozenset[str]]
) -> list[frozenset[str]]:
    """Members of each part: first who is in it already, then whoever is next in the row, to the smallest part."""
    parts = [set(own) for own in had]
    row = [raters[(place + turn) % len(raters)] for place in range(len(raters))] if raters else []
    wanting = turn
    for rater in row:
        if any(rater in part for part in parts):
            continue
        fits = [n for n in range(len(parts)) if rater in able[n]]
        if fits:
            choice = min(fits, key=lambda n: (len(parts[n]), (n - wanting) % len(parts)))
            parts[choice].add(rater)
    return [frozenset(part) for part in parts]
