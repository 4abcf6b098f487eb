"""Flags of limits: by which method, of how many resamples, and who does them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from doublecode.coding.console import progress_bar
from doublecode.coding.option_ranges import number
from doublecode.schemas.errors import UsageError

if TYPE_CHECKING:
    from doublecode.analysis.mixed.generalized.result import GeneralizedResult
    from doublecode.analysis.mixed.limits_answer import ParameterLimits
    from doublecode.analysis.mixed.result import MixedResult
    from doublecode.schemas.study import Study

Jobs = Annotated[int, typer.Option("--jobs", help="Processes that share the work.")]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", help="A Dask cluster in their place: tcp://host:8786.", show_default=False),
]
Keep = Annotated[
    Path | None,
    typer.Option("--keep", help="Folder for answers as they come; a repeat goes on from there.", show_default=False),
]
Method = Literal["wald", "profile", "bootstrap"]
Limits = Annotated[
    Method | None,
    typer.Option(
        "--interval", show_default=False,
        help="Beside it limits of every parameter, variances too: wald, profile (likelihood) or bootstrap.",
    ),
]  # fmt: skip
Draws = Annotated[
    int | None,
    typer.Option("--n-boot", parser=number(1, whole=True), metavar="<from 1 on>", help="Resamples of a bootstrap.",
                 show_default="1000"),
]  # fmt: skip
DrawSeed = Annotated[
    int | None,
    typer.Option("--seed", parser=number(whole=True), metavar="<int>", help="Seed of a bootstrap.", show_default="0"),
]


@dataclass(frozen=True)
class Sharing:
    """The flags that say who does the resamples."""

    jobs: int
    scheduler: str | None
    keep: Path | None

    @property
    def given(self) -> dict[str, bool]:
        """Which of them were typed."""
        return {"--jobs": self.jobs > 1, "--scheduler": bool(self.scheduler), "--keep": self.keep is not None}


ALONE = Sharing(1, None, None)


@dataclass(frozen=True)
class LimitsAsked:
    """Limits of all parameters of a model, as they are asked for on the command line."""

    method: Method | None
    n_boot: int | None
    seed: int | None
    sharing: Sharing

    def check(self) -> None:
        """Refuse, before any work, what would not act.

        Raises
        ------
        UsageError
        """
        from doublecode.analysis.mixed.redraws import FEWEST

        if self.method == "bootstrap":
            if self.n_boot is not None and self.n_boot < FEWEST:
                raise UsageError(f"--n-boot: found {self.n_boot}, allowed {FEWEST} or more; 1000 as a rule.")
            return
        given = {"--n-boot": self.n_boot is not None, "--seed": self.seed is not None, **self.sharing.given}
        refuse_first(given, "fit: {} belongs to --interval bootstrap; give that too, or leave it out.")

    def of(self, result: MixedResult | GeneralizedResult, conf_level: float) -> dict[str, ParameterLimits]:
        """The limits by the name of their table; nothing where none are asked for."""
        from doublecode.analysis.mixed.limits_answer import parameter_limits
        from doublecode.analysis.mixed.redraws import Redraws

        if self.method is None:
            return {}
        if self.method != "bootstrap":
            return {"limits": parameter_limits(result, self.method, conf_level, Redraws())}
        with progress_bar() as show:
            draws = Redraws(1000 if self.n_boot is None else self.n_boot, self.seed or 0, **helped_by(self.sharing),
                            progress=show)  # fmt: skip
            return {"limits": parameter_limits(result, self.method, conf_level, draws)}


def helped_by(sharing: Sharing) -> dict[str, Any]:
    """The workers that were asked for, as a keyword."""
    from doublecode.analysis.results.spread_work import Workers

    return {"workers": Workers(sharing.jobs, sharing.scheduler, sharing.keep)}


def refuse_first(given: dict[str, bool], said: str) -> None:
    """Refuse the first of some flags that is given, and would not act.

    Raises
    ------
    UsageError
    """
    stray = next((flag for flag, is_given in given.items() if is_given), None)
    if stray is not None:
        raise UsageError(said.format(stray))


def refuse_unshared(sharing: Sharing, study: Study) -> None:
    """Refuse workers of a study that declares nothing for them.

    Raises
    ------
    UsageError
    """
    if not any(series.interval == "bootstrap" for series in study.series):
        said = 'run: {} has no effect here, since no [[series]] of study.toml has interval = "bootstrap"; leave it out.'
        refuse_first(sharing.given, said)
