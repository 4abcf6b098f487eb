# Rscript variance_shares.R   (run from this folder; reads hw229_a.csv; writes variance_shares.json)
# Profile limits of the share between patients: lme4's profiled criterion as a function of theta.
suppressMessages({library(lme4); library(jsonlite)})
d <- read.csv("hw229_a.csv")
one <- function(f, REML) { m <- lmer(f, d, REML = REML); dev <- lmer(f, d, REML = REML, devFunOnly = TRUE); o <- optimize(dev, c(0, 5), tol = 1e-12); q <- o$objective + qchisq(.95, 1)
  lo <- if (dev(0) <= q) 0 else uniroot(function(t) dev(t) - q, c(0, o$minimum), tol = 1e-12)$root; hi <- uniroot(function(t) dev(t) - q, c(o$minimum, 20), tol = 1e-12)$root
  s <- function(t) t^2 / (1 + t^2); list(share = s(o$minimum), low = s(lo), high = s(hi)) }
write_json(list(`_versions` = list(R = R.version.string, lme4 = as.character(packageVersion("lme4"))),
  homework = one(homework ~ 1 + (1 | patient), TRUE), homework_ml = one(homework ~ 1 + (1 | patient), FALSE), behaviour = one(behaviour ~ session + (1 | patient), TRUE)),
  "variance_shares.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
