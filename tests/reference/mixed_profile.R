# Rscript mixed_profile.R -> mixed_profile.json: profile limits on the ML and on the REML criterion.
# lme4's profile() refits by ML; the REML limits come from the same definition on the REML criterion:
# the values of one SD, correlation or residual SD at which the criterion, minimised over all other
# parameters, lies qchisq(level, 1) above its minimum. Nothing of lme4's profile code is used, only its devfun.
source("mixed_lib.R"); suppressMessages(library(minqa))
criterion <- function(f, d, reml) {
  DATA <<- d; devfun <- hush(do.call(lme4::lmer, list(f, quote(DATA), REML = reml, devFunOnly = TRUE, control = quote(CONTROL))))
  frame <- lFormula(f, DATA, REML = reml, control = CONTROL); sizes <- lengths(frame$reTrms$cnms); env <- environment(devfun)
  n <- nrow(frame$fr); p <- ncol(frame$X)
  function(par) {                   # par: per term SDs then correlations (lower triangle), last the residual SD
    sigma <- par[length(par)]; theta <- c(); k <- 0
    for (s in sizes) {
      sd <- par[k + seq_len(s)]; k <- k + s; R <- diag(s); m <- s * (s - 1) / 2
      if (m > 0) { R[lower.tri(R)] <- par[k + seq_len(m)]; R[upper.tri(R)] <- t(R)[upper.tri(R)]; k <- k + m }
      L <- if (s == 1) matrix(1) else { r <- R[2, 1]; rbind(c(1, 0), c(r, sqrt(max(0, 1 - r^2)))) }
      L <- diag(sd, s) %*% L / sigma; theta <- c(theta, L[lower.tri(L, diag = TRUE)]) }
    devfun(theta); pw <- env$resp$wrss() + env$pp$sqrL(1); df <- if (reml) n - p else n
    env$pp$ldL2() + (if (reml) env$pp$ldRX2() else 0) + df * log(2 * pi * sigma^2) + pw / sigma^2 }
}
start_of <- function(f, d, reml) { m <- sharpen(fit(f, d, reml)); v <- as.data.frame(VarCorr(m)); v$sdcor }
bounds <- function(f, d) { v <- as.data.frame(VarCorr(fit(f, d))); list(low = ifelse(is.na(v$var2), 0, -1), high = ifelse(is.na(v$var2), Inf, 1),
  names = ifelse(v$grp == "Residual", "sigma", ifelse(is.na(v$var2), paste0("sd:", v$grp, ":", v$var1), paste0("cor:", v$grp, ":", v$var1, ".", v$var2)))) }
profile_limits <- function(f, d, reml, level = .95) {
  fn <- criterion(f, d, reml); best <- start_of(f, d, reml); b <- bounds(f, d); low <- b$low; low[length(low)] <- best[length(best)] / 100
  floor_value <- fn(best); q <- qchisq(level, 1)
  at <- function(i, value, start) { g <- function(o) { x <- numeric(length(best)); x[i] <- value; x[-i] <- o; fn(x) }
    if (length(best) == 1) return(list(value = fn(value), par = numeric()))
    r <- NULL
    for (s in list(start, best[-i])) { s <- pmin(pmax(s, low[-i] + 1e-8), b$high[-i] - 1e-8)
      a <- minqa::bobyqa(s, g, low[-i], b$high[-i], control = list(rhobeg = max(.01, .2 * min(abs(s[s != 0]))) * .5, rhoend = 1e-9, maxfun = 2e4))
      a2 <- nlminb(a$par, g, lower = low[-i], upper = b$high[-i], control = list(rel.tol = 1e-14, x.tol = 1e-12, iter.max = 500, eval.max = 2000))
      v <- min(a$fval, a2$objective); par <- if (a2$objective < a$fval) a2$par else a$par
      if (is.null(r) || v < r$value) r <- list(value = v, par = par) }
    r }
  limit <- function(i, side) { last <- best[-i]; edge <- if (side < 0) low[i] else b$high[i]
    h <- function(x) { r <- at(i, x, last); r$value - floor_value - q }
    step <- if (is.finite(b$high[i])) .15 else .15 * best[i] + 1e-3; x <- best[i]; prev <- x
    repeat { prev <- x; x <- if (side < 0) max(edge, x - step) else min(edge, x + step); if (is.finite(b$high[i])) x <- min(max(x, -1 + 1e-9), 1 - 1e-9)
      if (h(x) > 0) break; if (x <= edge + 1e-8 && side < 0 || x >= b$high[i] - 1e-8) return(edge); step <- step * 1.5 }
    uniroot(h, sort(c(prev, x)), tol = 1e-9)$root }
  out <- lapply(seq_along(best), function(i) list(estimate = best[i], low = limit(i, -1), high = limit(i, 1)))
  setNames(out, b$names)
}
fixed_limits <- function(f, d, level = .95) {   # ML: column j becomes an offset
  m <- sharpen(fit(f, d, FALSE)); X <- getME(m, "X"); full <- -2 * as.numeric(logLik(m)); q <- qchisq(level, 1); y <- getME(m, "y")
  bars <- paste(sapply(findbars(f), function(b) paste0("(", deparse(b), ")")), collapse = " + ")
  one <- function(j) { d2 <- d; d2$y_ <- y; keep <- colnames(X)[-j]; for (k in seq_along(keep)) d2[[paste0("x_", k)]] <- X[, keep[k]]
    g <- as.formula(paste("z_ ~ 0", if (length(keep)) paste("+", paste0("x_", seq_along(keep), collapse = " + ")), "+", bars))
    dev <- function(b) { d2$z_ <- y - X[, j] * b; -2 * as.numeric(logLik(sharpen(fit(g, d2, FALSE)))) - full - q }
    se <- sqrt(as.matrix(vcov(m))[j, j]); e <- fixef(m)[[j]]
    list(estimate = e, low = uniroot(dev, c(e - 4 * se, e - se), tol = 1e-7 * se)$root, high = uniroot(dev, c(e + se, e + 4 * se), tol = 1e-7 * se)$root) }
  setNames(lapply(seq_len(ncol(X)), one), colnames(X)) }
all_limits <- function(f, d, fixed = TRUE) { cat(deparse1(f), "\n"); list(formula = deparse1(f), REML = profile_limits(f, d, TRUE), ML = profile_limits(f, d, FALSE),
  fixed_ML = if (fixed) fixed_limits(f, d)) }
sleep <- read.csv("sleepstudy.csv"); hw <- read.csv("hw229_a.csv"); pen <- read.csv("Penicillin.csv")
save_json(list(
  Dyestuff2 = all_limits(Yield ~ 1 + (1 | Batch), read.csv("Dyestuff2.csv"), FALSE),
  hw229_singular_RIS = all_limits(homework ~ beh_cw + sess_c + (sess_c | patient), read.csv("hw229_singular.csv"), FALSE),
  Dyestuff = all_limits(Yield ~ 1 + (1 | Batch), read.csv("Dyestuff.csv")),
  Pastes = all_limits(strength ~ 1 + (1 | batch) + (1 | batch:cask), read.csv("Pastes.csv")),
  Penicillin = all_limits(diameter ~ 1 + (1 | plate) + (1 | sample), pen),
  sleepstudy_RI = all_limits(Reaction ~ Days + (1 | Subject), sleep, FALSE),
  sleepstudy_RIS = all_limits(Reaction ~ Days + (Days | Subject), sleep),
  hw229_a_RI = all_limits(homework ~ beh_cw + beh_pm + sess_c + (1 | patient), hw, FALSE)), "mixed_profile.json")
