# Rscript polychoric.R   (run from this folder; reads rel_sim8.csv; writes polychoric.json)
# Two-step polychoric correlations, ULS loadings (lavaan) and Green & Yang's omega (semTools). Synthetic data.
suppressMessages({library(lavaan); library(semTools); library(jsonlite)})
d <- read.csv("rel_sim8.csv")
f <- cfa(paste("f =~", paste(names(d), collapse = " + ")), d, ordered = names(d), estimator = "ULS", std.lv = TRUE,
         control = list(rel.tol = 1e-10))
s <- lavInspect(f, "sampstat")
write_json(list(`_versions` = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")), semTools = as.character(packageVersion("semTools"))),
  converged = lavInspect(f, "converged"), correlation = matrix(as.numeric(s$cov), ncol(d)), thresholds = as.list(s$th), loadings = as.numeric(lavInspect(f, "est")$lambda),
  omega_observed = as.numeric(compRelSEM(f, obs.var = TRUE, ord.scale = TRUE)), omega_implied = as.numeric(compRelSEM(f, obs.var = FALSE, ord.scale = TRUE))),
  "polychoric.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
