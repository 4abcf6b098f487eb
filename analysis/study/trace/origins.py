"""What a rating, an item, a score and a cell of the analysis frame stand on, asked of what made them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from doublecode.analysis.linking.cells import Part, Place
from doublecode.analysis.study.trace.source_cells import (
    MISSING,
    PLAIN,
    POOLED,
    Basis,
    CellList,
    How,
    Role,
    SourceCell,
    extended,
    free_texts,
    rating_cells,
    role_of,
    table_cells,
    table_file,
)

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.study.study_run import Intake
    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.scale import Scale

ItemKey = tuple[str, str, Any, str]
"""Instrument, patient, session number or event, item."""
_PARTS = {Part.LAGGED: How.LAGGED, Part.START: How.START}


def with_how(basis: Iterable[tuple[int, Role]], *how: How, of: str | None = None) -> Iterator[tuple[int, Role]]:
    """The same cells with something more that was done to them, or under the name of what they make."""
    made: dict[Role, Role] = {}
    for number, role in basis:
        if role not in made:
            made[role] = extended(role, how, of)
        yield number, made[role]


class Origins:
    """The chain from items and scores back to cells; every step is asked of the pooling and scoring that made them.

    Parameters
    ----------
    intake : Intake
    items, scores : DataFrame
        As :func:`doublecode.analysis.study.run.score_study` makes them of it.
    """

    def __init__(self, intake: Intake, items: pd.DataFrame, scores: pd.DataFrame) -> None:
        self.intake, self.items, self.scores, self.study = intake, items, scores, intake.study
        self.cells = CellList()
        self._texts = free_texts(self.study)

    def under(self, intake: Intake, items: pd.DataFrame, scores: pd.DataFrame) -> Origins:
        """The same cells by the same numbers, pooled and scored by other rules, or without some ratings."""
        other = Origins(intake, items, scores)
        other.cells = self.cells
        return other

    @cached_property
    def ratings(self) -> dict[Any, int]:
        """The cell of each rating that is in the numbers, by its label."""
        return {label: self.cells.number(cell) for label, cell in rating_cells(self.intake.ratings, self._texts)}

    @cached_property
    def agreed(self) -> dict[Any, int]:
        """The cell that scores stand on in the place of each rating: what was agreed on, where they do."""
        return {label: self.cells.number(cell) for label, cell in rating_cells(self.intake.agreed, self._texts)}

    @cached_property
    def decided(self) -> dict[Any, int]:
        """The cell of each code that was agreed on, by its label."""
        decided = self.intake.decided
        rows = self.intake.ratings.iloc[:0] if decided is None else decided
        return {label: self.cells.number(cell) for label, cell in rating_cells(rows, self._texts)}

    @cached_property
    def recodes(self) -> dict[Any, int]:
        """The cell of each rating of a later occasion, by its label."""
        again = self.intake.recodes
        return (
            {}
            if again is None
            else {label: self.cells.number(cell) for label, cell in rating_cells(again, self._texts)}
        )

    @cached_property
    def kept_out(self) -> dict[Any, int]:
        """The cell of each rating that is in no number, by its label."""
        return {label: self.cells.number(cell) for label, cell in rating_cells(self.intake.kept_out, self._texts)}

    @cached_property
    def pooled(self) -> dict[ItemKey, list[tuple[int, bool]]]:
        """Per pooled item of a session the cells of the ratings that count, and whether each holds a value."""
        from doublecode.coding.pooling import counted_ratings

        study, found = self.study, dict[ItemKey, list[tuple[int, bool]]]()
        main = self.intake.agreed
        main = main[main["phase"] == "main"]
        for name, book in study.codebooks.items():
            rows = counted_ratings(main, book, study.use(name).pooling)
            keys = zip(rows["patient"], rows["session"], rows["item"], rows["value"].notna(), rows.index, strict=True)
            for patient, session, item, is_value, label in keys:
                key = (name, str(patient), int(session), str(item))
                found.setdefault(key, []).append((self.agreed[label], bool(is_value)))
        return found

    @cached_property
    def answers(self) -> dict[ItemKey, int]:
        """The cell of each answer of an outcome."""
        from doublecode.coding.reading.answer_places import answer_places

        intake, study = self.intake, self.study
        places = answer_places(study)
        parts = [(intake.outcomes, "session")] + ([] if intake.at_events is None else [(intake.at_events, "event")])
        files = {key[0]: table_file(study, key[0]) for key in places}
        found: dict[ItemKey, int] = {}
        for rows, at in parts:
            ids = rows["session_id"] if "session_id" in rows.columns else [""] * len(rows)
            values = zip(rows["instrument"], rows["patient"], rows[at], rows["item"], rows["value"], ids, strict=True)
            for name, patient, when, item, value, session in values:
                key = (str(name), str(patient), int(when) if at == "session" else str(when), str(item))
                place = places.get(key[:3], {}).get(key[3])
                if place is None:
                    continue
                held = float(value) if value == value else None
                cell = SourceCell(files[key[0]], "", place, held, str(session), "", key[0], key[3])
                found[key] = self.cells.number(cell)
        return found

    def item(self, instrument: str, patient: str, at: int | str, item: str) -> Basis:
        """The cells that one item of a session or event stands on; those without a value are ``MISSING``."""
        key = (instrument, patient, at, item)
        known = self._items.get(key)
        if known is None:
            known = self._items[key] = tuple(self._item(key))
        return known

    @cached_property
    def _items(self) -> dict[ItemKey, Basis]:
        return {}

    def _item(self, key: ItemKey) -> Iterator[tuple[int, Role]]:
        rated = self.pooled.get(key, [])
        several = sum(is_value for _, is_value in rated) > 1
        for number, is_value in rated:
            yield number, MISSING if not is_value else POOLED if several else PLAIN
        if not rated and key in self.answers:
            number = self.answers[key]
            yield number, MISSING if self.cells.cells[number].value is None else PLAIN

    @cached_property
    def of_items(self) -> dict[tuple[str, str], list[tuple[str, int, bool]]]:
        """Per instrument and item its patients, sessions, and whether they have a value."""
        return _grouped(self.items, "item")

    @cached_property
    def of_scores(self) -> dict[tuple[str, str], list[tuple[str, int, bool]]]:
        """Per instrument and scale its patients, sessions, and whether they have a value."""
        return _grouped(self.scores, "scale")

    def scale_items(self, book: Instrument, scale: Scale) -> pd.DataFrame:
        """The items of a scale side by side as they are scored, by patient and session."""
        from doublecode.coding.scoring import scored_items

        key = (book.name, scale.name, scale.lagged)
        if key not in self._wide:
            self._wide[key] = scored_items(self.items, book, scale)
        return self._wide[key]

    @cached_property
    def _wide(self) -> dict[tuple[str, str, tuple[str, ...]], pd.DataFrame]:
        return {}

    def score(self, instrument: str, scale: str, patient: str, session: int) -> Basis:
        """The cells of the items that a scale score stands on."""
        key = (instrument, scale)
        if key not in self._scores:
            book = self.study.codebooks[instrument]
            rule = book.scale(scale)
            wide = self.scale_items(book, rule)
            there = wide[list(rule.items)].notna().to_numpy()
            keys = zip(wide["patient"], wide["session"], there, strict=True)
            self._scores[key] = {(str(p), int(s)): self.members(book, rule, row, str(p), int(s)) for p, s, row in keys}
        return self._scores[key].get((patient, session), ())

    @cached_property
    def _scores(self) -> dict[tuple[str, str], dict[tuple[str, int], Basis]]:
        return {}

    def members(
        self,
        book: Instrument,
        scale: Scale,
        there: Iterable[bool],
        patient: str,
        session: int,
        *,
        prorated: bool = True,
    ) -> Basis:
        """The cells of the items of a scale that are there, as they are scored in one session."""
        some = (How.PRORATED,) if prorated and not all(there) else ()
        found: list[tuple[int, Role]] = []
        for (name, lagged, how), is_there in zip(self._rules(book, scale), there, strict=True):
            if is_there:
                for number, role in self.item(book.name, patient, session - lagged, name):
                    if role is not MISSING:
                        found.append((number, extended(role, how + some, None) if how or some else role))
        return tuple(found)

    def _rules(self, book: Instrument, scale: Scale) -> list[tuple[str, bool, tuple[How, ...]]]:
        """Per item of a scale whether it is of the session before, and what scoring does to it."""
        key = (book.name, scale.items, scale.lagged)
        if key not in self._made:
            how = {How.LAGGED: scale.lagged, How.REVERSED: [item.name for item in book.columns if item.reversed]}
            self._made[key] = [
                (name, name in scale.lagged, tuple(one for one, names in how.items() if name in names))
                for name in scale.items
            ]
        return self._made[key]

    @cached_property
    def _made(self) -> dict[tuple[Any, ...], list[tuple[str, bool, tuple[How, ...]]]]:
        return {}

    def event_score(self, instrument: str, scale: str, patient: str, event: str) -> Iterator[tuple[int, Role]]:
        """The cells of the items that a scale score at an event stands on."""
        book = self.study.codebooks[instrument]
        for name in book.scale(scale).items:
            how = [How.REVERSED] if book.item(name).reversed else []
            yield from with_how(_valued(self.item(instrument, patient, event, name)), *how)

    def place(self, place: Place) -> Iterator[tuple[int, Role]]:
        """The cells behind a value that was looked up."""
        how = [_PARTS[place.part]] if place.part in _PARTS else []
        yield from with_how(self._looked_up(place), *how)

    def _looked_up(self, place: Place) -> Iterator[tuple[int, Role]]:
        if not place.instrument:
            yield from self.column(place.kind, place.name, place.key)
            return
        patient, at = place.key
        if place.kind == "item":
            yield from _valued(self.item(place.instrument, patient, at, place.name))
        elif place.kind == "count":
            yield from self._log_of(place.instrument, patient, at)
        elif isinstance(at, str):
            yield from self.event_score(place.instrument, place.name, patient, at)
        else:
            yield from self.score(place.instrument, place.name, patient, at)

    def _log_of(self, instrument: str, patient: str, session: int) -> Iterator[tuple[int, Role]]:
        """The entries of the homework log of a session that are counted."""
        from doublecode.analysis.description.homework import empty_of, one_rater

        key = (instrument, "")
        if key not in self._logs:
            ratings = self.intake.agreed
            mine = ratings[(ratings["instrument"] == instrument) & (ratings["phase"] == "main")]
            empty = empty_of(self.study.codebooks[instrument], self.intake.empty_logs)
            chosen, _, _ = one_rater(mine, "primary", empty)
            own: dict[tuple[str, int], list[int]] = {}
            names = ("patient", "session", "text")
            for label, p, s, text in zip(chosen.index, *(chosen[name] for name in names), strict=True):
                if isinstance(text, str):
                    own.setdefault((str(p), int(s)), []).append(self.agreed[label])
            self._logs[key] = own
        for number in self._logs[key].get((patient, session), []):
            yield number, role_of("", frozenset({How.COUNTED}))

    @cached_property
    def _logs(self) -> dict[tuple[str, str], dict[tuple[str, int], list[int]]]:
        return {}

    def column(self, table: str, column: str, key: tuple[Any, ...]) -> Basis:
        """The cell of a table by its key: (patient,), (therapist,), (patient, session)."""
        if (table, column) not in self._columns:
            cells = table_cells(self.study, table, self._tables[table], column)
            numbers = map(self.cells.number, cells)
            self._columns[table, column] = dict(zip(self._keys(table), numbers, strict=True)) if cells else {}
        number = self._columns[table, column].get(tuple(map(str, key)))
        return () if number is None else ((number, PLAIN),)

    @cached_property
    def _columns(self) -> dict[tuple[str, str], dict[tuple[str, ...], int]]:
        return {}

    def _keys(self, table: str) -> list[tuple[str, ...]]:
        names = {"patients": ["patient"], "therapists": ["therapist"], "sessions": ["patient", "session"]}
        return [tuple(map(str, key)) for key in self._tables[table][names[table]].itertuples(index=False)]

    @cached_property
    def _tables(self) -> dict[str, pd.DataFrame]:
        intake = self.intake
        return {"patients": intake.patients, "therapists": intake.therapists, "sessions": intake.sessions}


def _grouped(rows: pd.DataFrame, what: str) -> dict[tuple[str, str], list[tuple[str, int, bool]]]:
    found: dict[tuple[str, str], list[tuple[str, int, bool]]] = {}
    columns = (rows["instrument"], rows[what], rows["patient"], rows["session"], rows["value"].notna())
    for instrument, name, patient, session, is_there in zip(*columns, strict=True):
        found.setdefault((str(instrument), str(name)), []).append((str(patient), int(session), bool(is_there)))
    return found


def _valued(basis: Basis) -> Iterator[tuple[int, Role]]:
    return (one for one in basis if one[1] is not MISSING)


def gathered(basis: Iterable[tuple[int, Role]]) -> Basis:
    """Cells with their roles, each once."""
    return tuple(dict.fromkeys(basis))
