# Rscript mixed_type3.R -> mixed_type3.json: type III F tests of several degrees of freedom (lmerTest, pbkrtest).
# Data: hw229_a.csv (synthetic), with two factors made from its columns.
suppressMessages({library(lme4); library(lmerTest); library(pbkrtest); library(jsonlite)})
h <- read.csv("hw229_a.csv")
h$phase <- factor(c("early", "middle", "late")[1 + (h$session > 3) + (h$session > 6)])
h$high <- factor(ifelse(h$alliance > 5, "yes", "no"))
ctl <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 2e5))
models <- list(
  main = homework ~ phase + high + beh_cw + (1 | patient),
  factors = homework ~ phase * high + (1 | patient),
  slopes = homework ~ phase * beh_cw + alliance + (sess_c | patient),
  crossed = homework ~ phase * high + alliance + (1 | patient) + (1 | therapist),
  single = homework ~ phase + (1 | patient),
  single_slope = homework ~ phase + (phase | patient),
  single_poly = homework ~ poly(alliance, 3) + (1 | patient))
out <- lapply(models, function(f) {
  m <- lmerTest::lmer(f, h, control = ctl)
  one <- function(ddf) { a <- as.data.frame(anova(m, ddf = ddf)); names(a) <- c("SS", "MS", "df_num", "df_den", "F", "p"); lapply(split(a, factor(rownames(a), rownames(a))), as.list) }
  list(formula = deparse1(f), logLik = as.numeric(logLik(m)), satterthwaite = one("Satterthwaite"), kenward_roger = one("Kenward-Roger"))
})
writeLines(toJSON(c(list(`_versions` = list(R = R.version.string, lme4 = as.character(packageVersion("lme4")), lmerTest = as.character(packageVersion("lmerTest")), pbkrtest = as.character(packageVersion("pbkrtest")))), out), digits = NA, auto_unbox = TRUE, pretty = TRUE), "mixed_type3.json")
