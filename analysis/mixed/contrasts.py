"""Type III hypotheses of a formulaic model matrix.

The hypothesis of a term is that its coefficients vanish when every categorical factor is
sum-coded, so that lower-order terms average over the levels of the factors they interact with
(Yates' weighted squares of means; SAS type III for designs without empty cells). It does not
depend on the coding that the model was fitted with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from doublecode.analysis.mixed.design import Design, Floats


def type3_contrasts(design: Design) -> tuple[dict[str, Floats], str | None]:
    """Per term its (q, p) contrast matrix, intercept left out; and a note if sum coding failed.

    Where the sum-coded columns do not span the fitted ones (no intercept, an unusual coding),
    the fitted columns of each term are tested as they stand and the note says so.
    """
    spec = design.fixed_spec
    own = {str(term): np.asarray(list(index)) for term, index in spec.term_indices.items() if str(term) != "1"}
    identity: Floats = np.eye(len(design.x_names))
    plain: dict[str, Floats] = {name: np.asarray(identity[index]) for name, index in own.items() if len(index)}
    categorical = _categorical_factors(spec)
    if not categorical:
        return plain, None
    summed = _sum_coded(design, categorical)
    if summed is None:
        return plain, "type III tests use the columns as coded, since sum coding does not span the same model"
    columns, X_sum = summed
    back, *_ = np.linalg.lstsq(X_sum, design.X, rcond=None)
    rows: Floats = np.asarray(back, dtype=float)
    return {name: rows[index] for name, index in zip(plain, columns, strict=True)}, None


def _categorical_factors(spec: Any) -> set[str]:
    return {
        str(factor)
        for factor, (kind, _) in getattr(spec, "encoder_state", {}).items()
        if "categorical" in str(kind).lower()
    }


def _sum_coded(design: Design, categorical: set[str]) -> tuple[list[npt.NDArray[np.intp]], Floats] | None:
    """Evaluate the same terms with sum coding; None if the column spaces differ."""
    from formulaic import Formula

    spec: Any = design.fixed_spec
    rewritten = [
        [_sum_factor(str(f)) if str(f) in categorical else str(f) for f in term.factors] for term in spec.term_indices
    ]
    tested = [
        frozenset(parts)
        for term, parts in zip(spec.term_indices, rewritten, strict=True)
        if str(term) != "1" and len(list(spec.term_indices[term]))
    ]
    matrix: Any = Formula([":".join(parts) for parts in rewritten]).get_model_matrix(design.frame, na_action="ignore")
    X_sum = np.asarray(matrix, dtype=float)
    if X_sum.shape[1] != design.X.shape[1]:
        return None
    fitted = X_sum @ np.linalg.lstsq(X_sum, design.X, rcond=None)[0]
    if np.abs(fitted - design.X).max() > 1e-8 * np.abs(design.X).max():
        return None
    found = {
        frozenset(str(f) for f in term.factors): np.asarray(list(index))
        for term, index in matrix.model_spec.term_indices.items()
    }
    if any(key not in found for key in tested):
        return None
    return [found[key] for key in tested], X_sum


def _sum_factor(expression: str) -> str:
    """``Sex`` or ``C(Sex, …)`` → the same variable, sum-coded."""
    inner = expression
    if expression.startswith("C(") and expression.endswith(")"):
        inner = expression[2:-1].split(",")[0].strip()
    return f"C({inner}, contr.sum)"
