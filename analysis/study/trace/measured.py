"""Cells behind the numbers of measurement and description: reliability, consistency, moments, bands, homework."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from doublecode.analysis.study.trace.origins import Origins, gathered
from doublecode.analysis.study.trace.source_cells import MISSING, PLAIN, Basis, How, Role, extended, role_of

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.description.homework import LogResult
    from doublecode.analysis.study.scale_consistency import ConsistencyTable
    from doublecode.analysis.study.study_run import StudyRun

ALL = "all"
_COUNTED = role_of("", frozenset({How.COUNTED}))
_BASE = role_of("", frozenset({How.BASE}))


class ReliabilityBases:
    """What each ICC of a study stands on: the rows that its result names."""

    def __init__(self, origins: Origins, run: StudyRun) -> None:
        from doublecode.analysis.study.study_scales import rated_by_several

        self.origins = origins
        results = () if run.reliability is None else run.reliability.results
        self.results = {(instrument, level, phase): one for instrument, level, phase, one in results}
        self.items, self.scores = rated_by_several(run.study, run.intake.ratings)
        names = ("session_id", "rater", "instrument", "item")
        rated = self.items[self.items["value"].notna()]
        self._by_item = {key: rows.index for key, rows in rated.groupby(["instrument", "item"], sort=False)}
        self._by_scale = dict(list(self.scores.groupby("scale", sort=False)))
        self._by_key = dict(zip(zip(*(rated[name] for name in names), strict=True), rated.index, strict=True))

    def icc(self, instrument: str, level: str, name: str, phase: str) -> Basis:
        """The cells of one item or scale in one phase; none where nothing could be estimated."""
        result = self.results.get((instrument, level, phase))
        if result is None:
            return ()
        return gathered(
            self._of_item(result.rows, instrument, name)
            if level == "item"
            else self._of_scale(result.rows, instrument, name)
        )

    def _of_item(self, used: pd.Index, instrument: str, name: str) -> Iterator[tuple[int, Role]]:
        labels = self._by_item[instrument, name]
        for label in labels[labels.isin(used)]:
            yield self.origins.ratings[label], PLAIN

    def _of_scale(self, used: pd.Index, instrument: str, name: str) -> Iterator[tuple[int, Role]]:
        book = self.origins.study.codebooks[instrument]
        items = book.scale(name).items
        rows = self._by_scale[name]
        rows = rows[rows.index.isin(used) & (rows["instrument"] == instrument)]
        turned = {item.name for item in book.columns if item.reversed}
        for session, rater in zip(rows["session_id"], rows["rater"], strict=True):
            labels = [(item, self._by_key.get((session, rater, instrument, item))) for item in items]
            some = [How.PRORATED] if any(label is None for _, label in labels) else []
            for item, label in labels:
                if label is not None:
                    how = (*([How.REVERSED] if item in turned else []), *some)
                    yield self.origins.ratings[label], extended(PLAIN, how, None)


class OmegaBases:
    """What the coefficients of consistency stand on: the rows that their results name."""

    def __init__(self, origins: Origins, table: ConsistencyTable | None) -> None:
        self.origins, self.omegas = origins, {} if table is None else table.omegas
        self._rows: dict[tuple[str, str, str], list[tuple[str, int, list[bool]]]] = {}

    def omega(self, instrument: str, scale: str, pairing: str, level: str, item: str = "") -> Basis:
        """The cells of the items of a scale in one pairing: all sessions, or the one whose number `level` is."""
        from doublecode.analysis.study.scale_consistency import pairings

        book = self.origins.study.codebooks[instrument]
        rule = dict(pairings(book, book.scale(scale)))[pairing]
        key = (instrument, scale, pairing)
        if key not in self._rows:
            self._rows[key] = self._used(key, self.origins.scale_items(book, rule), list(rule.items))
        wanted = [item in ("", name) for name in rule.items]
        return gathered(
            found
            for patient, session, there in self._rows[key]
            if level in (ALL, str(session))
            for found in self.origins.members(
                book, rule, [a and b for a, b in zip(there, wanted, strict=True)], patient, session, prorated=False
            )
        )

    def _used(
        self, key: tuple[str, str, str], wide: pd.DataFrame, names: list[str]
    ) -> list[tuple[str, int, list[bool]]]:
        """The rows that a result stands on: patient, session, and which items are there."""
        answer = self.omegas.get(key)
        rows = wide if answer is None else wide[wide.index.isin(answer.rows)]
        there = rows[names].notna().to_numpy().tolist()
        return [(str(p), int(s), row) for p, s, row in zip(rows["patient"], rows["session"], there, strict=True)]


def items_basis(origins: Origins, instrument: str, item: str, session: str, *, missing: bool) -> Basis:
    """The cells of an item with a value, or those without: of all sessions, or of those with one number."""
    return gathered(
        found
        for patient, number, is_there in origins.of_items.get((instrument, item), ())
        if session in (ALL, str(number))
        for found in origins.item(instrument, patient, number, item)
        if is_there != missing and (found[1] is MISSING) == missing
    )


def scores_basis(origins: Origins, instrument: str, scale: str, session: str, *, missing: bool) -> Basis:
    """The cells of a scale's scores, or those that left sessions without one: of all sessions, or of one number."""
    rule = origins.study.codebooks[instrument].scale(scale)
    rows = [
        (patient, number)
        for patient, number, is_there in origins.of_scores.get((instrument, scale), ())
        if session in (ALL, str(number)) and is_there != missing
    ]
    if not missing:
        return gathered(found for key in rows for found in origins.score(instrument, scale, *key))
    return gathered(
        found
        for patient, number in rows
        for item in rule.items
        for found in origins.item(instrument, patient, number - (item in rule.lagged), item)
        if found[1] is MISSING
    )


