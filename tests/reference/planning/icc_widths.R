# Median widths of the intervals of ICC(A,.) and ICC(C,.) that psych::ICC gives: studies of n targets that the same k
# raters rate; variances of target, rater and error 1, .2 e and .8 e with e = 1/icc - 1. Rscript icc_widths.R
library(psych)
set.seed(20261128)
studies <- 1500
rows <- list()
for (design in list(c(40, 3, .6), c(100, 2, .7), c(25, 6, .5))) {
  n <- design[1]; k <- design[2]; icc <- design[3]; e <- 1 / icc - 1
  found <- replicate(studies, {
    y <- outer(rnorm(n), rep(1, k)) + outer(rep(1, n), rnorm(k, 0, sqrt(.2 * e))) + rnorm(n * k, 0, sqrt(.8 * e))
    r <- suppressWarnings(suppressMessages(ICC(y, lmer = FALSE)))$results
    r[c(2, 5, 3, 6), "upper bound"] - r[c(2, 5, 3, 6), "lower bound"]
  })
  forms <- c("ICC(A,1)", "ICC(A,k)", "ICC(C,1)", "ICC(C,k)")
  for (i in 1:4) {
    medians <- replicate(400, median(sample(found[i, ], studies, replace = TRUE)))
    rows[[length(rows) + 1]] <- data.frame(targets = n, raters = k, icc = icc, form = forms[i],
                                           width = median(found[i, ]), error = sd(medians))
  }
}
write.csv(do.call(rbind, rows), "icc_widths.csv", row.names = FALSE)
