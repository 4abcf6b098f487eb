"""A mixed model with coded columns, taken apart into what rating error reaches and what it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from doublecode.analysis.linking.coded_columns import CALLER, CodedPart, Floats, Ints, Ratings, check_scores, weights_of
from doublecode.analysis.linking.error_matrix import PatientMoments, patient_moments
from doublecode.analysis.linking.splitting import split_formula, within_between
from doublecode.analysis.mixed.fit import fit_mixed
from doublecode.analysis.mixed.formula import ModelFormula, RandomTerm, parse_mixed
from doublecode.analysis.mixed.formula_names import mentions
from doublecode.analysis.mixed.model_rows import CommonRows, common_rows
from doublecode.analysis.mixed.variances import covariances, residual_variance
from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed, ended

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.mixed.result import MixedResult

ENDINGS = ("_within", "_between")
SLACK = 1e-7


@dataclass(frozen=True, eq=False)
class CodedModel:
    """The rows, the naive fit and the errors of its columns.

    Attributes
    ----------
    formula : ModelFormula
        With predictors split where that was asked.
    parts : mapping
        Coded columns of the frame that the formula uses, as sums of ratings.
    rows : CommonRows
    data : DataFrame
        The rows of the model, parts within and between added.
    naive : MixedResult
    rated : Ratings
    weights : mapping
        Coded column → (n, m) weights of the ratings.
    n_off : mapping
        Coded column → rows whose score is not the mean of its ratings.
    patient : str
        Column of the patients.
    session : str
        Column of the sessions.
    """

    formula: ModelFormula
    parts: Mapping[str, tuple[CodedPart, ...]]
    rows: CommonRows
    data: pd.DataFrame
    naive: MixedResult
    rated: Ratings
    weights: Mapping[str, Floats]
    n_off: Mapping[str, int]
    patient: str
    session: str

    @cached_property
    def patients(self) -> tuple[Any, ...]:
        """Patients of the rows, in order."""
        return tuple(dict.fromkeys(self.data[self.patient]))

    @cached_property
    def code(self) -> Ints:
        """(n,) patient of each row."""
        places = {who: code for code, who in enumerate(self.patients)}
        return np.array([places[who] for who in self.data[self.patient]], dtype=np.int64)

    @cached_property
    def rating_code(self) -> Ints:
        """(m,) patient of each rating; −1 of one who has no row here."""
        places = {who: code for code, who in enumerate(self.patients)}
        return np.array([places.get(who, -1) for who in self.rated.patient], dtype=np.int64)

    @property
    def response(self) -> str | None:
        """The outcome, if it is coded."""
        return self.formula.response if self.formula.response in self.parts else None

    @cached_property
    def slopes(self) -> tuple[tuple[str, str, Floats], ...]:
        """Terms that hold a coded column: name of the term, the derived column, (n,) what it is multiplied by."""
        names, spec = self.naive.model.x_names, self.naive.model.fixed_spec
        found: dict[str, tuple[str, str, Floats]] = {}
        for derived in derived_columns(self.formula, self.parts):
            at = [spec.get_model_matrix(self.data.assign(**{derived: float(v)})).to_numpy() for v in (0, 1, 2)]
            for j in np.flatnonzero(np.abs(at[1] - at[0]).max(axis=0) > 0):
                once, twice = at[1][:, j] - at[0][:, j], at[2][:, j] - at[0][:, j]
                straight = np.abs(twice - 2 * once).max() <= SLACK * np.abs(once).max()
                if not straight or names[j] in found:
                    raise UsageError(
                        f"{CALLER}: {names[j]} is no straight line in one coded column, so its error has no known "
                        "variance. Leave the function, or the product of two coded columns, out."
                    )
                found[names[j]] = (names[j], derived, once)
        return tuple(found[name] for name in names if name in found)

    def error_of(self, derived: str) -> Floats:
        """(n, m) by how much one unit of error in a rating moves a column, or its part within or between."""
        base = _base(derived, self.parts)
        A = self.weights[base]
        if derived == base:
            return A
        means = np.zeros((len(self.patients), A.shape[1]))
        np.add.at(means, self.code, A)
        means /= np.bincount(self.code)[:, None]
        return A - means[self.code] if derived.endswith(ENDINGS[0]) else means[self.code]

    def moments(self) -> PatientMoments:
        """Sums of every patient, weighted by the covariance of the naive fit."""
        design = self.naive.model
        coded = [design.x_names.index(name) for name, _, _ in self.slopes]
        free = [j for j in range(len(design.x_names)) if j not in coded]
        errors = [z[:, None] * self.error_of(derived) for _, derived, z in self.slopes]
        outcome = self.weights[self.response] if self.response else np.zeros_like(errors[0])
        return patient_moments(
            design.X[:, free], np.column_stack([design.X[:, coded], design.y]), self.inverses(), self.blocks(self.code),
            np.stack([*errors, outcome]), self.rated, self.blocks(self.rating_code),
        )  # fmt: skip

    def blocks(self, code: Ints) -> list[Ints]:
        """Positions of every patient."""
        return [np.flatnonzero(code == p) for p in range(len(self.patients))]

    def inverses(self) -> list[Floats]:
        """V⁻¹ of every patient by the naive fit, random slopes of coded columns left out."""
        fit = self._weighing_fit()
        sigma2, terms = residual_variance(fit.fit), list(zip(fit.model.terms, covariances(fit.fit), strict=True))
        out = []
        for at in self.blocks(self.code):
            V = sigma2 * np.eye(len(at))
            for term, D in terms:
                same = term.codes[at][:, None] == term.codes[at][None, :]
                V += same * (term.Z[at] @ D @ term.Z[at].T)
            out.append(np.asarray(np.linalg.inv(V), dtype=np.float64))
        return out

    @property
    def left_out(self) -> tuple[str, ...]:
        """Random terms that hold a coded column."""
        return tuple(term.label for term in self.formula.terms if self._holds(term))

    def _holds(self, term: RandomTerm) -> bool:
        names = {one.name for one in mentions(term.expression)}
        return bool(names.intersection(derived_columns(self.formula, self.parts)))

    def _weighing_fit(self) -> MixedResult:
        if not self.left_out:
            return self.naive
        safe = [term for term in self.formula.terms if not self._holds(term)]
        safe = safe or [RandomTerm("1", (self.patient,))]
        return fit_mixed(self.formula.with_parts(self.formula.fixed, safe), self.data, ddf="z")


def derived_columns(formula: ModelFormula, parts: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the right-hand side that are a coded column or its part within or between."""
    allowed = {name + ending for name in parts for ending in ("", *ENDINGS)}
    named = [one.name for part in formula.expressions for one in mentions(part)]
    return tuple(name for name in dict.fromkeys(named) if name in allowed)


