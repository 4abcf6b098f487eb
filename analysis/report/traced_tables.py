"""What each number of a report's tables and figures stands on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from doublecode.analysis.linking.stages import StageKind
from doublecode.analysis.report.sections_models import region_head
from doublecode.analysis.report.traced_change import TracedChange
from doublecode.analysis.report.traced_findings import TracedFindings
from doublecode.analysis.report.traced_raters import TracedRaters
from doublecode.analysis.report.traced_reported import TracedReported
from doublecode.analysis.report.traced_series import TracedSeries
from doublecode.analysis.study.code_counts import WHOLE
from doublecode.analysis.study.labels import term_labels
from doublecode.analysis.study.recodes import TOGETHER
from doublecode.analysis.study.trace.findings import FindingBases
from doublecode.analysis.study.trace.measured import (
    ALL,
    LogBases,
    OmegaBases,
    ReliabilityBases,
    items_basis,
    scores_basis,
)
from doublecode.analysis.study.trace.modelled import FrameBases
from doublecode.analysis.study.trace.origins import Origins, gathered
from doublecode.analysis.study.trace.source_cells import PLAIN, Basis, How, Role, role_of
from doublecode.coding.reading.consensus_table import EXPERT
from doublecode.schemas.frame_rows import rows_of
from doublecode.schemas.results import is_missing

if TYPE_CHECKING:
    from doublecode.analysis.description.manual_fidelity import FidelityResult
    from doublecode.analysis.regression.moderation_result import ModerationResult
    from doublecode.analysis.study.study_run import StudyRun

Row = Mapping[str, Any]
OfRow = Callable[[Row, str], Basis]
"""A row of a table and one of its columns → the cells."""
_OF_ITEM = frozenset({"n", "mean", "sd"})
_UNTOUCHED = frozenset({"estimate_untouched", "p_untouched"})
_FAMILY = frozenset({"p_bonferroni", "p_holm", "p_bh"})
_LOST = role_of("", frozenset({How.LOST}))


class TracedTables:
    """The cells behind the tables and figures of a report.

    Parameters
    ----------
    run : StudyRun
    """

    def __init__(self, run: StudyRun) -> None:
        self.run = run
        self.origins = Origins(run.intake, run.items, run.scores)
        self.frames = FrameBases(self.origins, run)

    @cached_property
    def tables(self) -> dict[str, OfRow]:
        """Per name of a table what its numbers stand on; a table of other things than cells is not in it."""
        return {
            "files": self._files, "flow": self._flow, "attention": self._attention,
            "reliability": self._icc, "reliability_pilot": self._icc, "recodes": self._recodes,
            "consensus": self._consensus, "codes": self._codes,
            "omega": self._omega, "omega_by_session": self._omega, "omega_items": self._omega,
            "described_items": self._described, "described_scores": self._described,
            "scores_by_session": self._described, "score_bands": self._described,
            **self._logs, "correlations": self._correlation, **self._regressions,
            **self._findings, **self._series.tables, **TracedChange(self.run, self.frames).tables,
            **TracedRaters(self.run, self.origins, self._icc).tables, **self._reported.tables,
            **{name: _always(basis) for name, basis in self._beyond.tables.items()},
        }  # fmt: skip

    @cached_property
    def _beyond(self) -> TracedFindings:
        return TracedFindings(self.run, FindingBases(self.origins, self.frames))

    @cached_property
    def _series(self) -> TracedSeries:
        return TracedSeries(self.run, self.frames)

    @cached_property
    def _reported(self) -> TracedReported:
        return TracedReported(self.run, self.origins, self.frames, self._icc)

    @cached_property
    def figures(self) -> dict[str, Basis]:
        """Per name of a figure the cells of what it draws."""
        run, drawn = self.run, self._beyond.figures | self._reported.figures
        drawn |= TracedChange(run, self.frames).figures | self._series.figures
        if run.reliability is not None:
            main = run.reliability.frame
            main = main[(main["phase"] == "main") & main["estimate"].notna()]
            drawn["icc_forest"] = _union(self._icc(row, "estimate") for row in rows_of(main))
        if run.consistency is not None:
            levels = run.consistency.levels
            rows = levels[levels["by"] == "session"] if len(levels) else levels
            drawn["omega_by_session"] = _union(self._omega(row, "estimate") for row in rows_of(rows))
        for result in run.series:
            response = result.models[0].formula.response
            drawn[f"{response}_by_session"] = self.frames.values(response)
        for means in run.marginals:
            drawn[f"means_{means.spec['name']}"] = self._model(self._declared[means.spec["name"]])
        for one in run.moderations:
            drawn[f"interaction_{one.spec['name']}"] = self.frames.regression(one, adjusted=True)
        return drawn

    def _icc(self, row: Row, column: str) -> Basis:
        return self._cached("icc", row["instrument"], row["level"], row["name"], row["phase"])

    @cached_property
    def _reliability(self) -> ReliabilityBases:
        return ReliabilityBases(self.origins, self.run)

    @cached_property
    def _omegas(self) -> OmegaBases:
        return OmegaBases(self.origins, self.run.consistency)

    def _omega(self, row: Row, column: str) -> Basis:
        level = row.get("session", row.get("level", ALL))
        level = level if isinstance(level, str) else f"{level:g}"
        item = str(row["item"]) if "item" in row and column in _OF_ITEM else ""
        return self._cached("omega", row["instrument"], row["scale"], row["pairing"], level, item)

    def _described(self, row: Row, column: str) -> Basis:
        session, what = str(row["session"]), "item" if "item" in row else "scale"
        if column == "n_missing":
            return self._cached("missing", row["instrument"], what, row[what], session)
        return self._cached("described", row["instrument"], what, row[what], session)

    def _cached(self, kind: str, *key: str) -> Basis:
        known = self._bases.get((kind, *key))
        if known is None:
            known = self._bases[kind, *key] = self._make(kind, *key)
        return known

    @cached_property
    def _bases(self) -> dict[tuple[str, ...], Basis]:
        return {}

    def _make(self, kind: str, *key: str) -> Basis:
        if kind == "icc":
            return self._reliability.icc(*key)
        if kind == "omega":
            return self._omegas.omega(*key)
        instrument, what, name, session = key
        make = items_basis if what == "item" else scores_basis
        return make(self.origins, instrument, name, session, missing=kind == "missing")

    def _attention(self, row: Row, column: str) -> Basis:
        from doublecode.coding.scoring import flagged_answers

        flagged = flagged_answers(self.run.items, self.run.study.codebooks)
        rows = flagged[(flagged["instrument"] == row["instrument"]) & (flagged["item"] == row["item"])]
        if "patient" in row:
            rows = rows[(rows["patient"] == row["patient"]) & (rows["session"] == row["session"])]
        keys = zip(rows["patient"], rows["session"], strict=True)
        return gathered(
            one for p, s in keys for one in self.origins.item(row["instrument"], str(p), int(s), row["item"])
        )

    @property
    def _logs(self) -> dict[str, OfRow]:
        found: dict[str, OfRow] = {}
        for number, result in enumerate(self.run.logs, 1):
            bases, suffix = LogBases(self.origins, result), f"_{number}" if len(self.run.logs) > 1 else ""
            found[f"homework{suffix}"] = partial(_of_log, bases)
            found[f"homework_by_type{suffix}"] = partial(_of_type, bases)
        return found

    def _correlation(self, row: Row, column: str) -> Basis:
        result = self.run.correlations
        if result is None:
            return ()
        if "x" in row:
            return self._pair(row["x"], row["y"])
        if row[column] != row[column]:
            return ()
        if column.isdigit():
            return self._pair(result.spec["variables"][int(column) - 1], row["name"])
        return self.frames.values(row["name"], adjusted=True)

    def _pair(self, x: str, y: str) -> Basis:
        key = ("pair", x, y)
        if key not in self._bases and self.run.correlations is not None:
            self._bases[key] = self.frames.correlation(self.run.correlations, x, y)
        return self._bases[key]

    @cached_property
    def _regressions(self) -> dict[str, OfRow]:
        run = self.run
        after = {one.spec["name"]: self.frames.regression(one, adjusted=True) for one in run.moderations}
        before = {one.spec["name"]: self.frames.regression(one, adjusted=False) for one in run.moderations_untouched}
        labels = term_labels(run.labels)
        titles = _names(run.moderations, lambda one: str(one.spec["title"]))
        regions = _names(
            [one for one in run.moderations if len(one.johnson_neyman)], lambda one: region_head(one, labels)
        )
        named = {name: [name] for name in after}
        families = [one.spec["name"] for one in run.moderations if one.spec["moderator"] is not None]
        variables = _names_of_variables(run)
        comparisons = [
            (run.labels.get(str(one.spec["outcome"]), str(one.spec["outcome"])), one) for one in run.comparisons
        ]

        def of(column: str, heads: Mapping[str, Sequence[str]]) -> OfRow:
            return lambda row, asked: _union(
                (before if asked in _UNTOUCHED else after).get(name, ())
                for name in (families if asked in _FAMILY else heads[row[column]])
            )

        return {
            "moderations": of("name", named), "moderations_both": of("model", titles), "influence": of("model", titles),
            "interaction_family": of("model", {**named, **titles}), "simple_slopes": of("model", titles),
            "johnson_neyman": of("model", regions),
            "outliers": lambda row, asked: _union(self.frames.values(name) for name in variables[row["variable"]]),
            "outlier_changes": lambda row, asked: _union(
                self.frames.values(name) if asked == "now" else self.frames.unit(str(row["row"]), name)
                for name in variables[row["variable"]]
            ),
            "group_comparisons": lambda row, asked: _union(
                self.frames.groups(one) for label, one in comparisons if label == row["outcome"]
            ),
        }  # fmt: skip

    @cached_property
    def _findings(self) -> dict[str, OfRow]:
        """Marginal means, families of tests, covariates and missing data."""
        run, found = self.run, dict[str, OfRow]()
        for one in run.marginals:
            basis = self._model(str(self._declared[one.spec["name"]]))
            found |= dict.fromkeys((f"means_{one.spec['name']}", f"contrasts_{one.spec['name']}"), _always(basis))
        for family in run.families:
            found[f"family_{family.spec['name']}"] = lambda row, asked: self._model(str(row["name"]))
        if run.covariate_screen is not None:
            found["covariate_screen"] = lambda row, asked: self._values_of(row["outcome"], row["covariate"])
        if run.fidelity is not None:
            of = run.fidelity
            found["fidelity"] = lambda row, asked: self._delivered(of, row)
        if run.missing_comparison is not None:
            needed = run.missing_comparison.spec["complete"]
            found["missing_comparison"] = lambda row, asked: self._values_of(*needed, row["variable"])
        return found

    def _delivered(self, result: FidelityResult, row: Row) -> Basis:
        """The components of all sessions, of one therapist's, or one component."""
        names, rows = result.spec["components"], self.run.frame.frame.loc[result.rows]
        if row["level"] == "component":
            names = [name for name in names if row["name"] in (name, self.run.labels.get(name, name))]
        if row["level"] == "therapist":
            rows = rows[rows["therapist"].astype(str) == row["name"]]
        return self.frames.rows(names, rows.index)

    @property
    def _declared(self) -> dict[str, str]:
        return {one.name: one.model for one in self.run.study.marginal_means}

    def _values_of(self, *called: str) -> Basis:
        """The cells of every value of some variables, by name or label."""
        labels = self.run.labels
        names = [name for name in map(str, self.run.frame.frame.columns) if {name, labels.get(name, name)} & {*called}]
        return _union(self.frames.values(name) for name in names)

    def _model(self, name: str) -> Basis:
        """The cells of all models of a series, or of a regression."""
        regressions = [one for one in self.run.moderations if one.spec["name"] == name]
        return self._series.whole(name) or self.frames.regression(regressions[0], adjusted=True)

    def _files(self, row: Row, column: str) -> Basis:
        intake, origins, found = self.run.intake, self.origins, list[tuple[int, Role]]()
        again = intake.ratings.iloc[:0] if intake.recodes is None else intake.recodes
        for rows, cells, role in (
            (intake.ratings, origins.ratings, PLAIN), (again, origins.recodes, role_of("", frozenset({How.AGAIN}))),
            (intake.kept_out, origins.kept_out, _LOST),
        ):  # fmt: skip
            if "file" in row:
                mine = rows["source_file"] == row["file"]
            else:
                mine = (rows["instrument"] == row["instrument"]) & (rows["rater"] == row["rater"])
            found += [(cells[label], role) for label in rows.index[mine]]
        return gathered(found)

    def _codes(self, row: Row, column: str) -> Basis:
        rows, code = self.run.intake.ratings, str(row["code"])
        mine = rows[(rows["instrument"] == row["instrument"]) & (rows["item"] == row["item"]) & rows["text"].notna()]
        mine = mine[mine["phase"] == row["phase"]]
        if column in ("n_codes", "n_sessions") and code != WHOLE:
            mine = mine[[code in map(str.strip, str(text).split(",")) for text in mine["text"]]]
        return gathered((self.origins.ratings[label], PLAIN) for label in mine.index)

    def _flow(self, row: Row, column: str) -> Basis:
        facts = self._stages[row["stage"]]
        wanted = (
            facts
            if column not in ("kept", "lost")
            else [one for one in facts if (one[2] == PLAIN) == (column == "kept")]
        )
        return gathered(
            (number, role) for table, key, role in wanted for number, _ in self.origins.column(table, "status", key)
        )

    @cached_property
    def _stages(self) -> dict[str, list[tuple[str, tuple[Any, ...], Role]]]:
        found: dict[str, list[tuple[str, tuple[Any, ...], Role]]] = {}
        facts = self.run.frame.row_ledger.facts
        for patient, session, stage, why in zip(
            facts["patient"], facts["session"], facts["stage"], facts["why"], strict=True
        ):
            of_patient = stage.kind is StageKind.PATIENTS or is_missing(session)
            key = ("patients", (patient,)) if of_patient else ("sessions", (patient, session))
            found.setdefault(str(stage), []).append((*key, PLAIN if why is None else _LOST))
        return found

    def _recodes(self, row: Row, column: str) -> Basis:
        intake, origins = self.run.intake, self.origins
        if intake.recodes is None:
            return ()
        book = self.run.study.codebooks[row["instrument"]]
        scale = next((one for one in book.scales if one.name == row["part"]), None)
        items = [row["part"]] if scale is None else list(scale.items)
        found: list[tuple[int, Role]] = []
        again = intake.recodes
        mine = again[(again["instrument"] == row["instrument"]) & again["item"].isin(items) & again["value"].notna()]
        if row["rater"] != TOGETHER:
            mine = mine[mine["rater"] == row["rater"]]
        pairs = set(zip(mine["session_id"], mine["rater"], mine["item"], strict=True))
        first = intake.ratings[(intake.ratings["instrument"] == row["instrument"]) & intake.ratings["value"].notna()]
        for label, *key in zip(first.index, first["session_id"], first["rater"], first["item"], strict=True):
            if tuple(key) in pairs:
                found.append((origins.ratings[label], role_of("", frozenset({How.FIRST}))))
        return gathered(
            [*found, *((origins.recodes[label], role_of("", frozenset({How.AGAIN}))) for label in mine.index)]
        )

    def _consensus(self, row: Row, column: str) -> Basis:
        """What was agreed on; of counts of what raters coded, the cells of who coded a session with another."""
        intake, origins = self.run.intake, self.origins
        if intake.decided is None:
            return ()
        if column in ("n_decided", "n_expert"):
            mine = intake.decided[intake.decided["instrument"] == row["instrument"]]
            mine = mine[mine["rater"] == EXPERT] if column == "n_expert" else mine
            return gathered((origins.decided[label], PLAIN) for label in mine.index)
        rated = intake.ratings[intake.ratings["instrument"] == row["instrument"]]
        both = rated[rated.duplicated(["session_id", "item"], keep=False)]
        return gathered((origins.ratings[label], PLAIN) for label in both.index)


def _always(basis: Basis) -> OfRow:
    return lambda row, asked: basis


def _of_log(bases: LogBases, row: Row, column: str) -> Basis:
    return bases.counts(row["table"], row["base"])


def _of_type(bases: LogBases, row: Row, column: str) -> Basis:
    return bases.by_type(row["type"])


def _union(bases: Iterable[Basis]) -> Basis:
    several = list(bases)
    return several[0] if len(several) == 1 else gathered(chain.from_iterable(several))


def _names(results: Sequence[ModerationResult], head: Callable[[ModerationResult], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in results:
        found.setdefault(head(one), []).append(str(one.spec["name"]))
    return found


def _names_of_variables(run: StudyRun) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in () if run.outliers is None else run.outliers.spec["variables"]:
        found.setdefault(run.labels.get(name, name), []).append(name)
    return found
