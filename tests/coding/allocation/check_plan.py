"""An independent check of a written plan: plain loops over the rows of the csv, nothing of the planner's own."""

from __future__ import annotations

import csv
import io
import math


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def value_of(session, column, demands):
    if column == "stage":
        return str(1 + sum(int(session["session"]) > cut for cut in demands.stages))
    return str(session[column] or "")


def breaches(assignments, sessions, raters, demands, kept=()):
    """Everything in a plan of one set of raters that a demand forbids, in words; empty where it keeps all.

    `assignments`, `kept`: rows of assignments.csv as dicts of text; `sessions`: main sessions as dicts; `raters`: ids.
    """
    rows = [one for one in assignments if one["role"] != "pilot"]
    times = [(one["session_id"], one["rater"], one["instrument"], int(one.get("occasion") or 1)) for one in rows]
    found = [f"{key} stands twice" for key in times if times.count(key) > 1] if len(times) < 400 else []
    by_id = {one["session_id"]: one for one in sessions}
    found += [f"training session {one[0]} is given out" for one in times if one[0] in demands.training]
    standing = [key_of(one) for one in kept if one["role"] != "pilot"]
    instruments = sorted({one[2] for one in times})
    for instrument in instruments:
        own = [one for one in times if one[2] == instrument]
        found += sessions_breached(own, rows, by_id, demands, instrument)
        found += strata_breached(own, by_id, demands, [one for one in standing if one[2] == instrument])
        found += graph_breached(own, demands)
        found += again_breached(own, raters, demands, by_id)
    found += restrictions_breached(times, by_id, demands, {key_of(one) for one in kept})
    found += limits_breached(rows, by_id, demands, standing)
    missing = {key_of(one) for one in kept} - {key_of(one) for one in assignments}
    return found + [f"{key} was kept and is gone" for key in sorted(missing)]


def key_of(row):
    return (row["session_id"], row["rater"], row["instrument"], int(row.get("occasion") or 1), row["batch"])


def anchors_of(own, by_id):
    """Sessions of which a second occasion is rated by two, or that more than two rate."""
    raters, again = {}, {}
    for session, rater, _, time in own:
        (raters if time == 1 else again).setdefault(session, set()).add(rater)
    return {one for one in by_id if len(raters.get(one, ())) > 2}


def sessions_breached(own, rows, by_id, demands, instrument):
    first = {}
    for session, rater, _, time in own:
        if time == 1:
            first.setdefault(session, []).append(rater)
    wanted = set(by_id) - set(demands.training)
    yield from (f"{one} is rated by nobody" for one in sorted(wanted - set(first)))
    yield from (f"{one} is no session of the plan" for one in sorted(set(first) - wanted))
    crowd = [one for one in first if len(first[one]) > 2]
    most = demands.anchors if isinstance(demands.anchors, int) else len(demands.anchors)
    if len(crowd) > most:
        yield f"{crowd} have more than two raters"
    for session in first:
        primary = [
            one for one in rows
            if one["session_id"] == session and one["role"] == "primary" and one["instrument"] == instrument
            and int(one.get("occasion") or 1) == 1
        ]  # fmt: skip
        if len(primary) != 1:
            yield f"{session} has {len(primary)} primary raters"


def strata_breached(own, by_id, demands, standing):
    raters = {}
    for session, rater, _, time in own:
        if time == 1:
            raters.setdefault(session, set()).add(rater)
    anchors = set(demands.anchors) if isinstance(demands.anchors, tuple) else anchors_of(own, by_id)
    if isinstance(demands.anchors, int) and demands.anchors > len(anchors):
        return  # two raters: anchors look like sessions coded twice
    twice_before = {}
    for session, rater, _, time, _ in standing:
        if time == 1:
            twice_before.setdefault(session, set()).add(rater)
    cells, forced, total = {}, {}, 0.0
    for name, session in by_id.items():
        if name in anchors or name in demands.training:
            continue
        share = demands.share
        for one in demands.shares:
            share = one.share if value_of(session, one.column, demands) == one.value else share
        key = (*(value_of(session, column, demands) for column in demands.strata), share)
        cells.setdefault(key, []).append(len(raters.get(name, ())) > 1)
        forced[key] = forced.get(key, 0) + (len(twice_before.get(name, ())) > 1)
        total += share
    for key, twice in cells.items():
        target = key[-1] * len(twice)
        if not math.floor(target + 1e-9) <= sum(twice) <= max(math.ceil(target - 1e-9), forced[key]):
            yield f"cell {key}: {sum(twice)} of {len(twice)} are coded twice"
    n = sum(sum(twice) for twice in cells.values())
    if not standing and abs(n - total) > 0.5 + 1e-9:
        yield f"{n} are coded twice, not {total}"


