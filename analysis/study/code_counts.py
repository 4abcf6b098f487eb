"""Codes without a number: how often raters gave each, and how far those of one session gave the same.

A nominal item whose codebook gives its codes no values is in no score and in no ICC; this is where it is counted. The
items of a homework log have a section of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from doublecode.schemas.errors import NotEstimable

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.schemas.instrument import Instrument
    from doublecode.schemas.item import Item
    from doublecode.schemas.study import Study

WHOLE: Final = "all codes"
_BESIDE: Final = {"exact agreement": "agreement", "Fleiss' kappa": "kappa"}
_COLUMNS: Final = (
    "instrument", "title", "item", "label", "phase", "code", "category", "n_codes", "percent", "n_sessions",
    "n_multiply_coded", "agreement", "kappa", "conf_low", "conf_high",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class CodeCounts:
    """The nominal items of a study, counted.

    Attributes
    ----------
    frame : DataFrame
        One row per item, phase and code, and one for all codes of the item: ``instrument, title, item, label, phase,
        code, category, n_codes`` (ratings that gave it), ``percent`` (of the ratings with a code; several answers in
        a cell may add up to more than 100), ``n_sessions`` (with a rating that gave it), ``n_multiply_coded``
        (sessions with the codes of two raters or more), ``agreement`` (the share of pairs of raters who gave the same;
        of a code: who both gave it or both did not) and Fleiss' ``kappa`` with its 95% limits. Empty where no session
        was coded twice, and of all codes together where a cell may hold several.
    """

    frame: pd.DataFrame


def code_counts(study: Study, ratings: pd.DataFrame) -> CodeCounts | None:
    """Count the codes of the nominal items without values; None where the raters have none.

    Parameters
    ----------
    study : Study
    ratings : DataFrame
        Contract RATINGS, of occasion 1: the code stands in ``text``, several parted by commas.

    See Also
    --------
    doublecode.analysis.agreement : the coefficients.
    """
    import pandas as pd

    tables = [
        table
        for book, item in _nominal(study)
        for phase, rows in _phases(ratings, book.name, item.name)
        for table in _of_item(book, item, phase, rows)
    ]
    return CodeCounts(pd.concat(tables, ignore_index=True)) if tables else None


def _nominal(study: Study) -> Iterator[tuple[Instrument, Item]]:
    """What raters code by names alone, but for the homework log."""
    for name, book in study.codebooks.items():
        log = book.homework_log
        counted = () if log is None else log.names
        logged = {column.name for item in book.items if item.name in counted for column in _columns_of(book, item)}
        if study.use(name).source == "raters":
            yield from (
                (book, item)
                for item in book.columns
                if item.type == "nominal" and not item.is_numeric and item.name not in logged
            )


def _columns_of(book: Instrument, item: Item) -> tuple[Item, ...]:
    slots = {item.name, *(f"{item.name}_{slot}" for slot in range(1, item.repeat + 1) if item.repeat > 1)}
    return tuple(column for column in book.columns if column.name in slots)


def _phases(ratings: pd.DataFrame, book: str, item: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """The ratings of an item with a code in each phase, the main phase first."""
    rows = ratings[(ratings["instrument"] == book) & (ratings["item"] == item) & ratings["text"].notna()]
    found = {str(phase): part for phase, part in rows.groupby("phase", sort=True)}
    yield from sorted(found.items(), key=lambda one: one[0] != "main")


def _of_item(book: Instrument, item: Item, phase: str, rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """One row per code in the order of the codebook, then all of them together."""
    import pandas as pd

    head = {"instrument": book.name, "title": book.title, "item": item.name, "label": item.label,
            "phase": phase}  # fmt: skip
    cells = rows["text"].astype(str).str.split(",")
    given = pd.DataFrame({"code": cells, "session_id": rows["session_id"]}).explode("code")
    given["code"] = given["code"].str.strip()
    codes = [*item.categories, *sorted(set(given["code"]) - set(item.categories))]
    coded = rows.groupby("session_id")["rater"].nunique()
    beside = _agreements(rows, item) if (coded > 1).any() else {}
    lines: list[dict[str, Any]] = []
    for code in codes:
        own = given[given["code"] == code]
        lines.append({"code": code, "category": item.categories.get(code, code), "n_codes": len(own),
                      "percent": 100 * len(own) / len(rows), "n_sessions": own["session_id"].nunique(),
                      **beside.get(code, {})})  # fmt: skip
    lines.append({"code": WHOLE, "category": WHOLE, "n_codes": len(given), "percent": 100 * len(given) / len(rows),
                  "n_sessions": len(coded), **beside.get(WHOLE, {})})  # fmt: skip
    told = [{**head, "n_multiply_coded": int((coded > 1).sum()), **line} for line in lines]
    yield pd.DataFrame(told, columns=list(_COLUMNS))


def _agreements(rows: pd.DataFrame, item: Item) -> dict[str, dict[str, float]]:
    """Agreement on each code, and on all together where a cell holds one; nothing for items filled in beforehand."""
    from doublecode.analysis.concordance.code_agreement import agree_on_categories, agree_on_codes

    if item.given:
        return {}
    asked = {"targets": "session_id", "raters": "rater", "by": None, "single_coded": "count", "conf_level": 0.95}
    try:  # not by agreement(), which takes codes that are called 1, 2, 3 for numbers
        found = (
            agree_on_categories(rows, ["text"], ",", asked)
            if item.multiple
            else agree_on_codes(rows, "text", None, ("unweighted",), ("nominal",), asked)
        )
    except NotEstimable:
        return {}
    tables = {} if item.multiple else {WHOLE: found.frame}
    if found.categories is not None:
        tables |= {str(code): part for code, part in found.categories.groupby("category", sort=False)}
    return {code: _told(table) for code, table in tables.items()}


def _told(table: pd.DataFrame) -> dict[str, float]:
    """Share of equal codes and kappa of one set of coefficients, with its limits."""
    told: dict[str, float] = {}
    for row in table.to_dict("records"):
        name = _BESIDE.get(str(row["coefficient"]))
        if name is not None:
            told[name] = row["estimate"]
        if name == "kappa":
            told |= {"conf_low": row["conf_low"], "conf_high": row["conf_high"]}
    return told
