"""The ratings that hold, for others: a Psych-DS folder, and tables as REDCap imports them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from doublecode.coding.intake.ledger_values import with_occasion
from doublecode.coding.intake.redcap_tables import redcap_tables
from doublecode.schemas.csv_rows import without_formulas
from doublecode.schemas.frames import OCCASION
from doublecode.schemas.instrument import Instrument
from doublecode.schemas.study import Study
from doublecode.schemas.whole_files import replace_files

_MEANINGS: Final[Mapping[str, str]] = {
    "study": "The study, by its short name",
    "patient": "Id of the patient",
    "therapist": "Id of the therapist",
    "session": "Number of the session within the patient",
    "session_id": "Blind id of the session",
    "rater": "Id of the rater",
    "role": "Why the rater rates this session: primary, second or pilot",
    "instrument": "The codebook",
    "item": "The item of the codebook",
    "value": "The code; empty where it is missing or a text",
    "text": "What was written, in items of text or of names",
    "missing_code": "Why there is no code",
    "phase": "main or pilot",
    "source_file": "The file that the rating was read from",
    "source_sheet": "Its sheet",
    "source_cell": "Its cell",
    OCCASION: "Which time the rater rates the session; scores stand on 1",
}


def export_ratings(study: Study, ratings: pd.DataFrame, folder: Path) -> list[Path]:
    """Write ratings as a Psych-DS folder, with the forms of a REDCap project.

    Parameters
    ----------
    study : Study
    ratings : DataFrame
        Contract ``RATINGS``.
    folder : Path

    Returns
    -------
    list of Path
        ``dataset_description.json`` (JSON-LD, schema.org), ``data/…_data.csv``, ``redcap/data_dictionary.csv``, which
        makes the forms of a project, and ``redcap/INSTRUMENT.csv``, which fills them once they may be repeated.
    """
    name = "".join(filter(str.isalnum, study.name))
    contents = {
        folder / "dataset_description.json": json.dumps(_description(study), ensure_ascii=False, indent=1) + "\n",
        folder / "data" / f"study-{name}_description-ratings_data.csv": _csv(with_occasion(ratings)[list(_MEANINGS)]),
    }
    for table, frame in redcap_tables(study, ratings).items():
        contents[folder / "redcap" / f"{table}.csv"] = _csv(frame)
    replace_files({path: text.encode() for path, text in contents.items()})
    return list(contents)


def _csv(frame: pd.DataFrame) -> str:
    return str(without_formulas(frame).to_csv(index=False, lineterminator="\n"))


def _description(study: Study) -> dict[str, Any]:
    """What the data are, in the words of schema.org; every column and every item with its range."""
    columns = [{"@type": "PropertyValue", "name": name, "description": meaning} for name, meaning in _MEANINGS.items()]
    items = [_item(book, item) for book in study.codebooks.values() for item in book.columns]
    synthetic = " The data are synthetic: none comes from a patient." if study.synthetic else ""
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": study.title,
        "description": f"Ratings of the study {study.name}: one row per session, rater and item.{synthetic}",
        **({"citation": study.citation} if study.citation else {}),
        "variableMeasured": [*columns, *items],
    }


def _item(book: Instrument, item: Any) -> dict[str, Any]:
    told = {
        "@type": "PropertyValue",
        "name": f"{book.name}.{item.name}",
        "description": f"{book.title}: {item.label} (allowed: {book.allowed(item)})",
    }
    limits = {"minValue": getattr(item, "minimum", None), "maxValue": getattr(item, "maximum", None)}
    return told | {key: value for key, value in limits.items() if value is not None}
