"""A study that is planned: whom it follows, what fails, who rates, and how variances are assumed to lie."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from typing import Final

from doublecode.schemas.errors import UsageError
from doublecode.schemas.near_names import allowed

CALLER: Final = "power"
SEVERITY: Final = 0.2
"""Share of a rating's error that raters have in common with themselves, where nothing is said."""
OF_RATERS: Final = {"double": 0.0, "icc_rating": None, "severity": None, "points": 0}
"""Parts that only a study with raters has, as they are without."""
_WHOLE: Final = {"patients": 3, "sessions": 2, "therapists": 0, "raters": 0, "points": 0}
_SHARES: Final = (
    "dropout",
    "lost",
    "double",
    "icc_outcome",
    "icc_predictor",
    "icc_therapist",
    "severity",
    "icc_rating",
)
FAMILIES: Final = ("binomial", "poisson", "negative-binomial", "ordinal")
"""Outcomes that are done or not, counts, and ordered categories."""
_BASES: Final = {
    "binomial": "probability, between 0 and 1", "poisson": "mean count, above 0",
    "negative-binomial": "mean count, above 0",
}  # fmt: skip
FEWEST_CATEGORIES: Final = 2
MOST_CATEGORIES: Final = 20
ROUNDING: Final = 1e-5
"""How far probabilities may be from adding up to 1."""
_BELOW_1: Final = ("dropout", "lost", "icc_outcome", "icc_predictor", "icc_therapist")


