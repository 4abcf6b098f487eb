# Rscript series_forms.R   (run from this folder; reads hw229_a.csv; writes series_forms.json)
# Contextual effect, difference of two slopes, double-centred products, AR(1) and variances by group: lmerTest, nlme.
suppressMessages({library(lmerTest); library(nlme); library(pbkrtest); library(jsonlite)})
d <- read.csv("hw229_a.csv"); d <- d[complete.cases(d[, c("homework", "behaviour", "alliance", "session", "patient")]), ]
mean_of <- function(x) ave(x, d$patient); gm <- function(x) mean(tapply(x, d$patient, mean))
for (v in c("behaviour", "alliance")) { m <- mean_of(d[[v]]); d[[paste0(v, "_w")]] <- d[[v]] - m; d[[paste0(v, "_b")]] <- m - gm(d[[v]]) }
p <- d$behaviour_w * d$alliance_w; d$prod <- p - mean_of(p); d$time <- d$session - 1
ctl <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhobeg = 2e-4, rhoend = 2e-9, maxfun = 1e5))
row <- function(m, term) { s <- coef(summary(m, ddf = "Kenward-Roger"))[term, ]; names(s) <- c("estimate", "std_error", "df", "statistic", "p_value"); as.list(s) }
test <- function(m, L) { s <- contest(m, L, joint = FALSE, ddf = "Kenward-Roger"); as.list(unlist(s[c("Estimate", "Std. Error", "df", "t value", "Pr(>|t|)", "lower", "upper")])) }
# the patient mean beside the raw predictor: its coefficient is the contextual effect
m1 <- lmer(homework ~ time + behaviour + behaviour_b + (1 | patient), d, control = ctl)
m2 <- lmer(homework ~ time + behaviour_w + behaviour_b + (1 | patient), d, control = ctl)
m3 <- lmer(homework ~ time + behaviour_w + behaviour_b + alliance_w + alliance_b + (1 | patient), d, control = ctl)
m4 <- lmer(homework ~ (behaviour_w + behaviour_b) + (alliance_w + alliance_b) + prod + behaviour_w:alliance_b + behaviour_b:alliance_w + behaviour_b:alliance_b + (1 | patient), d, control = ctl)
n0 <- lme(homework ~ time + behaviour_w + behaviour_b, random = ~ 1 | patient, d)
n1 <- update(n0, correlation = corAR1(form = ~ session | patient), control = lmeControl(msTol = 1e-12, tolerance = 1e-12, returnObject = TRUE))
d$late <- ifelse(d$session > 4, "late", "early")
n2 <- lme(homework ~ time + behaviour_w + behaviour_b, random = ~ 1 | patient, d, weights = varIdent(form = ~ 1 | late), control = lmeControl(msTol = 1e-12, tolerance = 1e-12, returnObject = TRUE))
fe <- function(m) as.list(fixef(m)); phi <- unname(coef(n1$modelStruct$corStruct, unconstrained = FALSE))
write_json(list(`_versions` = list(R = R.version.string, lme4 = as.character(packageVersion("lme4")), lmerTest = as.character(packageVersion("lmerTest")), nlme = as.character(packageVersion("nlme"))),
  n = nrow(d), contextual = row(m1, "behaviour_b"), contextual_split = test(m2, c(0, 0, -1, 1)),
  within = test(m3, c(0, 0, 1, 0, -1, 0)), between = test(m3, c(0, 0, 0, 1, 0, -1)),
  product = row(m4, "prod"), product_logLik = as.numeric(logLik(m4)),
  ar1 = list(fixed = fe(n1), logLik = as.numeric(logLik(n1)), plain = as.numeric(logLik(n0)), phi = phi, chisq = anova(n0, n1)$L.Ratio[2], p = anova(n0, n1)$`p-value`[2]),
  late = list(fixed = fe(n2), logLik = as.numeric(logLik(n2)), ratio = unname(coef(n2$modelStruct$varStruct, unconstrained = FALSE)), chisq = anova(n0, n2)$L.Ratio[2], p = anova(n0, n2)$`p-value`[2])),
  "series_forms.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
