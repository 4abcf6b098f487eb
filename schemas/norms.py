"""Norms of a scale: how reliably it measures, how far its scores spread, where healthy ends; each with its source."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.names import Label

PARTS = ("reliability", "sd", "cutoff", "patients", "others")


class Reliability(Declared):
    """A published reliability.

    Attributes
    ----------
    value : float
        Between 0 and 1.
    source : str
        Where it is from, and of which kind: "Kroenke et al. (2001), Cronbach's alpha".
    """

    value: float = Field(gt=0, lt=1)
    source: Label


class Spread(Declared):
    """A published standard deviation.

    Attributes
    ----------
    value : float
        In units of the score, above 0.
    source : str
        Where it is from, and of whom.
    """

    value: float = Field(gt=0, allow_inf_nan=False)
    source: Label


class CutOff(Declared):
    """A published score between patients and others.

    Attributes
    ----------
    value : float
        In units of the score.
    source : str
        Where it is from.
    """

    value: float = Field(allow_inf_nan=False)
    source: Label


class GroupNorm(Declared):
    """Scores of a group.

    Attributes
    ----------
    mean : float
        Their mean.
    sd : float
        Their standard deviation, above 0.
    source : str
        Where both are from, and of how many.
    """

    mean: float = Field(allow_inf_nan=False)
    sd: float = Field(gt=0, allow_inf_nan=False)
    source: Label


class Norms(Declared):
    """What reliable and clinically significant change stands on (Jacobson & Truax 1991).

    Attributes
    ----------
    reliability : Reliability
        Of the score: ``{ value = 0.89, source = "…" }``.
    sd : Spread
        Standard deviation of the norm, by which the standard error of measurement is found.
    cutoff : CutOff
        The score between patients and others; a score on it is one of patients, as with "10 or more".
    patients, others : GroupNorm
        In place of `cutoff`: mean and standard deviation of people with and without the disorder; both give cut-off c,
        one alone a or b.
    better : {"lower", "higher"}
        Which scores are better.

    Examples
    --------
    >>> norms = Norms(reliability={"value": 0.89, "source": "a manual"}, sd={"value": 6.1, "source": "a manual"})
    >>> norms.sd.value, norms.lacking
    (6.1, ())
    """

    reliability: Reliability | None = None
    sd: Spread | None = None
    cutoff: CutOff | None = None
    patients: GroupNorm | None = None
    others: GroupNorm | None = None
    better: Literal["lower", "higher"] = "lower"

    @model_validator(mode="after")
    def _acts(self) -> Self:
        if not any(getattr(self, name) for name in PARTS):
            raise ValueError(
                f"norms: nothing is given; allowed: {', '.join(PARTS)}. Write, for example, "
                'reliability = { value = 0.89, source = "…" }'
            )
        if self.cutoff is not None and (self.patients or self.others):
            raise ValueError("norms: cutoff is given, and patients or others too; they make a cut-off. Keep one way")
        return self

    @property
    def lacking(self) -> tuple[str, ...]:
        """What reliable change needs and is not given."""
        return tuple(name for name in ("reliability", "sd") if getattr(self, name) is None)

    def instead(self, other: Norms | None) -> Norms:
        """These norms, with what `other` gives in their place."""
        if other is None:
            return self
        given = {name: getattr(other, name) for name in PARTS if getattr(other, name) is not None}
        kept = {name: getattr(self, name) for name in PARTS}
        if {"cutoff", "patients", "others"} & given.keys():
            kept |= dict.fromkeys(("cutoff", "patients", "others"))
        better = other.better if "better" in other.model_fields_set else self.better
        return Norms.model_construct(**kept | given, better=better)

    @property
    def rows(self) -> tuple[tuple[str, str, str], ...]:
        """What is given, in words: name, value, source."""
        found = []
        for name in PARTS:
            one = getattr(self, name)
            if one is not None:
                value = f"M {one.mean:g}, SD {one.sd:g}" if isinstance(one, GroupNorm) else f"{one.value:g}"
                found.append((name, value, one.source))
        return tuple(found)


NO_NORMS = Norms.model_construct()
"""Of a scale whose codebook gives none."""
