# Both slopes of a 1-1-1 mediation vary: the two regressions stacked, by nlme. Run in tests/reference: Rscript mediation_slopes.R
suppressMessages({library(nlme); library(jsonlite)})
d <- read.csv("mediation_slopes.csv")
centred <- function(v) v - ave(v, d$patient)
n <- nrow(d)
long <- data.frame(z = c(d$m, d$y), of_m = rep(1:0, each = n), of_y = rep(0:1, each = n), a = c(centred(d$x), rep(0, n)),
  b = c(rep(0, n), centred(d$m)), direct = c(rep(0, n), centred(d$x)), equation = rep(c("m", "y"), each = n),
  patient = factor(c(d$patient, d$patient)))
fit <- lme(z ~ 0 + of_m + of_y + a + b + direct, data = long, method = "REML", weights = varIdent(form = ~ 1 | equation),
  random = list(patient = pdBlocked(list(pdSymm(~ 0 + of_m + of_y), pdSymm(~ 0 + a + b)))),
  control = lmeControl(msTol = 1e-12, tolerance = 1e-10, maxIter = 500, msMaxIter = 500))
D <- as.matrix(getVarCov(fit))
write_json(list(`_versions` = list(R = R.version.string, nlme = as.character(packageVersion("nlme"))),
  fixed = as.list(fixef(fit)), covariance = D["a", "b"], variance_a = D["a", "a"], variance_b = D["b", "b"],
  loglik = as.numeric(logLik(fit))), "mediation_slopes.json", auto_unbox = TRUE, digits = NA, pretty = TRUE)
