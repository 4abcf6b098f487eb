"""Part of a design: some of its rows, with the levels that remain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Design, Term


def keep_rows(design: Design, keep: npt.NDArray[np.bool_]) -> Design:
    """Return the design with the rows where `keep` (n,) is true; empty levels are left out.

    Columns are not evaluated anew: a centred predictor keeps the centre of all rows.
    """
    weights = None if design.weights is None else design.weights[keep]
    lost = design.log_det if weights is None else -float(np.log(weights).sum())
    return replace(
        design,
        y=design.y[keep],
        X=design.X[keep],
        terms=_terms(design, keep),
        weights=weights,
        offset=None if design.offset is None else design.offset[keep],
        rows=design.rows[keep],
        index=design.index[keep],
        columns={name: column[keep] for name, column in design.columns.items()},
        log_det=lost,
    )


def _terms(design: Design, keep: npt.NDArray[np.bool_]) -> tuple[Term, ...]:
    out = []
    for term in design.terms:
        used, codes = np.unique(term.codes[keep], return_inverse=True)
        out.append(replace(term, Z=term.Z[keep], codes=codes.astype(np.int64), labels=term.labels[used]))
    return tuple(out)
