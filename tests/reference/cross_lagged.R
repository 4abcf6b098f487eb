# RI-CLPM and ML-SEM with predetermined x by FIML, and mediation of two levels: lavaan.
# Run in tests/reference: Rscript cross_lagged.R
suppressMessages({library(lavaan); library(jsonlite)})
options(digits = 15)
tight <- list(iter.max = 20000, eval.max = 40000)

wide <- function(file) {
  long <- read.csv(file)
  reshape(long, idvar = "patient", timevar = "session", direction = "wide", sep = "")
}
keep <- function(fit, labels) {
  table <- parameterEstimates(fit)
  table <- table[table$label %in% labels & !duplicated(table$label), ]
  list(estimate = setNames(as.list(table$est), table$label), se = setNames(as.list(table$se), table$label),
       loglik = as.numeric(logLik(fit)), n = nobs(fit), converged = lavInspect(fit, "converged"))
}
lines <- function(...) paste(..., collapse = "\n")

ri_clpm <- function(T, trend = FALSE, error = c(0, 0), y_first = FALSE) {
  t <- 1:T; s <- 2:T
  text <- c(
    paste("kx =~", paste0("1*he", t, collapse = " + ")), paste("ky =~", paste0("1*phq9", t, collapse = " + ")),
    lines(paste0("p", t, " =~ 1*he", t)), lines(paste0("q", t, " =~ 1*phq9", t)),
    lines(paste0("he", t, " ~~ ", error[1], "*he", t)), lines(paste0("phq9", t, " ~~ ", error[2], "*phq9", t)),
    "kx ~~ bxx*kx", "kx ~~ bxy*ky", "ky ~~ byy*ky", "p1 ~~ fxx*p1", "p1 ~~ fxy*q1", "q1 ~~ fyy*q1",
    lines(paste0("p", s, " ~~ wxx*p", s)), lines(paste0("q", s, " ~~ wyy*q", s)),
    if (!y_first) lines(paste0("p", s, " ~~ wxy*q", s)),
    lines(paste0("p", s, " ~ xx*p", s - 1, " + yx*q", if (y_first) s else s - 1)),
    lines(paste0("q", s, " ~ yy*q", s - 1, " + xy*p", s - 1)))
  if (trend) text <- c(text, paste0("he", t, " ~ ix", t, "*1"), paste0("phq9", t, " ~ iy", t, "*1"),
    lines(paste0("ix", 3:T, " == ix1 + ", 3:T - 1, "*(ix2 - ix1)")),
    lines(paste0("iy", 3:T, " == iy1 + ", 3:T - 1, "*(iy2 - iy1)")))
  else text <- c(text, lines(paste0("he", t, " ~ 1")), lines(paste0("phq9", t, " ~ 1")))
  lines(text)
}
ml_sem <- function(T, x, y) {
  s <- 2:T; u <- 1:(T - 1)
  xs <- paste0(x, u); outside <- c(paste0(y, 1), xs)
  pairs <- outer(seq_along(outside), seq_along(outside), ">=")
  covs <- which(pairs, arr.ind = TRUE)
  text <- c(paste("alpha =~", paste0("1*", y, s, collapse = " + ")), "alpha ~~ alpha",
    lines(paste0(y, s, " ~ yy*", y, s - 1, " + xy*", x, s - 1)), lines(paste0(y, s, " ~~ e*", y, s)),
    lines(paste0(outside[covs[, 1]], " ~~ ", outside[covs[, 2]])), lines(paste0("alpha ~~ ", outside)),
    lines(paste0(c(xs, paste0(y, 1:T)), " ~ 1")))
  for (i in s) for (j in u[u > i]) text <- c(text, paste0(y, i, " ~~ ", x, j))
  lines(text)
}
paths <- c("xx", "yx", "yy", "xy", "bxx", "bxy", "byy", "fxx", "fxy", "fyy", "wxx", "wxy", "wyy")
run <- function(text, data) lavaan(text, data = data, missing = "fiml", information = "observed", control = tight)

print(warnings())
means <- wide("panel_means.csv"); trend <- wide("panel_trend.csv")
out <- list(
  `_versions` = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan"))),
  means = list(
    ri_clpm = keep(run(ri_clpm(6), means), paths),
    ri_clpm_y_first = keep(run(ri_clpm(6, y_first = TRUE), means), paths),
    ml_sem_y = keep(run(ml_sem(6, "he", "phq9"), means), c("yy", "xy", "e")),
    ml_sem_x = keep(run(ml_sem(6, "phq9", "he"), means), c("yy", "xy", "e"))),
  trend = list(
    ri_clpm = keep(run(ri_clpm(5, trend = TRUE, error = c(0.25, 0)), trend), paths),
    ri_clpm_means = keep(run(ri_clpm(5), trend), paths),
    ml_sem_y = keep(run(ml_sem(5, "he", "phq9"), trend), c("yy", "xy", "e"))))

two <- read.csv("mediation_two_level.csv")
one_one_one <- "
level: 1
 m ~ aw*x
 y ~ bw*m + cw*x
 x ~~ x
level: 2
 m ~ ab*x
 y ~ bb*m + cb*x
 x ~~ x
"
two_one_one <- "
level: 1
 y ~ bw*m
 m ~~ m
level: 2
 m ~ ab*group
 y ~ bb*m + cb*group
"
labels <- c("aw", "bw", "cw", "ab", "bb", "cb")
two_level <- function(text) sem(text, data = two, cluster = "patient", fixed.x = FALSE, information = "observed", h1 = FALSE, baseline = FALSE,
  control = list(iter.max = 20000, eval.max = 40000, rel.tol = 1e-11))
fit1 <- two_level(one_one_one); fit2 <- two_level(two_one_one)
vc <- function(fit, names) unname(vcov(fit)[names, names])
out$one_one_one <- c(keep(fit1, labels), list(vcov = vc(fit1, c("aw", "bw", "cw", "ab", "bb", "cb"))))
out$two_one_one <- c(keep(fit2, labels), list(vcov = vc(fit2, c("ab", "bb", "cb"))))
write_json(out, "cross_lagged.json", auto_unbox = TRUE, digits = NA, pretty = TRUE)
print(warnings())
