# Rscript generalized_large.R -> generalized_large.json: Poisson and negative binomial models of counts of 1e6 to 1e9
# (generalized_large.csv: 22 patients, 9 sessions; slope .1, SD between patients .5, dispersion 2 and 50), by glmmTMB,
# Laplace's approximation, from several starts; at 1e9 its own gradient stops near 1e-3, so that the logLik is its best.
suppressMessages({library(glmmTMB); library(jsonlite)})
d <- read.csv("generalized_large.csv"); d$patient <- factor(d$patient)
out <- list()
for (name in c("p1e6", "p1e8", "p1e9", "nb1e6", "nb1e9")) {
  d$y <- d[[name]]; nb <- startsWith(name, "nb")
  fits <- lapply(c(-1.5, -0.8, -0.3), \(theta) try(suppressWarnings(glmmTMB(y ~ x + (1 | patient), d, if (nb) nbinom2() else poisson(), start = list(theta = theta), control = glmmTMBControl(optCtrl = list(iter.max = 5000, eval.max = 5000, rel.tol = 1e-14))))))
  fits <- Filter(\(m) !inherits(m, "try-error"), fits)
  ll <- sapply(fits, \(m) -m$fit$objective); m <- fits[[which.max(ll)]]
  cat(name, format(ll, digits = 12), max(abs(m$obj$gr(m$fit$par))), "\n")
  out[[name]] <- list(logLik = max(ll), fixed = unname(fixef(m)$cond), se = unname(sqrt(diag(vcov(m)$cond))), sd = attr(VarCorr(m)$cond$patient, "stddev")[[1]], dispersion = if (nb) sigma(m) else NULL)
}
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE, null = "null"), "generalized_large.json")
