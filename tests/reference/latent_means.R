# Rscript latent_means.R   (run from this folder; reads hw229_a.csv; writes latent_means.csv and latent_means.json). Synthetic data.
# Latent patient-mean centring (Luedtke et al. 2008) as a two-level model by lavaan, maximum likelihood.
suppressMessages({library(lavaan); library(jsonlite)})
d <- read.csv("hw229_a.csv"); d <- d[complete.cases(d[, c("homework", "behaviour", "alliance", "session", "patient")]), ]
set.seed(15); n <- rep(5:9, 16); P <- length(n); g <- rep(seq_len(P), n); s <- sequence(n)
u <- matrix(rnorm(2 * P), P) %*% chol(matrix(c(.5, .2, .2, .6), 2)); age <- round(40 + 10 * rnorm(P), 1)
w <- matrix(rnorm(2 * sum(n)), ncol = 2) %*% chol(matrix(c(1, .3, .3, 1.2), 2))
x <- u[g, ] + w + outer(s, c(.1, -.05)); b <- 12 + .8 * u[, 1] - .5 * u[, 2] + .03 * age + .7 * rnorm(P)
y <- b[g] - .76 * w[, 1] + .2 * w[, 2] - .3 * s + rnorm(sum(n))
e <- data.frame(patient = sprintf("P%02d", g), session = s, age = age[g], x = round(x[, 1], 3), z = round(x[, 2], 3), y = round(y, 3))
write.csv(e, "latent_means.csv", row.names = FALSE, quote = FALSE)
fit <- function(d, y, within, between, fixed.x = TRUE) {
  m <- sem(paste0("level: 1\n", within, "\nlevel: 2\n", between), d, cluster = "patient", fixed.x = fixed.x, optim.force.converged = TRUE, control = list(rel.tol = 1e-13, x.tol = 1e-13, iter.max = 20000))
  e <- parameterEstimates(m); k <- e$op == "~" & e$lhs == y
  list(converged = lavInspect(m, "converged"), logLik = as.numeric(logLik(m)), information = lavInspect(m, "options")$information[1],
    rows = data.frame(level = e$level[k], term = e$rhs[k], estimate = e$est[k], std_error = e$se[k])) }
# fixed.x = FALSE: the predictor's own moments are estimated too, as where other variables explain it
one <- fit(d, "homework", "homework ~ behaviour", "homework ~ behaviour", fixed.x = FALSE)
covariates <- fit(e, "y", "y ~ x + session\nx ~ session", "y ~ x + age\nx ~ age")
two <- fit(e, "y", "y ~ x + z + session\nx + z ~ session\nx ~~ z", "y ~ x + z\nx ~~ z")
write_json(list(`_versions` = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan"))), n = nrow(d),
  one = one, covariates = covariates, two = two), "latent_means.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
