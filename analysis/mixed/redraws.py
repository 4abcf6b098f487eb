"""How a parametric bootstrap is drawn, and who does its refits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from doublecode.analysis.results.spread_work import Progress, Workers, digest, spread_work
from doublecode.schemas.errors import UsageError

Floats = npt.NDArray[np.float64]

FEWEST: Final = 20
WHAT: Final = "Refitting"


@dataclass(frozen=True)
class Redraws:
    """Number and seed of the draws, and who refits the model to them.

    Attributes
    ----------
    n_boot, seed : int
    workers : Workers, optional
    progress : callable, optional
        Told how many of the draws are done, and of how many.
    """

    n_boot: int = 1000
    seed: int = 0
    workers: Workers | None = None
    progress: Progress | None = None

    def check(self, method: str) -> None:
        """Refuse what has no effect on `method`, and too few draws.

        Raises
        ------
        UsageError
        """
        if method != "bootstrap":
            given = {"workers": self.workers, "progress": self.progress}
            stray = next((name for name, value in given.items() if value is not None), None)
            if stray is not None:
                raise UsageError(
                    f"confint: {stray}= has no effect on method={method!r}; it belongs to method='bootstrap'."
                )
        elif self.n_boot < FEWEST:
            raise UsageError(
                f"confint: n_boot={self.n_boot} is too few for limits; take at least {FEWEST}, better 1000 or more."
            )

    @property
    def shared(self) -> bool:
        """Whether refits are done some at a time, for others or for those who look on."""
        return self.workers is not None or self.progress is not None

    def refits(
        self, function: Callable[[tuple[Any, Floats]], Any], subject: Any, said: str, draws: Floats, together: int
    ) -> list[Any]:
        """The answers of `function` to (subject, some draws), in the order of the draws.

        Parameters
        ----------
        function : callable
            At the top of a module; see :func:`doublecode.analysis.results.spread_work.spread_work`.
        subject : object
            What is refitted.
        said : str
            All of `subject` that an answer depends on; draws are found again by it and by themselves.
        draws : ndarray, shape (n, n_boot)
        together : int
            Draws of one piece. It does not depend on the workers, so that their number moves no digit.
        """
        starts = range(0, draws.shape[1], together)
        parts = {at: draws[:, at : at + together] for at in starts}
        pieces = {f"{said} {at} {digest(part)}": (subject, part) for at, part in parts.items()}
        return list(spread_work(function, pieces, self.workers or Workers(), self._told(together), WHAT).values())

    def _told(self, together: int) -> Progress | None:
        """Progress in draws instead of pieces."""
        show = self.progress
        if show is None:
            return None
        return lambda what, done, of: show(what, min(done * together, self.n_boot), self.n_boot)
