# Rscript mixed_phi.R -> mixed_phi.json: 95 % profile limits of AR(1)'s phi, by nlme refits with phi held fixed
suppressMessages({library(nlme); library(jsonlite)})
d <- read.csv("hw229_ar1.csv")
tight <- lmeControl(msTol = 1e-14, tolerance = 1e-12, msMaxIter = 2000, maxIter = 2000, opt = "nlminb", returnObject = TRUE)
fit <- function(me, ...) lme(homework ~ beh_cw + beh_pm + sess_c, d, ~ 1 | patient, correlation = corAR1(form = ~ session | patient, ...),
                             method = me, control = tight)
limits <- function(me) { best <- as.numeric(logLik(fit(me)))
  h <- function(p) 2 * (best - as.numeric(logLik(fit(me, value = p, fixed = TRUE)))) - qchisq(.95, 1)
  c(uniroot(h, c(-.1, .4), tol = 1e-9)$root, uniroot(h, c(.41, .8), tol = 1e-9)$root) }
writeLines(toJSON(list(REML = limits("REML"), ML = limits("ML")), digits = NA), "mixed_phi.json")
