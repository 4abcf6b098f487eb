# Predictions over one predictor with limits, over all random effects and at 0: glmmTMB, clmm, integrate, numDeriv.
# Run from this folder: Rscript predicted_courses.R   -> predicted_courses.json
# At each value all rows get it; predictions are averaged over rows; limits by the delta method on the logit (log).
suppressMessages({library(glmmTMB); library(ordinal); library(numDeriv); library(jsonlite)})
over <- function(g, eta, s) if (s == 0) g(eta) else
  integrate(function(u) g(eta + s * u) * dnorm(u), -12, 12, rel.tol = 1e-11)$value
limits <- function(f, par, V, to, back) { at <- f(par); J <- jacobian(function(p) to(f(p)), par)
  se <- sqrt(diag(J %*% V %*% t(J))); reach <- qnorm(.975) * se
  list(estimate = at, conf_low = back(to(at) - reach), conf_high = back(to(at) + reach)) }
mean_over <- function(eta, g, s) { u <- unique(eta); sum(tabulate(match(eta, u)) * sapply(u, function(e) over(g, e, s))) / length(eta) }
both <- function(at, b, theta, V, to, back, values) { p <- length(b)
  list(values = values, average = limits(function(q) at(q, exp(q[p + 1])), c(b, theta), V, to, back),
       none = limits(function(q) at(q, 0), c(b, theta), V, to, back)) }

# ---- done or not, and counts, by Laplace
d <- read.csv("generalized/homework.csv"); values <- c(-1.5, 0, 2)
one <- function(fixed, family, g, to, back) {
  m <- glmmTMB(update(fixed, . ~ . + (1 | patient)), data = d, family = family)
  b <- fixef(m)$cond; p <- length(b); V <- vcov(m, full = TRUE)
  at <- function(q, s) sapply(values, function(v)
    mean_over(as.vector(model.matrix(fixed[-2], transform(d, x = v)) %*% q[seq_len(p)]), g, s))
  both(at, b, m$fit$par[["theta"]], V, to, back, values) }
# ---- a random slope of the predictor: its variance changes with it
e <- read.csv("generalized/slopes.csv"); s <- glmmTMB(use ~ time + urban + (time | patient), data = e, family = binomial)
S <- VarCorr(s)$cond$patient; times <- c(-1, 0, 1)
slopes <- sapply(times, function(v) mean_over(as.vector(model.matrix(~ time + urban, transform(e, time = v)) %*% fixef(s)$cond),
  plogis, sqrt(drop(c(1, v) %*% S %*% c(1, v)))))
# ---- ordered categories: a column per category
o <- subset(read.csv("ordinal.csv"), set == "plain"); o$y <- factor(o$y, ordered = TRUE)
m <- clmm(y ~ x + w + (1 | g), data = o, control = clmm.control(gradTol = 1e-10, innerCtrl = "noWarn"))
k <- nlevels(o$y) - 1
shares <- function(q, s) as.vector(sapply(values, function(v) { eta <- q[k + 1] * v + q[k + 2] * o$w
  diff(c(0, sapply(q[seq_len(k)], function(t) mean_over(t - eta, plogis, s)), 1)) }))
ordinal <- both(shares, unname(m$coefficients), log(attr(VarCorr(m)$g, "stddev")[[1]]), vcov(m), qlogis, plogis, values)
out <- list(done = one(done ~ x + z, binomial, plogis, qlogis, plogis), count = one(count ~ x + z, poisson, exp, log, exp),
            slopes = list(values = times, average = list(estimate = slopes)), ordinal = ordinal,
            versions = sapply(c("glmmTMB", "ordinal"), function(p) as.character(packageVersion(p))))
write_json(out, "predicted_courses.json", digits = 10, auto_unbox = TRUE, pretty = TRUE)