def graph_breached(own, demands):
    if not demands.connected or len({one[:2] for one in own}) == len({one[0] for one in own}):
        return
    groups = [{rater} for rater in {one[1] for one in own}]
    for session in {one[0] for one in own}:
        mine = {rater for name, rater, *_ in own if name == session}
        joined = set().union(*(group for group in groups if group & mine))
        groups = [group for group in groups if not group & mine] + [joined]
    if len(groups) > 1:
        yield f"raters hang apart: {groups}"


def again_breached(own, raters, demands, by_id):
    anchors = anchors_of(own, {one[0]: 0 for one in own})
    named = set(demands.anchors) if isinstance(demands.anchors, tuple) else anchors
    gone = {one.rater for one in demands.limits if one.left}
    for rater in raters:
        if rater in gone or not any(one[1] == rater and one[0] in by_id for one in own):
            continue  # she rates nothing: of a tape that failed since there is nothing to be coded again
        again = [one for one in own if one[1] == rater and one[3] > 1]
        n_anchor = demands.anchors if isinstance(demands.anchors, int) else len(named)
        if n_anchor == 0 and len(again) < demands.recodes:
            yield f"{rater} codes {len(again)} sessions again, not {demands.recodes}"
        firsts = {one[0] for one in own if one[1] == rater and one[3] == 1}
        for session, _, _, time in again:
            if session not in firsts:
                yield f"{rater} recodes {session} and has never coded it"
            if time > (2 if session not in named else demands.anchor_times + 1) and n_anchor == 0:
                yield f"{rater} meets {session} a {time}th time"
    absent = {one.rater for one in demands.limits if one.batch is not None and not one.sessions}
    for session in named if isinstance(demands.anchors, tuple) else ():
        for rater in [one[1] for one in own if one[0] == session and one[3] == 1]:
            n = sum(one[0] == session and one[1] == rater for one in own)
            if rater not in gone | absent and n != 1 + demands.anchor_times:
                yield f"{rater} meets the anchor {session} {n} times"


def restrictions_breached(times, by_id, demands, kept):
    standing = {key[:4] for key in kept}
    for session, rater, instrument, time in times:
        if (session, rater, instrument, time) in standing or session not in by_id:
            continue
        for one in demands.restrictions:
            value = value_of(by_id[session], one.column, demands)
            if one.rater == rater and (value in one.never or (one.only and value not in one.only)):
                yield f"{rater} must not rate {session} ({one.column} {value})"
    for one in demands.separations:
        seen = {}
        for session, rater, instrument, _ in times:
            if instrument in one.instruments and session in by_id:
                seen.setdefault((by_id[session][one.within], rater), set()).add(instrument)
        yield from (f"{key} has {names}" for key, names in seen.items() if len(names) > 1)


def limits_breached(rows, by_id, demands, standing):
    """Each tape counts once for all instruments that are rated from it together; what stood before stands."""
    apart = {name for one in demands.separations for name in one.instruments}
    before = {key[:4] for key in standing}
    for one in demands.limits:
        counted, old = set(), set()
        for row in rows:
            time = int(row.get("occasion") or 1)
            key = (row["session_id"], time, row["instrument"] if row["instrument"] in apart else "")
            date = str(by_id.get(row["session_id"], {}).get("date") or "")
            inside = (one.since is None or date >= str(one.since)) and (one.until is None or date <= str(one.until))
            dated = one.since is not None or one.until is not None
            fits = (date != "" and inside and time == 1) if dated else True
            fits = fits and (one.batch is None or row["batch"] == f"batch{one.batch:02d}")
            if row["rater"] == one.rater and fits:
                counted.add(key)
                if (row["session_id"], row["rater"], row["instrument"], time) in before:
                    old.add(key)
        most = one.sessions if one.hours is None else int(one.hours * 60 / demands.minutes_per_rating + 1e-9)
        most = len(old) if one.left else max(most, len(old))
        if len(counted) > most:
            yield f"{one.rater}: {len(counted)} sessions, allowed {most} ({one})"
