"""What a study declares of the training of its raters: the expert key and the pass mark."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePath
from typing import Literal, Self

from pydantic import Field, model_validator

from doublecode.schemas.declared import Declared
from doublecode.schemas.errors import StudyError
from doublecode.schemas.names import Label
from doublecode.schemas.near_names import allowed


class Certification(Declared):
    """The key that raters in training are held to, and the mark that they have to reach, written beforehand.

    Attributes
    ----------
    key : str
        The id of the rater whose ratings are the key (a master, or a consensus entered under an id of its own), or a
        file in the study folder, ``"training/key.csv"``: a table with ``session_id`` and a column per item or a row
        per rating, or a workbook that doublecode wrote, filled in.
    map : dict of str to str
        Of a table: head in the file → ``session_id``, ``patient``, ``session``, an item; as for ``[tables.ratings]``.
    missing : list or dict of str to str
        Of a table: what stands for a missing value; as for ``[tables.ratings]``.
    versions : dict of str to str
        Of a table: instrument → version of its codebook by which the key was made, where it is not the version of now.
        Ratings of that version alone are held to it.
    bias : float or None
        The mean of rating − key lies within ± so many points.
    within_one : float or None
        At least this share of ratings is within one point of the key, 0.8 for 80 %.
    kappa : float or None
        Weighted kappa is at least so high.
    icc : float or None
        ICC(A,1) is at least so high.
    judge : {"estimate", "limit"}
        Whether the estimate has to reach the mark, or the limit of its 95 % interval that is nearer to failing.
    level : {"scales", "items"}
        What is judged: every scale (items where an instrument has none), or every item.
    """

    key: Label
    map: dict[str, str] = Field(default_factory=dict)
    missing: tuple[int | float | str, ...] | dict[str, str] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    bias: float | None = Field(default=None, gt=0)
    within_one: float | None = Field(default=None, gt=0, le=1)
    kappa: float | None = Field(default=None, gt=0, le=1)
    icc: float | None = Field(default=None, gt=0, le=1)
    judge: Literal["estimate", "limit"] = "estimate"
    level: Literal["scales", "items"] = "scales"

    @model_validator(mode="after")
    def _has_a_mark(self) -> Self:
        if not self.marks:
            raise ValueError("certification: no mark is declared; give one or more of bias, within_one, kappa, icc")
        return self

    @property
    def marks(self) -> dict[str, float]:
        """The marks that are declared."""
        marks = {"bias": self.bias, "within_one": self.within_one, "kappa": self.kappa, "icc": self.icc}
        return {name: mark for name, mark in marks.items() if mark is not None}

    def check(self, folder: Path, raters: Collection[str], instruments: Collection[str]) -> None:
        """Refuse what cannot be right; a table of the expert that is still to come is no fault before it is asked for.

        Raises
        ------
        StudyError
            As of :meth:`key_file`; or `versions` names an instrument that the study does not use.
        """
        stray = next((name for name in self.versions if name not in instruments), None)
        if stray is not None:
            raise StudyError(
                f"certification: versions: the study does not use {stray!r}; {allowed(stray, sorted(instruments))}. "
                "Correct the name, or take it out."
            )
        path = folder / self.key
        is_to_come = PurePath(self.key).suffix and not path.exists() and path.resolve().is_relative_to(folder.resolve())
        if self.key in raters or not is_to_come:
            self.key_file(folder, raters)

    def key_file(self, folder: Path, raters: Collection[str]) -> Path | None:
        """Where the table of the key lies; None where a rater is the key.

        Raises
        ------
        StudyError
            `key` is neither a rater nor a file of the study folder; or `map`, `missing` or `versions` is of no table.
        """
        if self.key in raters:
            idle = "map" if self.map else "missing" if self.missing else "versions" if self.versions else ""
            if idle:
                raise StudyError(f"certification: {idle} has no effect where a rater is the key; leave it out.")
            return None
        path = folder / self.key
        if not path.resolve().is_relative_to(folder.resolve()):
            raise StudyError(f"certification: key: {self.key!r} leads out of the study folder; copy the table into it.")
        if not path.is_file():
            raise StudyError(
                f"certification: key: found {self.key!r}, allowed the id of a rater ({', '.join(raters) or 'none'}) or "
                f"a table in the study folder; there is no such file. Correct it, or put the table into {folder}."
            )
        return path
