"""What stands in a codebook that was made for somebody, where only she knows what belongs there."""

from __future__ import annotations

from typing import Final

NOT_NAMED: Final = "not named yet"
"""Citation and rights of a codebook until somebody writes them."""
