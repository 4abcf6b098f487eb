"""Named, cited cut-offs: the only place where a number turns into an adjective, or a count into a warning.

An adjective is taken from the *interval*, never from the estimate alone: an
interval that lies in one band gets that band's word, an interval that spans
several gets the words of its ends ("moderate to good").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from doublecode.schemas.errors import UsageError

FEW_RATERS: Final = 10
"""Raters below which the rater variance is a guess (ten Hove, Jorgensen & van der Ark, 2022, Psychological Methods)."""

FEW_PAIRS: Final = 20
"""Double-coded targets below which the interval of an ICC is read before the ICC.

Ionan, Polley, McShane & Dobbin (2014), BMC Medical Research Methodology, 14, 121.
"""

FEW_THERAPISTS: Final = 8
"""As many therapists or fewer are fixed effects or left out in turn, and no level of their own.

With few therapists a third level biases the standard errors of slopes within patients, and two levels do as well
or better: Falkenström, Solomonov & Rubel (2020), Psychotherapy Research, 30, 885–899. They say no number; 3 and 8
are the therapists of the two studies that this project serves first.
"""


@dataclass(frozen=True)
class Rule:
    """A published set of cut-offs.

    Parameters
    ----------
    name : str
        Short name, by which functions ask for the rule.
    about : str
        The kind of coefficient the authors wrote it for.
    cuts : tuple of float
        Ascending lower bounds of the second, third, … band.
    words : tuple of str
        One adjective per band, so one more than `cuts`.
    authors : str
    year : int
    source : str
        Where the cut-offs are printed.
    """

    name: str
    about: str
    cuts: tuple[float, ...]
    words: tuple[str, ...]
    authors: str
    year: int
    source: str

    @property
    def citation(self) -> str:
        """The whole reference."""
        return f"{self.authors} ({self.year}), {self.source}"

    @property
    def short(self) -> str:
        """The citation as it stands in a text: authors and year.

        Examples
        --------
        >>> RULES["koo2016"].short
        'Koo & Li, 2016'
        """
        return f"{self.authors}, {self.year}"

    def band(self, value: float) -> str:
        """Return the adjective of one value; a value on a cut belongs to the upper band."""
        return self.words[sum(value >= cut for cut in self.cuts)]


RULES: Final[dict[str, Rule]] = {
    rule.name: rule
    for rule in (
        Rule(
            "koo2016",
            "intraclass correlation",
            (0.50, 0.75, 0.90),
            ("poor", "moderate", "good", "excellent"),
            "Koo & Li",
            2016,
            "Journal of Chiropractic Medicine, 15, 155–163",
        ),
        Rule(
            "cicchetti1994",
            "intraclass correlation or kappa",
            (0.40, 0.60, 0.75),
            ("poor", "fair", "good", "excellent"),
            "Cicchetti",
            1994,
            "Psychological Assessment, 6, 284–290",
        ),
        Rule(
            "portney2009",
            "intraclass correlation",
            (0.50, 0.75),
            ("poor", "moderate", "good"),
            "Portney & Watkins",
            2009,
            "Foundations of Clinical Research, 3rd ed.",
        ),
        Rule(
            "landis1977",
            "kappa",
            (0.0, 0.21, 0.41, 0.61, 0.81),
            ("poor", "slight", "fair", "moderate", "substantial", "almost perfect"),
            "Landis & Koch",
            1977,
            "Biometrics, 33, 159–174",
        ),
        Rule(
            "fleiss1981",
            "kappa",
            (0.40, 0.75),
            ("poor", "fair to good", "excellent"),
            "Fleiss",
            1981,
            "Statistical Methods for Rates and Proportions, 2nd ed.",
        ),
        Rule(
            "altman1991",
            "kappa",
            (0.21, 0.41, 0.61, 0.81),
            ("poor", "fair", "moderate", "good", "very good"),
            "Altman",
            1991,
            "Practical Statistics for Medical Research",
        ),
        Rule(
            "krippendorff2004",
            "Krippendorff's alpha",
            (0.667, 0.80),
            ("not reliable", "good for tentative conclusions only", "reliable"),
            "Krippendorff",
            2004,
            "Content Analysis, 2nd ed., p. 241",
        ),
        Rule(
            "nunnally1994",
            "internal consistency",
            (0.70, 0.80, 0.90),
            (
                "too low",
                "enough for early research",
                "enough for basic research",
                "enough for decisions about persons",
            ),
            "Nunnally & Bernstein",
            1994,
            "Psychometric Theory, 3rd ed., pp. 264–265",
        ),
    )
}


def rule_named(name: str) -> Rule:
    """Return the rule called `name`.

    Raises
    ------
    UsageError
        If no rule has that name; the message lists those that exist.

    Examples
    --------
    >>> rule_named("koo2016").band(0.68)
    'moderate'
    """
    if name not in RULES:
        raise UsageError(
            f"rule: there is no rule called {name!r}; the rules are {', '.join(sorted(RULES))}. "
            "Choose one of these by name."
        )
    return RULES[name]


def judge(low: float, high: float, rule: str | Rule = "koo2016") -> str:
    """Put an interval into words by a cited rule.

    Parameters
    ----------
    low, high : float
        Limits of the interval.
    rule : str or Rule
        Name of a rule, or the rule itself.

    Returns
    -------
    str
        One band's adjective, or those of both ends; ``"not judged"`` if a limit is missing.

    Examples
    --------
    >>> judge(0.61, 0.74)
    'moderate'
    >>> judge(0.61, 0.84)
    'moderate to good'
    """
    if math.isnan(low) or math.isnan(high):
        return "not judged"
    chosen = rule_named(rule) if isinstance(rule, str) else rule
    first, last = chosen.band(low), chosen.band(high)
    return first if first == last else f"{first} to {last}"
