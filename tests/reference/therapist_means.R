# Means of therapists, the mean of the others, their difference; the same with raters held equal.
# Reference for analysis/study/therapist_estimates.py. R 4.2, lme4, pbkrtest, emmeans (Debian).
suppressMessages({library(lme4); library(pbkrtest); library(emmeans); library(jsonlite)})
emm_options(lmer.df = "kenward-roger")
rows <- read.csv("therapist_means.csv")
rows$rater <- factor(rows$rater); rows$therapist <- factor(rows$therapist)
pooled <- aggregate(value ~ therapist + patient + session_id, rows, mean)
asked <- function(fit) {
  means <- emmeans(fit, "therapist")
  n <- nlevels(rows$therapist)
  weights <- list(mean = c(1, 0, 0, 0), team = c(0, 1, 1, 1) / 3, difference = c(1, -1/3, -1/3, -1/3))
  out <- as.data.frame(confint(contrast(means, weights)))
  setNames(lapply(seq_len(nrow(out)), function(i)
    list(estimate = out$estimate[i], conf_low = out$lower.CL[i], conf_high = out$upper.CL[i], df = out$df[i])),
    as.character(out$contrast))
}
plain <- asked(lmer(value ~ therapist + (1 | patient), pooled))
equal <- asked(lmer(value ~ therapist + rater + (1 | patient) + (1 | session_id), rows))
writeLines(toJSON(list(plain = plain, equal = equal), auto_unbox = TRUE, digits = 10, pretty = TRUE), "therapist_means.json")
