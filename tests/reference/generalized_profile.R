# Rscript generalized_profile.R -> generalized_profile.json: profile limits (95 %) of generalised mixed models two ways.
# `root`: the deviance function of lme4::glmer, glmmTMB or ordinal::clmm with one parameter held and all others at their
# best (BFGS from a warm start), solved for 3.8415 by uniroot. `lme4`: lme4's own confint(method = "profile"), splines
# through some points of the profile. Data: generalized/*.csv, ordinal.csv (set wine); `flat` is made here.
suppressMessages({library(lme4); library(glmmTMB); library(ordinal); library(numDeriv); library(jsonlite)})
CUT <- qchisq(.95, 1)

# value(p) is twice the negative log-likelihood; place(v, y) puts the held parameter v and the others y together
limits <- function(value, place, v0, y0, low = -Inf, step = .5) {
  raw <- value; best <- raw(place(v0, y0)); value <- function(p) tryCatch({ v <- raw(p); if (is.finite(v)) v else best + 1e4 }, error = function(e) best + 1e4)
  least <- function(v, y) optim(y, function(y) value(place(v, y)), function(y) grad(function(y) value(place(v, y)), y),
                                method = "BFGS", control = list(reltol = 1e-13, maxit = 300))
  side <- function(sign) {
    y <- y0
    rise <- function(v) { o <- least(v, y); y <<- o$par; o$value - best - CUT }
    if (sign < 0 && is.finite(low) && rise(low + 1e-9) < 0) return(low)
    y <- y0; end <- v0 + sign * step
    while (rise(end) < 0) end <- end + sign * step
    inner <- v0; if (sign < 0) end <- max(end, low + 1e-9)
    y <- y0; uniroot(rise, sort(c(inner, end)), tol = 1e-9, f.lower = if (sign > 0) -CUT else rise(end), f.upper = if (sign > 0) rise(end) else -CUT)$root
  }
  c(side(-1), side(1))
}
sharp <- function(value, p) { for (i in 1:8) { g <- grad(value, p); if (max(abs(g)) < 1e-6) break; p <- p - solve(hessian(value, p), g) }; p }
at <- function(j) function(v, y) append(y, v, j - 1)

control <- glmerControl(tolPwrss = 1e-13, optimizer = "bobyqa", check.conv.grad = "ignore", calc.derivs = FALSE)
by_glmer <- function(formula, d, family, nAGQ = 1, own = TRUE, zero = FALSE, slopes = FALSE) {
  m <- glmer(formula, d, family, nAGQ = nAGQ, control = control)
  f <- glmer(formula, d, family, nAGQ = nAGQ, control = control, devFunOnly = TRUE)
  nt <- length(getME(m, "theta")); p <- c(getME(m, "theta"), fixef(m))
  if (!zero) p <- sharp(f, p)
  root <- lapply(seq_along(fixef(m)) + nt, function(j) limits(f, at(j), p[j], p[-j]))
  names(root) <- names(fixef(m))
  if (slopes) {   # theta = (L11, L21, L22): the second SD is the length of (L21, L22), held by an angle
    root$sd1 <- limits(f, at(1), p[1], p[-1], 0, .2)
    root$sd2 <- limits(f, function(v, y) c(y[1], v * sin(y[2]), v * cos(y[2]), y[-(1:2)]), sqrt(sum(p[2:3]^2)), c(p[1], atan2(p[2], p[3]), p[-(1:3)]), 0, .2)
  } else root$sd1 <- limits(f, at(1), p[1], p[-1], 0, .2)
  out <- list(formula = deparse1(formula), nAGQ = nAGQ, root = root)
  if (own) { ci <- suppressMessages(confint(m, method = "profile")); out$lme4 <- lapply(split(ci, rownames(ci)), as.vector) }
  out
}
by_tmb <- function(formula, d) {
  m <- glmmTMB(formula, d, nbinom2()); f <- function(p) 2 * m$obj$fn(p); p <- m$fit$par
  for (i in 1:8) { g <- as.vector(m$obj$gr(p)); if (max(abs(g)) < 1e-8) break; p <- p - solve(jacobian(function(q) as.vector(m$obj$gr(q)), p), g) }
  j <- which(names(p) == "theta"); k <- which(names(p) == "betad")
  list(formula = deparse1(formula), nAGQ = 1, root = list(sd1 = exp(limits(f, at(j), p[j], p[-j])), dispersion = exp(limits(f, at(k), p[k], p[-k]))))
}
by_clmm <- function(formula, d, nAGQ) {
  DATA <<- d; control <- clmm.control(gradTol = 1e-12, maxIter = 200, maxLineIter = 200, innerCtrl = "noWarn", rel.tol = 1e-14)
  m <- do.call(clmm, list(formula, data = quote(DATA), nAGQ = nAGQ, control = control))
  rho <- do.call(clmm, list(formula, data = quote(DATA), nAGQ = nAGQ, control = control, doFit = FALSE))
  f <- function(p) 2 * (if (nAGQ > 1) ordinal:::getNAGQ.ssr(rho, p) else ordinal:::getNLA.ssr(rho, p))
  p <- sharp(f, m$optRes$par); n <- length(p)
  root <- lapply(seq_len(n), function(j) limits(f, at(j), p[j], p[-j]))
  root[[n]] <- exp(root[[n]]); names(root) <- c(names(m$coefficients), "sd1")
  list(formula = deparse1(formula), nAGQ = nAGQ, root = root)
}
read <- function(name) read.csv(file.path("generalized", paste0(name, ".csv")))
hw <- read("homework"); hw$flat <- rep(c(0, 1, 1, 0, 1, 0, 1, 1, 0), 22)
wine <- subset(read.csv("ordinal.csv"), set == "wine"); wine$o <- factor(wine$y, ordered = TRUE)
out <- list(
  cbpp = by_glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), read("cbpp"), binomial()),
  homework = by_glmer(done ~ x + z + time + (1 | patient), hw, binomial(), 15),
  flat = by_glmer(flat ~ x + (1 | patient), hw, binomial(), 1, FALSE, TRUE),
  slopes = by_glmer(calls ~ urban + age + time + (time | patient), read("slopes"), poisson(), 1, FALSE, FALSE, TRUE),
  nb = by_tmb(nb ~ x + z + time + (1 | patient), hw),
  wine = by_clmm(o ~ x + w + (1 | g), wine, 1L), wine_agq = by_clmm(o ~ x + w + (1 | g), wine, 15L))
out$`_versions` <- lapply(c(lme4 = "lme4", glmmTMB = "glmmTMB", ordinal = "ordinal"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE, na = "null"), "generalized_profile.json")
