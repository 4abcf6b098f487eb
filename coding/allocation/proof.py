"""The proof of a plan, counted again from its rows: loads, pairs, shares of strata, occasions, connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Final

import pandas as pd

from doublecode.coding.allocation.allocation_result import FEW_DOUBLE_CODED, Allocation
from doublecode.coding.allocation.solving import components
from doublecode.coding.allocation.streams import Cells, Stream, first_codings, gone_raters, text_of
from doublecode.schemas.allocation import Demands
from doublecode.schemas.frames import OCCASION
from doublecode.schemas.results import Note

MOST_MET: Final = 2_000
"""Therapists times raters up to which the proof counts how often they meet."""
Proof = tuple[str, str, int, int, float, float]


def proven(stream: Stream, demands: Demands, seed: int, assignments: pd.DataFrame, cells: Cells) -> Allocation:
    """A plan with its proof."""
    one = assignments[(assignments["instrument"] == stream.instruments[0]) & (assignments["role"] != "pilot")]
    raters_of: dict[str, list[str]] = {}
    firsts = first_codings(one)
    for session, rater in zip(firsts["session_id"].astype(str), firsts["rater"].astype(str), strict=True):
        raters_of.setdefault(session, []).append(rater)
    main = {name: sorted(raters_of[name]) for name in cells.ids}
    rows = [*_loads(stream, one, main), *_pairs(stream, main), *_strata(stream, demands, cells, main)]
    rows += [*_met(stream, firsts), *_occasions(one)]
    frame = pd.DataFrame(rows, columns=["table", "name", "sessions", "double", "share", "expected"])
    n_double = sum(len(who) > 1 for who in main.values())
    design = {
        "sessions": len(stream.rated.main),
        "double_coded": n_double,
        "share": n_double / len(main) if main else float("nan"),
        "ratings": len(assignments[assignments["instrument"] == stream.instruments[0]]),
        "pilot_sessions": len(stream.rated.pilot),
        "groups": len(_groups(one)) if n_double or cells.anchors else 0,
        "anchors": sorted(cells.anchors),
        "kept": len(stream.kept[stream.kept["instrument"] == stream.instruments[0]]),
        "left_out": stream.rated.left_out,
    }
    spec = {
        "raters": list(stream.raters), "instruments": list(stream.instruments), "seed": seed,
        **demands.model_dump(mode="json"),
    }  # fmt: skip
    notes = (
        *stream.rated.notes,
        *_notes(stream, cells, one, n_double),
        *_recodes_at_once(one),
        *_fewer_anchors(stream, demands, cells, one),
        *_telling(stream),
    )
    return Allocation(spec, frame, design, assignments, tuple(notes), stream.rated.main.index)


def _loads(stream: Stream, rows: pd.DataFrame, main: dict[str, list[str]]) -> Iterator[Proof]:
    loads = Counter(rows["rater"].astype(str))
    doubles = Counter(rater for who in main.values() if len(who) > 1 for rater in who)
    for rater in stream.raters:
        load, double = loads[rater], doubles[rater]
        share = double / load if load else float("nan")
        yield ("load", rater, load, double, share, len(rows) / len(stream.raters))


def _pairs(stream: Stream, main: dict[str, list[str]]) -> Iterator[Proof]:
    counts = Counter(pair for who in main.values() for pair in combinations(who, 2))
    pairs = list(combinations(stream.raters, 2))
    for one, other in pairs:
        n = counts[one, other] if one < other else counts[other, one]
        yield ("pair", f"{one}–{other}", n, n, 1.0, counts.total() / len(pairs))


def _met(stream: Stream, firsts: pd.DataFrame) -> Iterator[Proof]:
    """How many sessions of each therapist each rater rates; raters are compared along therapists whom they share."""
    therapist = dict(zip(stream.table["session_id"].astype(str), map(text_of, stream.table["therapist"]), strict=True))
    met = Counter((therapist.get(str(one.session_id), ""), str(one.rater)) for one in firsts.itertuples())
    names = sorted(set(therapist.values()))
    if len(names) < 2 or len(names) * len(stream.raters) > MOST_MET:
        return
    for name in names:
        total = sum(met[name, rater] for rater in stream.raters)
        for rater in stream.raters:
            yield ("therapist", f"{name} · {rater}", met[name, rater], 0, float("nan"), total / len(stream.raters))


def _strata(stream: Stream, demands: Demands, cells: Cells, main: dict[str, list[str]]) -> Iterator[Proof]:
    """Shares of each column of the strata, then of each cell of their crossing."""
    table = stream.table.set_index(stream.table["session_id"].astype(str)).loc[cells.ids]
    known = pd.DataFrame({name: table[name].map(text_of) for name in demands.strata}, index=table.index)
    target = pd.Series(cells.shares, index=cells.ids)
    double = pd.Series({name: len(who) > 1 for name, who in main.items()}).reindex(cells.ids)
    crossed = [("stratum", [name]) for name in demands.strata]
    crossed += [("cell", list(demands.strata))] if len(demands.strata) > 1 else []
    for part, columns in crossed:
        for values, ids in known.groupby(columns if len(columns) > 1 else columns[0], sort=True).groups.items():
            own = list(ids)
            told = values if isinstance(values, tuple) else (values,)
            name = ", ".join(f"{column} {value}" for column, value in zip(columns, told, strict=True))
            n = int(double[own].sum())
            yield (part, name, len(own), n, n / len(own), float(target[own].sum()))


def _occasions(rows: pd.DataFrame) -> Iterator[Proof]:
    if OCCASION not in rows.columns:
        return
    for occasion, own in rows.groupby(OCCASION, sort=True):
        n = own["session_id"].nunique()
        twice = int((own.groupby("session_id").size() > 1).sum())
        yield ("occasion", f"occasion {occasion}", n, twice, twice / n, float("nan"))


def check_connected(assignments: pd.DataFrame) -> list[Note]:
    """Whether raters and sessions hang together, instrument by instrument.

    Raters can be compared only along sessions that they share. Where they fall into
    groups that share none, a note ``raters_apart`` names the groups.
    """
    notes = []
    for instrument, rows in assignments.groupby("instrument", sort=True):
        groups = _groups(rows)
        if len(groups) > 1:
            notes.append(Note("raters_apart", str(instrument), {"groups": tuple(map(tuple, groups))}))
    return notes


def _groups(rows: pd.DataFrame) -> list[list[str]]:
    """Connected groups of raters, sorted."""
    names = sorted(set(rows["rater"].astype(str)))
    place = {name: n for n, name in enumerate(names)}
    first: dict[str, int] = {}
    edges = [
        (place[rater], first.setdefault(session, place[rater]))
        for session, rater in zip(rows["session_id"].astype(str), rows["rater"].astype(str), strict=True)
    ]
    return [[names[one] for one in group] for group in components(set(place.values()), edges)]


_WAYS_OUT: Final = {
    "session_id": ("session ids", "give them ids of which nothing can be read."),
    "recording": ("recordings", "workbooks call them by blind names, doublecode recordings copies them so."),
}


def _telling(stream: Stream) -> Iterator[Note]:
    """Ids and file names from which the patient can be read."""
    for column, (what, way_out) in _WAYS_OUT.items():
        pairs = zip(stream.table[column].map(text_of), stream.table["patient"].map(text_of), strict=True)
        told = [name for name, patient in pairs if len(patient) > 2 and patient.lower() in name.lower()]
        if told:
            numbers = {"n": len(told), "what": what, "example": told[0], "way_out": way_out}
            yield Note("names_tell", column, numbers)


def _notes(stream: Stream, cells: Cells, rows: pd.DataFrame, n_double: int) -> Iterator[Note]:
    pairs = len(stream.raters) * (len(stream.raters) - 1) // 2
    if 0 < n_double < pairs:
        yield Note("fewer_double_coded_than_pairs", numbers={"n": n_double, "pairs": pairs})
    if 0 < n_double < FEW_DOUBLE_CODED:
        yield Note("few_double_coded", numbers={"least": FEW_DOUBLE_CODED})
    if n_double or cells.anchors:
        yield from check_connected(rows)


def _recodes_at_once(rows: pd.DataFrame) -> Iterator[Note]:
    """Recodes in the batch of their first coding: the rater remembers what she said."""
    if OCCASION not in rows.columns:
        return
    keys = ["session_id", "rater"]
    firsts = first_codings(rows)[[*keys, "batch"]]
    pairs = rows[rows[OCCASION] > 1][[*keys, "batch"]].merge(firsts, on=keys)
    at_once = pairs[pairs["batch_x"] == pairs["batch_y"]]
    if len(at_once):
        named = ", ".join(sorted(set(at_once["rater"].astype(str))))
        yield Note("recodes_at_once", numbers={"n": len(at_once), "named": named})


def _fewer_anchors(stream: Stream, demands: Demands, cells: Cells, rows: pd.DataFrame) -> Iterator[Note]:
    """Raters who meet an anchor less often than is demanded, and anchors that are rated no more."""
    met = Counter(zip(rows["session_id"].astype(str), rows["rater"].astype(str), strict=True))
    gone = gone_raters(demands)
    short = {
        (session, stream.raters[place]): demands.anchor_times + 1 - met[session, stream.raters[place]]
        for session, places in sorted(cells.anchors.items())
        for place in places
        if stream.raters[place] not in gone and demands.anchors
    }
    short = {key: n for key, n in short.items() if n > 0}
    if short:
        named = ", ".join(dict.fromkeys(rater for _, rater in short))
        yield Note("anchors_left_out", numbers={"n": sum(short.values()), "named": named})
    table = stream.table.set_index(stream.table["session_id"].astype(str))
    barred = [
        (session, rule.rater) for session in sorted(cells.anchors) for rule in demands.restrictions
        if rule.rater in stream.raters and rule.forbids(text_of(table.loc[session, rule.column]))
        and not met[session, rule.rater] and rule.rater not in gone
    ]  # fmt: skip
    if barred:
        named = ", ".join(dict.fromkeys(f"{rater} of {session}" for session, rater in barred))
        yield Note("anchors_barred", numbers={"n": len(set(barred)), "named": named})
    failed = [name for name in demands.named_anchors if name in stream.rated.left_out]
    if failed:
        yield Note("anchors_not_rated", numbers={"n": len(failed), "named": ", ".join(failed)})
