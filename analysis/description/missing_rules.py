"""The rules by which this room leaves out missing values; each result says its own in ``.design["missing_rule"]``."""

from __future__ import annotations

from typing import Final

EACH_VARIABLE: Final = "each variable on the rows that have it"
EACH_PAIR: Final = "each pair on the rows that have both"
COMPLETE_ROWS: Final = "rows that have every variable"