def is_number(value: object) -> bool:
    """Whether it is a finite number, and no truth value."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: object) -> bool:
    """Whether it is a whole number, written as 20 or 20.0."""
    return is_number(value) and float(value).is_integer()  # type: ignore[arg-type]


def check_alpha(alpha: object, caller: str) -> None:
    """Refuse a level of tests outside (0, 1), in the words in which it was asked."""
    if not is_number(alpha) or not 0 < alpha < 1:  # type: ignore[operator]
        raise UsageError(f"{caller}: alpha is {alpha!r}; it lies between 0 and 1, usually 0.05.")


def check_seed(seed: object, caller: str) -> None:
    """Refuse a seed that nothing can be drawn from."""
    if not is_whole(seed) or seed < 0:  # type: ignore[operator]
        raise UsageError(f"{caller}: seed is {seed!r}; allowed: a whole number from 0 on.")


def category_shares(given: object) -> tuple[float, ...]:
    """Probabilities of ordered categories.

    Raises
    ------
    UsageError
        They are not 2 to 20 numbers above 0 whose sum is 1.
    """
    said = f"{CALLER}: base is {given!r} with family 'ordinal'; "
    listed = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else ()
    if not listed or not all(is_number(share) and share > 0 for share in listed):
        raise UsageError(f"{said}give the probability of each category, lowest first, all above 0, as .2, .3, .3, .2.")
    shares = tuple(float(share) for share in listed)
    if not FEWEST_CATEGORIES <= len(shares) <= MOST_CATEGORIES:
        raise UsageError(
            f"{said}allowed: {FEWEST_CATEGORIES} to {MOST_CATEGORIES} categories, the probability of each, lowest "
            "first, as .2, .3, .3, .2."
        )
    if abs(sum(shares) - 1) > ROUNDING:
        hint = " Write per cent as shares, .2 for 20 %." if max(shares) > 1 else ""
        raise UsageError(f"{said}the probabilities add up to {sum(shares):g}; allowed: 1.{hint}")
    return shares


@dataclass(frozen=True)
class PlannedStudy:
    """A longitudinal study of sessions within patients, as it is planned; every part acts or is refused.

    Attributes
    ----------
    patients, sessions : int
        Patients, and sessions of each that are to be analysed.
    therapists : int
        Patients lie in as many therapists in turn; 0 for none in the model.
    dropout : float
        Share of patients who leave: their last session is drawn from the first to the last but one.
    lost : float
        Share of the sessions held that are lost at random: no tape, no questionnaire.
    raters : int
        How many rate the predictor; 0 for a predictor without rating error.
    double : float
        Share of the sessions that a second rater codes; the mean of both is analysed.
    icc_rating : float
        ICC(A,1) of one rating, over all sessions, before it becomes a point of the scale: 1/(1 + error variance) where
        the true score has variance 1.
    severity : float
        Share of that error that is severity of raters, the same in all their sessions; with raters .2 by default.
    points : int
        Points of the rating scale, two standard deviations of true scores from its middle to each end; 0 for a
        continuous one.
    icc_outcome, icc_therapist : float
        Shares of the outcome's variance between patients (of one therapist) and between therapists, what the predictor
        explains apart.
    icc_predictor : float
        Share of the true predictor's variance between patients.
    slope_sd : float
        How much slopes within patients differ between them: an SD of slopes as those of ``scale="sd"``.
    minutes : float
        What one rating of one session takes.
    family : {"binomial", "poisson", "negative-binomial", "ordinal"}, optional
        An outcome that is done or not, counted, or rated in ordered categories; None for a continuous one. Variances
        and effects are then those of the linear predictor: ``icc_outcome`` and ``icc_therapist`` are shares of it and
        of the family's own variance, π²/3 of the logit and of ordered categories, log(1 + 1/mean + 1/dispersion) of a
        count (Nakagawa, Johnson & Schielzeth 2017).
    base : float or tuple of float, optional
        With a family: the probability, or the mean count, of a patient in the middle at the middle of all predictors;
        of ordered categories the probability of each, lowest first.
    dispersion : float, optional
        φ of negative binomial counts, whose variance is mean + mean²/φ about a patient's mean.
    """

    patients: int
    sessions: int
    therapists: int = 0
    dropout: float = 0.0
    lost: float = 0.0
    raters: int = 0
    double: float = 0.0
    icc_rating: float | None = None
    severity: float | None = None
    points: int = 0
    icc_outcome: float = 0.4
    icc_therapist: float = 0.0
    icc_predictor: float = 0.25
    slope_sd: float = 0.0
    minutes: float = 60.0
    family: str | None = None
    base: float | tuple[float, ...] | None = None
    dispersion: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be, or would not act.

        Raises
        ------
        UsageError
        """
        for name, least in _WHOLE.items():
            value = getattr(self, name)
            if not is_whole(value) or value < least:
                raise UsageError(f"{CALLER}: {name} is {value!r}; allowed: a whole number from {least} on.")
            object.__setattr__(self, name, int(value))
        for name in _SHARES:
            value = getattr(self, name)
            top = name in _BELOW_1
            if value is not None and not (is_number(value) and 0 <= value <= 1 and (value < 1 or not top)):
                raise UsageError(f"{CALLER}: {name} is {value!r}; allowed: 0 to {'below ' if top else ''}1.")
        self._refuse_without_effect()
        self._refuse_family()
        if self.raters and self.severity is None:
            object.__setattr__(self, "severity", SEVERITY)

    def _refuse_without_effect(self) -> None:
        rating = {
            "double": self.double,
            "icc_rating": self.icc_rating,
            "severity": self.severity,
            "points": self.points,
        }
        idle = [name for name, value in rating.items() if value]
        if not self.raters and idle:
            raise UsageError(f"{CALLER}: {idle[0]} is given without raters, and would not act; say how many raters.")
        if self.raters and (self.icc_rating is None or self.icc_rating == 0):
            raise UsageError(
                f"{CALLER}: {self.raters} raters, and icc_rating is {self.icc_rating!r}; give the ICC(A,1) of one "
                "rating, above 0 and up to 1 (that of a pilot, or of the literature)."
            )
        if self.double and self.raters < 2:
            raise UsageError(f"{CALLER}: double is {self.double:g} with {self.raters} rater; a second one is needed.")
        if self.points and self.points < 3:
            raise UsageError(f"{CALLER}: points is {self.points}; allowed: 3 or more, or 0 for a continuous scale.")
        if self.icc_therapist and not self.therapists:
            raise UsageError(f"{CALLER}: icc_therapist is given without therapists, and would not act.")
        if self.therapists and not 2 <= self.therapists < self.patients:
            raise UsageError(f"{CALLER}: {self.therapists} therapists of {self.patients} patients; allowed: 2 to "
                             f"{self.patients - 1}, or 0 for none.")  # fmt: skip
        if self.icc_outcome + self.icc_therapist >= 1:
            raise UsageError(f"{CALLER}: icc_outcome + icc_therapist is {self.icc_outcome + self.icc_therapist:g}; "
                             "allowed: below 1, since sessions differ too.")  # fmt: skip
        for name in ("slope_sd", "minutes"):
            if not (is_number(getattr(self, name)) and getattr(self, name) >= 0):
                raise UsageError(f"{CALLER}: {name} is {getattr(self, name)!r}; allowed: 0 or more.")

    def _refuse_family(self) -> None:
        if self.family != "negative-binomial" and self.dispersion is not None:
            raise UsageError(
                f"{CALLER}: dispersion is of family 'negative-binomial', and would not act; "
                "give that family, or leave it out."
            )
        if self.family is None:
            if self.base is not None:
                raise UsageError(
                    f"{CALLER}: base is given without a family, and would not act; give family='binomial'."
                )
            return
        if self.family not in FAMILIES:
            raise UsageError(f"{CALLER}: family is {self.family!r}; {allowed(str(self.family), FAMILIES)}.")
        if self.family == "ordinal":
            object.__setattr__(self, "base", category_shares(self.base))
            return
        top = 1.0 if self.family == "binomial" else math.inf
        if not is_number(self.base) or not 0 < self._base < top:
            raise UsageError(
                f"{CALLER}: base is {self.base!r} with family {self.family!r}; give the {_BASES[self.family]}, of a "
                "patient in the middle."
            )
        if self.family == "negative-binomial" and not (is_number(self.dispersion) and self._spread < math.inf):
            raise UsageError(
                f"{CALLER}: dispersion is {self.dispersion!r} with family 'negative-binomial'; give φ, above 0, of the "
                "variance mean + mean²/φ (1: far more spread than a Poisson count; 10: a little)."
            )

    @property
    def _base(self) -> float:
        """The base where it is one number, NaN where it is not."""
        return math.nan if self.base is None or isinstance(self.base, tuple) else float(self.base)

    @property
    def _spread(self) -> float:
        """1/φ of counts; 0 without."""
        if self.dispersion is None:
            return 0.0
        return 1 / self.dispersion if self.dispersion > 0 else math.inf

    @property
    def residual_variance(self) -> float:
        """Variance of the outcome within patients: 1, or the family's own on the scale of the linear predictor."""
        if self.family is None:
            return 1.0
        return math.pi**2 / 3 if self.family in ("binomial", "ordinal") else math.log1p(1 / self._base + self._spread)

    @property
    def intercept(self) -> float:
        """The linear predictor of a patient in the middle; 0 without a family, and where thresholds have its place."""
        if self.family is None or self.family == "ordinal":
            return 0.0
        return math.log(self._base / (1 - self._base)) if self.family == "binomial" else math.log(self._base)

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Cuts of the latent value between ordered categories; none of other families."""
        if not isinstance(self.base, tuple):
            return ()
        below = list(accumulate(self.base))[:-1]
        return tuple(math.log(share / (1 - share)) for share in below)

    @property
    def patient_variance(self) -> float:
        """Variance of the outcome between patients of one therapist, in units of its variance within patients."""
        return self.icc_outcome / (1 - self.icc_outcome - self.icc_therapist)

    @property
    def therapist_variance(self) -> float:
        """Variance of the outcome between therapists, in that unit."""
        return self.icc_therapist / (1 - self.icc_outcome - self.icc_therapist)

    @property
    def error_variances(self) -> tuple[float, float]:
        """Variance of raters' severity and of the rest of one rating's error, where true scores have variance 1."""
        if self.icc_rating is None or self.severity is None:
            return 0.0, 0.0
        error = 1 / self.icc_rating - 1
        return self.severity * error, (1 - self.severity) * error

    @property
    def is_rated_with_error(self) -> bool:
        """Whether scores are not the true ones: by raters' error, or by the points of their scale."""
        return bool(self.raters and (any(self.error_variances) or self.points))

    @property
    def recordings(self) -> float:
        """Sessions that are expected to be there: held and not lost; who leaves has half of them on average."""
        return self.patients * self.sessions * (1 - self.dropout / 2) * (1 - self.lost)

    @property
    def hours(self) -> float:
        """Hours of rating that are expected, second ratings with them; 0 without raters."""
        return self.recordings * (1 + self.double) * self.minutes / 60 if self.raters else 0.0

    def at(self, values: Mapping[str, float]) -> PlannedStudy:
        """The same study with other values of some parts.

        Without raters the predictor is a questionnaire: what is said of raters falls away with them.

        Examples
        --------
        >>> plan = PlannedStudy(patients=22, sessions=9, raters=4, double=0.4, icc_rating=0.6)
        >>> plan.at({"raters": 0}).double
        0.0
        """
        none = dict(OF_RATERS) if values.get("raters", self.raters) == 0 and self.raters else {}
        return replace(self, **{**values, **none})  # type: ignore[arg-type]


PARTS: Final = tuple(field.name for field in fields(PlannedStudy) if field.name != "family")
