# Rscript weighted_rows.R -> weighted_rows.json: Kenward-Roger of a weighted mixed model. pbkrtest 0.5.2 leaves the weights
# out of the covariance of y; the same model on rows multiplied by the square root of their weights has none to leave out.
# Data: weighted_rows.csv, synthetic.
source("mixed_lib.R")
d <- read.csv("weighted_rows.csv"); r <- sqrt(d$w)
X <- model.matrix(~ session + x, d) * r; colnames(X) <- c("one", "session", "x")
scaled <- data.frame(X, y = d$y * r, r = r, patient = d$patient, rater = d$rater)
tests <- function(m) { m <- as_lmerModLmerTest(m); by_row(coef(hush(summary(m, ddf = "Kenward-Roger"))), c("estimate", "se", "df", "t", "p")) }
save_json(list(scaled = tests(sharpen(fit(y ~ 0 + one + session + x + (0 + r | patient) + (0 + r | rater), scaled))),
               pbkrtest = tests(sharpen(fit(y ~ session + x + (1 | patient) + (1 | rater), d, weights = d$w)))), "weighted_rows.json")
