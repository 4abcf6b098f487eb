"""A table as a lab has it, declared: ``[tables.NAME]`` of study.toml says what its file and its heads mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from doublecode.schemas.declared import Declared

NO_REASON: Final = "missing"
"""What an empty cell is kept under where empty cells are declared as missing."""


class TableSource(Declared):
    """A table as a lab has it: its file, what its heads are called here, what stands for a missing value.

    In brackets stands the table: ``[tables.sessions]``, ``patients``, ``therapists``, ``assignments``, ``given``,
    ``ratings``, or the name of an outcome instrument. Without an entry the file is looked for by its name.

    Attributes
    ----------
    file : str
        The file, relative to the study folder: csv, tsv, xlsx, xls, ods, sav, dta. Without it NAME.csv or NAME of
        another of these kinds (an outcome's in ``outcomes/``).
    sheet : str
        The sheet of a workbook; the first one without it.
    map : dict of str to str
        Head in the file → our column: ``map = { "Pat.-Nr." = "patient" }``. Heads that are ours need no entry.
    rows : dict of str to str
        Head in the file → what its cell must say; all other rows are left out and counted. For an export of REDCap:
        ``rows = { redcap_repeat_instrument = "bdi" }``.
    missing : list or dict of str to str
        What stands for a missing value: ``[-99, "k.A."]``; ``""`` for cells left empty. Or, of ratings and outcomes,
        with the missing code of the instrument: ``{ "-99" = "NR" }``. Ids and session numbers are never missing.
    dates : str
        How the column ``date`` is written, if not 2021-04-03: ``dd.mm.yyyy``.
    layout : {"long", "wide"}
        Of ratings: a row per rating, or a column per item, per rater, or per both. Guessed from the heads without it.
    pattern : str
        Of ratings with a column per item and rater: how these heads are made, ``{item}_{rater}`` or ``{rater}.{item}``.
        Guessed without it.
    instrument : str
        Of ratings without a column ``instrument``: the instrument, where its items alone do not say which it is.
    """

    file: str | None = None
    sheet: str | None = None
    map: dict[str, str] = Field(default_factory=dict)
    rows: dict[str, str] = Field(default_factory=dict)
    missing: tuple[int | float | str, ...] | dict[str, str] = ()
    dates: str | None = None
    layout: Literal["long", "wide"] | None = None
    pattern: str | None = None
    instrument: str | None = None

    @property
    def missing_codes(self) -> Mapping[str, str]:
        """What stands for a missing value → the code under which it is kept; by default itself."""
        if isinstance(self.missing, dict):
            return self.missing
        return {text: text for text in map(_written, self.missing)}


def _written(code: float | str) -> str:
    return f"{code:g}" if isinstance(code, (int, float)) else code