class LogBases:
    """What the counts of a homework log stand on."""

    def __init__(self, origins: Origins, result: LogResult) -> None:
        self.result = result
        spec, ratings = result.spec, origins.intake.ratings
        book = origins.study.codebooks[spec["instrument"]]
        slotted = {item.name: item.repeat > 1 for item in book.items}
        chosen = ratings.loc[result.rows]
        chosen = chosen[chosen["text"].notna()]
        keys = zip(chosen["patient"], chosen["session"], chosen["item"], strict=True)
        cells = {(str(p), int(s), str(item)): label for (p, s, item), label in zip(keys, chosen.index, strict=True)}
        texts = dict(zip(chosen.index, chosen["text"], strict=True))
        self.entries: dict[str, list[dict[str, tuple[int, str]]]] = {}
        self.slots: list[dict[str, tuple[int, str]]] = []
        for patient, session, slot in result.assignments.itertuples(index=False, name=None):
            own: dict[str, tuple[int, str]] = {}
            for key in ("type", "completed", "difficulties"):
                if key not in spec:
                    continue
                name = f"{spec[key]}_{slot}" if slotted[spec[key]] else spec[key]
                label = cells.get((str(patient), int(session), name))
                if label is not None:
                    own[key] = (origins.ratings[label], str(texts[label]))
            self.slots.append(own)

    def counts(self, table: str, base: str) -> Basis:
        """Types, completion or difficulties: the entries that are counted, and those that per cent are taken of."""
        entries = [(slot[table][0], _COUNTED) for slot in self.slots if table in slot]
        if base == "sessions with homework":
            entries += [(slot["type"][0], _BASE) for slot in self.slots if "type" in slot]
        return gathered(entries)

    def by_type(self, code: str) -> Basis:
        """Completion of one type of homework: its entries of the type and of the completion."""
        mine = [slot for slot in self.slots if "completed" in slot and slot.get("type", (0, ""))[1] == code]
        return gathered(
            entry for slot in mine for entry in ((slot["completed"][0], _COUNTED), (slot["type"][0], _BASE))
        )
