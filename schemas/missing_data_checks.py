"""Whether what a study asks about its missing data can be asked of the headline's model."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from doublecode.schemas.errors import StudyError
from doublecode.schemas.gathered import Gathered
from doublecode.schemas.missing_data import MissingData
from doublecode.schemas.near_names import allowed, ended
from doublecode.schemas.study_parts import Variable


def check_missing(
    asked: MissingData | None, model: str, in_model: Collection[str], variables: Mapping[str, Variable], is_series: bool
) -> None:
    """Hold attendance, imputations and auxiliary variables to the model and to the declared variables.

    Parameters
    ----------
    asked : MissingData or None
    model : str
        Name of the headline's model.
    in_model : collection of str
        Columns that it stands on.
    variables : mapping of name to Variable
    is_series : bool
        Whether the model is of sessions nested in patients.

    Raises
    ------
    StudyError
        The model has one row per patient, or an auxiliary variable is none.
    """
    if asked is None:
        return
    wrong = Gathered()
    for key in ("attendance", "imputations"):
        if getattr(asked, key) and not is_series:
            with wrong.one():
                raise StudyError(
                    f"sensitivity: missing: {key} is of series, whose rows are sessions, and the headline {model!r} is "
                    f"a moderation, with one row per patient. Take {key} out."
                )
    for name in asked.auxiliary:
        with wrong.one():
            if name in in_model:
                raise StudyError(
                    f"sensitivity: missing: auxiliary: {name!r} stands in the headline's model already. Take it out."
                )
            if name not in variables:
                others = [one for one in variables if one not in in_model]
                raise StudyError(
                    f"sensitivity: missing: auxiliary: {name!r} is no variable of the study; "
                    f"{ended(allowed(name, others))}"
                )
    wrong.refuse()
