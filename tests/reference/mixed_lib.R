# Shared by tests/reference/mixed_*.R: fits sharpened to the optimum, and plain JSON.
# Run every script from this folder: Rscript mixed_lme4.R
suppressMessages({library(lme4); library(lmerTest); library(pbkrtest); library(numDeriv); library(jsonlite)})
options(contrasts = c("contr.treatment", "contr.poly"), warn = 1)
CONTROL <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 2e5), calc.derivs = FALSE,
                       check.nobs.vs.nlev = "ignore", check.nobs.vs.nRE = "ignore")
hush <- function(e) suppressWarnings(suppressMessages(e))
save_json <- function(x, file) {
  versions <- c(list(R = R.version.string), lapply(c(lme4 = "lme4", lmerTest = "lmerTest", pbkrtest = "pbkrtest",
    nlme = "nlme"), function(p) as.character(packageVersion(p))))
  writeLines(toJSON(c(list(`_versions` = versions), x), digits = NA, auto_unbox = TRUE, na = "null", pretty = TRUE), file)
}
by_row <- function(m, names) { m <- setNames(as.data.frame(m), names); lapply(split(m, factor(rownames(m), rownames(m))), as.list) }

# Newton steps on lme4's own profiled criterion, derivatives by Richardson extrapolation.
sharpen <- function(m) {
  theta <- getME(m, "theta")
  if (any(theta[getME(m, "lower") == 0] < 1e-4)) return(m)
  devfun <- hush(update(m, devFunOnly = TRUE)); how <- list(d = 1e-2, r = 6)
  for (i in 1:6) {
    step <- solve(hessian(devfun, theta, method.args = how), grad(devfun, theta, method.args = how))
    theta <- theta - step
    if (max(abs(step)) < 1e-10) break
  }
  value <- devfun(theta)            # last call: the function keeps its state
  frame <- lFormula(formula(m), m@frame, REML = isREML(m), control = CONTROL)
  mkMerMod(environment(devfun), list(par = theta, fval = value, conv = 0, feval = 1, message = "sharpened"),
           frame$reTrms, fr = m@frame, mc = m@call)
}
fit <- function(f, d, reml = TRUE, ...) { DATA <<- d
  hush(do.call(lme4::lmer, c(list(formula = f, data = quote(DATA), REML = reml, control = quote(CONTROL)), list(...)))) }

describe <- function(m, kr = FALSE, satterthwaite = TRUE, modes = FALSE) {
  vc <- as.data.frame(VarCorr(m))
  out <- list(singular = isSingular(m), logLik = as.numeric(logLik(m)), npar = attr(logLik(m), "df"), AIC = AIC(m),
    BIC = BIC(m), sigma = sigma(m), theta = unname(getME(m, "theta")),
    varcomp = lapply(seq_len(nrow(vc)), function(i) list(group = vc$grp[i], var1 = vc$var1[i], var2 = vc$var2[i],
      vcov = vc$vcov[i], sdcor = vc$sdcor[i])),
    fixef = as.list(fixef(m)), se = as.list(setNames(sqrt(diag(as.matrix(vcov(m)))), names(fixef(m)))))
  lt <- if (satterthwaite || kr) hush(as_lmerModLmerTest(m))
  if (satterthwaite) out$satterthwaite <- by_row(coef(hush(summary(lt))), c("estimate", "se", "df", "t", "p"))
  if (kr) out$kenward_roger <- by_row(coef(hush(summary(lt, ddf = "Kenward-Roger"))), c("estimate", "se", "df", "t", "p"))
  if (modes) { b <- as.data.frame(ranef(m, condVar = TRUE))
    out$modes <- lapply(seq_len(nrow(b)), function(i) list(group = as.character(b$grpvar[i]), term = as.character(b$term[i]),
      level = as.character(b$grp[i]), mode = b$condval[i], sd = b$condsd[i])) }
  out
}
both <- function(f, d, kr = TRUE, satterthwaite = TRUE, modes = FALSE, ...) {
  list(formula = paste(deparse(f), collapse = " "), n = nrow(d),
    REML = describe(sharpen(fit(f, d, TRUE, ...)), kr, satterthwaite, modes),
    ML = describe(sharpen(fit(f, d, FALSE, ...)), FALSE, satterthwaite))
}
