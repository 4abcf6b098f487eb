# Rscript two_level_factor.R   (run from this folder; writes two_level_*.csv and two_level_factor.json)
# Two-level one-factor models by lavaan: configural and with cross-level invariant loadings. Synthetic data.
suppressMessages({library(lavaan); library(semTools); library(jsonlite)})
simulate <- function(seed, sizes, lw, lb, tw, tb) {
  set.seed(seed); p <- length(lw); g <- rep(seq_along(sizes), sizes)
  between <- outer(rnorm(length(sizes)), lb) + matrix(rnorm(length(sizes) * p), ncol = p) %*% diag(sqrt(tb))
  y <- between[g, ] + outer(rnorm(sum(sizes)), lw) + matrix(rnorm(sum(sizes) * p), ncol = p) %*% diag(sqrt(tw))
  y <- round(y, 3); colnames(y) <- paste0("I", 1:p); data.frame(patient = sprintf("P%03d", g), y) }
fit <- function(d, invariant) {
  p <- ncol(d) - 1; items <- names(d)[-1]
  w <- paste("fw =~", if (invariant) paste0("l", 1:p, "*", items, collapse = " + ") else paste(items, collapse = " + "))
  b <- paste("fb =~", if (invariant) paste0("l", 1:p, "*", items, collapse = " + ") else paste(items, collapse = " + "))
  mod <- paste0("level: 1\n", w, "\nfw ~~ 1*fw\nlevel: 2\n", b, if (invariant) "\nfb ~~ fb" else "\nfb ~~ 1*fb")
  mod <- gsub("=~ l1\\*", "=~ NA*I1 + l1*", mod); if (!invariant) mod <- gsub("=~ I1", "=~ NA*I1", mod)
  m <- sem(mod, d, cluster = "patient", control = list(rel.tol = 1e-10, iter.max = 20000), optim.gradient = "analytic")
  e <- parameterEstimates(m); lw <- e$est[e$op == "=~" & e$level == 1]; lb <- e$est[e$op == "=~" & e$level == 2]; lw <- lw * sign(sum(lw)); lb <- lb * sign(sum(lb))
  tw <- e$est[e$op == "~~" & e$lhs %in% items & e$level == 1]; tb <- e$est[e$op == "~~" & e$lhs %in% items & e$level == 2]
  phi <- e$est[e$op == "~~" & e$lhs == "fb"]; n <- table(d$patient); h <- 1 / mean(1 / n)
  W <- sum(lw)^2; B <- sum(lb)^2 * phi
  list(converged = lavInspect(m, "converged"), logLik = as.numeric(logLik(m)), loadings = lw, loadings_between = lb * sqrt(phi),
    residual = tw, residual_between = tb, ratio = phi, omega_within = W / (W + sum(tw)), omega_between = B / (B + sum(tb)),
    omega_between_observed = B / (B + sum(tb) + (W + sum(tw)) / h), omega_two_level = (W + B) / (W + B + sum(tw) + sum(tb))) }
lai <- function(d) { # Lai's (2021) coefficients by semTools, model-implied variances
  p <- ncol(d) - 1; l <- sub("l1\\*I1", "NA*I1 + l1*I1", paste0("l", 1:p, "*", names(d)[-1], collapse = " + "))
  m <- sem(paste0("level: 1\nf =~ ", l, "\nf ~~ 1*f\nlevel: 2\nf =~ ", l, "\nf ~~ f"), d, cluster = "patient", control = list(rel.tol = 1e-10, iter.max = 20000))
  k <- compRelSEM(m, obs.var = FALSE, config = "f")$config$f; s <- compRelSEM(m, obs.var = FALSE, shared = "f")$shared$f
  list(omega_within = k[["omega_W"]], omega_two_level = k[["omega_2L"]], omega_between_observed = s[["omega_B"]]) }
a <- simulate(501, rep(c(6, 8, 9), 40), c(.7, .6, .8, .5, .65), c(.45, .4, .5, .3, .4), c(.5, .6, .4, .7, .5), c(.12, .15, .1, .2, .1))
b <- simulate(502, c(rep(9, 14), 8, 8, 7, 10, 9, 5, 9, 9), c(.7, .6, .8, .5, .65, .6, .7), c(.4, .35, .45, .3, .35, .35, .4), rep(.5, 7), rep(.15, 7))
write.csv(a, "two_level_120.csv", row.names = FALSE, quote = FALSE); write.csv(b, "two_level_22.csv", row.names = FALSE, quote = FALSE)
out <- list(`_versions` = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")), semTools = as.character(packageVersion("semTools"))))
for (n in c("two_level_120", "two_level_22")) { d <- read.csv(paste0(n, ".csv")); out[[n]] <- list(configural = fit(d, FALSE), invariant = fit(d, TRUE), lai = lai(d)) }
write_json(out, "two_level_factor.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
