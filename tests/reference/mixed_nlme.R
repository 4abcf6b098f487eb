# Rscript mixed_nlme.R -> mixed_nlme.json: residual AR(1), CAR(1) and group-wise variances by nlme (data: mixed_data.R)
suppressMessages(library(nlme)); suppressMessages(library(jsonlite)); suppressMessages(library(numDeriv))
options(contrasts = c("contr.treatment", "contr.poly"), warn = 1)
ovary <- read.csv("Ovary.csv"); ovary$s <- sin(2 * pi * ovary$Time); ovary$c <- cos(2 * pi * ovary$Time)
body <- read.csv("BodyWeight.csv"); body$Diet <- factor(body$Diet); ortho <- read.csv("Orthodont.csv")
hw <- read.csv("hw229_ar1.csv")
TIGHT <- lmeControl(msTol = 1e-14, tolerance = 1e-12, msMaxIter = 2000, maxIter = 2000, niterEM = 100, opt = "nlminb",
                    msMaxEval = 5000, returnObject = TRUE)
one <- function(fixed, data, random, method, correlation = NULL, weights = NULL) {
  m <- suppressWarnings(do.call(lme, list(fixed = fixed, data = data, random = random, method = method,
    correlation = if (!is.null(correlation)) eval(correlation), weights = if (!is.null(weights)) eval(weights), control = TIGHT)))
  t <- as.data.frame(summary(m)$tTable); names(t) <- c("estimate", "se", "df_nlme", "t", "p")
  # the criterion is flat to the optimiser: how far the log-likelihood can still rise is reported as its gradient
  ms <- m$modelStruct
  list(logLik = as.numeric(logLik(m)), npar = attr(logLik(m), "df"), AIC = AIC(m), BIC = BIC(m), N = m$dims$N, p = m$dims$ncol[[m$dims$Q + 1]],
    phi = if (!is.null(correlation)) unname(coef(ms$corStruct, unconstrained = FALSE)),
    ratios = if (!is.null(weights)) as.list(coef(ms$varStruct, unconstrained = FALSE, allCoef = TRUE)),
    sigma = m$sigma, random_cov = unname(as.matrix(getVarCov(m)))[, ],
    fixed = lapply(split(t, factor(rownames(t), rownames(t))), as.list)) }
pair <- function(fixed, data, random, correlation = NULL, weights = NULL) c(
  list(fixed = deparse1(fixed), random = deparse1(random), correlation = deparse1(correlation), weights = deparse1(weights)),
  sapply(c("REML", "ML"), function(me) one(fixed, data, random, me, correlation, weights), simplify = FALSE))
versions <- list(R = R.version.string, nlme = as.character(packageVersion("nlme")))
writeLines(toJSON(list(`_versions` = versions,
  Ovary_ar1 = pair(follicles ~ s + c, ovary, ~ 1 | Mare, quote(corAR1(form = ~ day | Mare))),
  Ovary_car1 = pair(follicles ~ s + c, ovary, ~ 1 | Mare, quote(corCAR1(value = .4, form = ~ Time | Mare))),
  Ovary_slope_ar1 = pair(follicles ~ s + c, ovary, list(Mare = pdDiag(~ s)), quote(corAR1(form = ~ day | Mare))),
  BodyWeight_car1 = pair(weight ~ Time * Diet, body, ~ Time | Rat, quote(corCAR1(value = .8, form = ~ Time | Rat))),
  Orthodont_varident = pair(distance ~ age_c * Sex, ortho, ~ age_c | Subject, NULL, quote(varIdent(form = ~ 1 | Sex))),
  BodyWeight_varident = pair(weight ~ Time * Diet, body, ~ Time | Rat, NULL, quote(varIdent(form = ~ 1 | Diet))),
  hw229_ar1_varident = pair(homework ~ beh_cw + beh_pm + sess_c, hw, ~ 1 | patient, quote(corAR1(form = ~ session | patient)),
                            quote(varIdent(form = ~ 1 | therapist))),
  hw229_ar1_slope = pair(homework ~ beh_cw + beh_pm + sess_c, hw, ~ sess_c | patient, quote(corAR1(form = ~ session | patient)))
), digits = NA, auto_unbox = TRUE, na = "null", pretty = TRUE, null = "null"), "mixed_nlme.json")