def _base(derived: str, parts: Mapping[str, Any]) -> str:
    if derived in parts:
        return derived
    return next(name for name in parts for ending in ENDINGS if derived == name + ending)


def coded_model(
    rated: Ratings, frame: pd.DataFrame, formula: str | ModelFormula, parts: Mapping[str, tuple[CodedPart, ...]],
    split: Sequence[str], patient: str, session: str, conf_level: float,
) -> CodedModel:  # fmt: skip
    """Find the rows, split what is to be split, fit the naive model and look up the ratings behind its columns.

    Raises
    ------
    UsageError
        No coded column is a predictor or the outcome; split with a name that is none; a random term
        crosses patients; columns within and between do not come from the rows of the model; scores without ratings.
    """
    parsed = parse_mixed(formula)
    predictors = [_base(name, parts) for name in derived_columns(parsed, parts)]
    stray = next((name for name in split if name not in predictors), None)
    if stray is not None:
        raise UsageError(
            f"{CALLER}: split names {stray!r}, no coded predictor of {parsed.text!r}; "
            f"{ended(allowed(stray, dict.fromkeys(predictors)))}"
        )
    whole = split_formula(parsed, split).version if split else parsed
    parsed = parsed if whole is None else whole
    derived = derived_columns(parsed, parts)
    used = tuple(dict.fromkeys([_base(name, parts) for name in derived]))
    if not used:
        raise UsageError(
            f"{CALLER}: {parsed.text!r} has no coded predictor; coded are {', '.join(parts)}. Name one of them, or its "
            "parts _within and _between."
        )
    broken = [name for name in derived if name not in parts]
    bases = list(dict.fromkeys(_base(name, parts) for name in broken))
    made = [base + ending for base in bases for ending in ENDINGS]
    known = [*map(str, frame.columns), *made]
    needed = [name for name in parsed.columns(known) if name not in made]
    rows = common_rows(frame, list(dict.fromkeys([*needed, *used, patient, session])), (patient, session))
    data = _with_parts(rows.data, bases, patient)
    naive = fit_mixed(parsed, data, conf_level=conf_level)
    _refuse_crossed(naive, data[patient])
    held = [*used, *([parsed.response] if parsed.response in parts and parsed.response not in used else [])]
    keys = list(zip(data[patient], data[session], strict=True))
    weights, off = {}, {}
    for name in held:
        weights[name], missing = weights_of(rated, parts[name], keys)
        off[name] = check_scores(name, data[name].to_numpy(dtype=float), weights[name], rated, missing)
    return CodedModel(
        parsed, {name: parts[name] for name in held}, rows, data, naive, rated, weights, off, patient, session
    )


def _with_parts(data: pd.DataFrame, bases: Sequence[str], patient: str) -> pd.DataFrame:
    given = [base + ending for base in bases for ending in ENDINGS if base + ending in data.columns]
    out = within_between(data.drop(columns=given), bases, by=patient)
    for name in given:
        off = (data[name] - out[name]).to_numpy(dtype=float)
        if np.ptp(off) > SLACK or (name.endswith(ENDINGS[0]) and np.abs(off).max() > SLACK):
            raise UsageError(
                f"{CALLER}: {name} does not come from the rows of the model. Leave it out of the frame: it is made "
                "from the complete rows."
            )
    return out


def _refuse_crossed(naive: MixedResult, patient: pd.Series[Any]) -> None:
    for term in naive.model.terms:
        per_level = patient.groupby(term.codes, observed=True).nunique()
        if per_level.max() > 1:
            raise UsageError(
                f"{CALLER}: {term.label} joins several patients, who must be independent here. Use (… | "
                f"{patient.name}), and therapists as a fixed effect."
            )
