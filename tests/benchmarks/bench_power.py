"""Power of 10,000 studies of 22 × 9 with raters, beside refits by lme4 in a loop; of binary outcomes, too.

``python tests/benchmarks/bench_power.py [studies]``. Ours draws ratings with their error, splits the pooled scores
into patients' means and deviations, fits every study by REML and tests by Kenward–Roger. lme4's ``refit`` of outcomes
on one design, without drawing and without degrees of freedom, is timed on 100 of as many; CPU seconds, one thread.
Binary outcomes by 15 points of quadrature against ``glmer``'s refits by Laplace's approximation, 2,000 studies and 40.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

from doublecode.analysis import PlannedStudy, power  # noqa: E402

REFITS = """
suppressMessages(library(lme4)); set.seed(1)
d <- data.frame(patient = rep(1:22, each = 9), session = rep(1:9, 22), within = rnorm(198))
d$between <- rep(rnorm(22), each = 9)
d$y <- rnorm(198) + rep(rnorm(22), each = 9)
m <- lmer(y ~ within + between + session + (1 | patient), d)
t <- system.time(for (i in 1:100) refit(m, rnorm(198) + rep(rnorm(22), each = 9)))
cat((t[["user.self"]] + t[["sys.self"]]) / 100)
"""

BINARY = """
suppressMessages(library(lme4)); set.seed(1)
d <- data.frame(patient = rep(1:22, each = 9), session = rep(1:9, 22), within = rnorm(198))
d$between <- rep(rnorm(22), each = 9)
draw <- function() rbinom(198, 1, plogis(0.5 * d$within + rep(rnorm(22, 0, 1.5), each = 9)))
d$y <- draw()
m <- glmer(y ~ within + between + session + (1 | patient), d, binomial)
t <- system.time(for (i in 1:40) suppressMessages(suppressWarnings(refit(m, draw()))))
cat((t[["user.self"]] + t[["sys.self"]]) / 40)
"""


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    plan = PlannedStudy(patients=22, sessions=9, raters=5, double=0.4, icc_rating=0.6, points=5)
    power(plan, within=0.3, studies=100)
    start = time.process_time()
    found = power(plan, within=0.3, studies=n)
    each = (time.process_time() - start) / n
    print(f"{n:,} studies of 22 × 9 with raters: {each * n:.2f} s, {1000 * each:.3f} ms each; "
          f"power {found.frame['power'].iloc[0]:.3f}")  # fmt: skip
    if shutil.which("Rscript"):
        peer = float(subprocess.run(["Rscript", "-e", REFITS], capture_output=True, text=True, check=True).stdout)
        print(f"lme4 refit alone: {1000 * peer:.2f} ms each; ratio {peer / each:.0f}")
    binary(min(n, 2000))


def binary(n: int) -> None:
    """The same of outcomes that are done or not."""
    plan = PlannedStudy(patients=22, sessions=9, raters=5, double=0.4, icc_rating=0.6, points=5, family="binomial",
                        base=0.4)  # fmt: skip
    power(plan, within=0.5, studies=100)
    start = time.process_time()
    found = power(plan, within=0.5, studies=n)
    each = (time.process_time() - start) / n
    print(f"{n:,} studies of 22 × 9, done or not: {each * n:.2f} s, {1000 * each:.3f} ms each; "
          f"power {found.frame['power'].iloc[0]:.3f}")  # fmt: skip
    if shutil.which("Rscript"):
        peer = float(subprocess.run(["Rscript", "-e", BINARY], capture_output=True, text=True, check=True).stdout)
        print(f"glmer refit alone: {1000 * peer:.1f} ms each; ratio {peer / each:.0f}")


if __name__ == "__main__":
    main()
