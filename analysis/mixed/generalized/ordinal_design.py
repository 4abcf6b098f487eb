"""The design of a cumulative model: thresholds take the place of the intercept."""

from __future__ import annotations

from dataclasses import replace

from doublecode.analysis.mixed.design import Design
from doublecode.analysis.mixed.formula_columns import Recipe
from doublecode.analysis.mixed.plain_columns import PlainColumns
from doublecode.schemas.errors import FormulaError


def without_intercept(design: Design) -> Design:
    """Return the design without its column of ones, which the thresholds make superfluous.

    Raises
    ------
    FormulaError
        The formula leaves the intercept out, so that categories would be coded in full.
    """
    if "Intercept" not in design.x_names:
        raise FormulaError(
            f"{design.formula.text!r}: an ordinal model has thresholds in place of the intercept; write the formula "
            "with its intercept, without 0 + or - 1, and the thresholds take its place"
        )
    at = design.x_names.index("Intercept")
    kept = [place for place in range(len(design.x_names)) if place != at]
    return replace(
        design,
        X=design.X[:, kept],
        x_names=tuple(design.x_names[place] for place in kept),
        fixed_spec=_recipe_without(design.fixed_spec, at),
    )


def _recipe_without(recipe: Recipe, at: int) -> Recipe:
    if isinstance(recipe, PlainColumns):
        return replace(recipe, intercept=False)
    places = range(len(recipe.spec.column_names)) if recipe.kept is None else recipe.kept
    return replace(recipe, kept=tuple(place for position, place in enumerate(places) if position != at))
