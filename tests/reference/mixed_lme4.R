# Rscript mixed_lme4.R -> mixed_lme4.json, mixed_influence.json (data: mixed_data.R, ../shared simulated sets)
source("mixed_lib.R")
dyestuff <- read.csv("Dyestuff.csv"); dyestuff2 <- read.csv("Dyestuff2.csv"); pastes <- read.csv("Pastes.csv")
sleep <- read.csv("sleepstudy.csv"); hw <- read.csv("hw229_a.csv")
ortho <- read.csv("Orthodont.csv")
hw$w <- 1 + hw$session %% 3; hw$shift <- 0.1 * hw$session

out <- list(
  Dyestuff = both(Yield ~ 1 + (1 | Batch), dyestuff, modes = TRUE),
  Dyestuff2 = both(Yield ~ 1 + (1 | Batch), dyestuff2, modes = TRUE),
  Pastes = both(strength ~ 1 + (1 | batch/cask), pastes, modes = TRUE),
  Orthodont_three_way = both(distance ~ age_c * Sex + (age_c || Subject), ortho),
  hw229_weights_offset = both(homework ~ beh_cw + beh_pm + sess_c + (sess_c | patient), hw, kr = FALSE,
                              weights = quote(w), offset = quote(shift)))
# pbkrtest 0.5.2 takes no account of prior weights: Kenward-Roger of the same model with rows multiplied by sqrt(w).
s <- sqrt(hw$w); white <- data.frame(y = s * (hw$homework - hw$shift), one = s, cw = s * hw$beh_cw, pm = s * hw$beh_pm,
                                     time = s * hw$sess_c, patient = hw$patient)
m <- sharpen(fit(y ~ 0 + one + cw + pm + time + (0 + one + time | patient), white))
kr <- by_row(coef(hush(summary(hush(as_lmerModLmerTest(m)), ddf = "Kenward-Roger"))), c("estimate", "se", "df", "t", "p"))
out$hw229_weights_offset$REML$kenward_roger <- setNames(kr, c("(Intercept)", "beh_cw", "beh_pm", "sess_c"))

save_json(out, "mixed_lme4.json")

# Leave one group out, by refitting: Cook's distance and MDFFITS as in HLMdiag and influence.ME.
leave_out <- function(f, d, group, reml) {
  full <- sharpen(fit(f, d, reml)); b <- fixef(full); V <- as.matrix(vcov(full)); p <- length(b)
  one <- function(g) {
    m <- sharpen(fit(f, d[d[[group]] != g, ], reml)); Vi <- as.matrix(vcov(m)); delta <- b - fixef(m)
    vc <- as.data.frame(VarCorr(m))
    list(group = g, fixef = as.list(fixef(m)), se = as.list(setNames(sqrt(diag(Vi)), names(b))), vcov = vc$vcov, sigma = sigma(m),
         logLik = as.numeric(logLik(m)), singular = isSingular(m),
         cooks_distance = sum(delta * solve(V, delta)) / p, mdffits = sum(delta * solve(Vi, delta)) / p,
         covtrace = abs(sum(diag(solve(V, Vi))) - p), covratio = det(Vi) / det(V)) }
  list(formula = paste(deparse(f), collapse = " "), group = group, left_out = lapply(sort(unique(as.character(d[[group]]))), one)) }
save_json(list(
  sleepstudy_RIS_REML = leave_out(Reaction ~ Days + (Days | Subject), sleep, "Subject", TRUE),
  sleepstudy_RIS_ML = leave_out(Reaction ~ Days + (Days | Subject), sleep, "Subject", FALSE),
  hw229_a_REML = leave_out(homework ~ beh_cw + beh_pm + sess_c + (1 | patient), hw, "patient", TRUE),
  hw229_a_3level_REML = leave_out(homework ~ beh_cw + sess_c + (1 | therapist) + (1 | patient), hw, "therapist", TRUE)),
  "mixed_influence.json")
