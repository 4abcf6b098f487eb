"""Ratings as REDCap imports them: a repeated form per instrument, and the data dictionary that makes the forms.

A project of REDCap has one list of fields: each stands in one form, and no two forms share a name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

import pandas as pd

from doublecode.coding.intake.ledger_values import with_occasion
from doublecode.schemas.frames import OCCASION
from doublecode.schemas.study import Study

RECORD: Final = "record_id"
_PATIENTS: Final = "patients"
_BY: Final = ("session", "session_id", "rater", OCCASION)
_LABELS: Final = {
    "session": "Number of the session within the patient", "session_id": "Blind id of the session", "rater": "Rater",
    OCCASION: "Which time the rater rates the session",
}  # fmt: skip
_HEADS: Final = (
    "Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label",
    "Choices, Calculations, OR Slider Labels", "Field Note",
)  # fmt: skip


def redcap_tables(study: Study, ratings: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Lay ratings out for REDCap.

    Parameters
    ----------
    study : Study
    ratings : DataFrame
        Contract ``RATINGS``.

    Returns
    -------
    dict of str to DataFrame
        By the name of its file: ``data_dictionary``, and a table per instrument with a row per session and rater,
        repeated within the patient. A field is called as its item is, after the instrument where another codebook of
        the study has an item of this name; session, session_id, rater and occasion always are.
    """
    by_instrument = {str(name): rows for name, rows in ratings.groupby("instrument", sort=True)}
    names = {name: _field_names(study, name, rows["item"].unique()) for name, rows in by_instrument.items()}
    tables = {name: _repeated(rows, name, names[name]) for name, rows in by_instrument.items()}
    return {"data_dictionary": _dictionary(study, names), **tables}


def _field_names(study: Study, instrument: str, items: Collection[str]) -> dict[str, str]:
    """The field of each column of a form, in the order in which they stand."""
    counts = Counter(item.name for book in study.codebooks.values() for item in book.columns)
    apart = {name for name, n in counts.items() if n > 1} | {RECORD, *_BY}
    return {name: f"{instrument}_{name}" if name in apart else str(name) for name in (*_BY, *items)}


def _repeated(rows: pd.DataFrame, instrument: str, names: Mapping[str, str]) -> pd.DataFrame:
    """A row per session and rater; a cell holds the code, the text or the missing code."""
    by = ["patient", *_BY]
    keyed = with_occasion(rows)
    number = keyed["value"].map("{:.15g}".format).where(keyed["value"].notna())
    shown = keyed.assign(cell=keyed["missing_code"].fillna(keyed["text"]).fillna(number))
    wide = shown.set_index([*by, "item"])["cell"].unstack("item").reset_index()  # noqa: PD010
    wide = wide.sort_values(by, kind="stable", ignore_index=True)
    instance = wide.groupby("patient", sort=False).cumcount() + 1
    head = pd.DataFrame(
        {RECORD: wide["patient"], "redcap_repeat_instrument": instrument, "redcap_repeat_instance": instance}
    )
    return pd.concat([head, wide[list(names)].rename(columns=dict(names))], axis=1)


def _dictionary(study: Study, names: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """A field per line; all of type text, so that missing codes may stand in them."""
    lines = [(RECORD, _PATIENTS, "", "text", "Id of the patient", "", "")]
    for instrument, fields in names.items():
        book = study.codebooks.get(instrument)
        items = {} if book is None else {item.name: item for item in book.columns}
        for name, field in fields.items():
            item = items.get(name)
            label = _LABELS.get(name, name) if item is None else item.label
            note = "" if item is None or book is None else f"allowed: {book.allowed(item)}"
            lines.append((field, instrument, "", "text", label, "", note))
    return pd.DataFrame(lines, columns=list(_HEADS))
