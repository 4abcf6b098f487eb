"""The section of a report on correlations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doublecode.analysis.rendering.document import Bullets, Section
from doublecode.analysis.rendering.tables import Column, Table, column, format_number

if TYPE_CHECKING:
    import pandas as pd

    from doublecode.analysis.description.correlations import CorrelationResult
    from doublecode.analysis.study.labels import Labels
    from doublecode.schemas.declared_findings import CorrelationTable


def correlation_section(
    result: CorrelationResult | None, labels: Labels, asked: CorrelationTable | None = None
) -> Section | None:
    """Means, standard deviations and correlations, as papers print them."""
    if result is None:
        return None
    import pandas as pd

    names = list(result.spec["variables"])
    levels = [_triangle(result, str(level), labels, asked) for level in result.frame["level"].unique()]
    frame = pd.concat(levels, ignore_index=True)
    cells = [Column(str(number), str(number), "bounded") for number in range(1, len(names))]
    moments = (column("n"), column("mean"), column("sd"))
    smallest, largest = int(result.frame["n"].min()), int(result.frame["n"].max())
    note = f"Pairwise rows, {smallest} to {largest}. Intervals, *p* and Holm's *p* stand in the CSV file."
    if len(levels) > 1:
        note += " *n*, *M* and *SD* within patients: of the deviations from the patient's mean; between: of the means."
    note += f" Largest in size: {_largest(result, labels)}." if len(result.largest) else ""
    if asked is not None and asked.stars is not None:
        which = "the raw *p*" if asked.stars == "raw" else "Holm's *p*"
        note += f" By {which}: * below .05, ** below .01, *** below .001."
    columns = (column("variable", "Variable", kind="text"), *moments, *cells)
    table = Table(
        "correlations", "Means, standard deviations and correlations", frame, columns, (note,),
        group="level" if len(levels) > 1 else "", data=result.frame,
    )  # fmt: skip
    return Section("correlations", "Correlations", (table, Bullets(result.note_texts())))


def _largest(result: CorrelationResult, labels: Labels) -> str:
    """The largest r of each level, with its pair."""
    rows = result.largest.to_dict("records")
    several = len(rows) > 1
    return "; ".join(
        f"{row['level'] + ' ' if several else ''}{format_number(row['r'], 'bounded')} "
        f"({labels.get(row['x'], row['x'])} with {labels.get(row['y'], row['y'])})"
        for row in rows
    )


def _triangle(result: CorrelationResult, level: str, labels: Labels, asked: CorrelationTable | None) -> pd.DataFrame:
    """Lower triangle of one level beside the moments of its variables."""
    import pandas as pd

    printed = asked is not None and (asked.stars is not None or asked.counts)
    square = (
        result.triangle(level, stars=asked.stars, counts=asked.counts) if asked and printed else result.matrix(level)
    )
    rows = []
    moments = result.descriptives[result.descriptives["level"] == level]
    for number, row in enumerate(moments.to_dict("records"), 1):
        name = str(row["variable"])
        r = {str(k): square.loc[name, other] for k, other in enumerate(square.columns[: number - 1], 1)}
        later = {str(k): float("nan") for k in range(number, len(square))}
        head = {**row, "level": level.capitalize(), "variable": f"{number}. {labels.get(name, name)}", "name": name}
        rows.append({str(key): value for key, value in head.items()} | r | later)
    return pd.DataFrame(rows)
