# Power by loops of R's own: studies drawn and fitted here, nothing of doublecode in them.
#   cd tests/reference/planning && Rscript power_loops.R        writes power_loops.csv
# "ordinal": 16 patients, 6 sessions, four categories, three raters on five points, drop-out; clmm with 15 nodes, where
# its variance between patients is 0 clm. "therapists": 24 patients of 6 therapists, drop-out, lost sessions, four
# raters; lmer by REML with Satterthwaite's degrees of freedom.
suppressMessages({library(ordinal); library(lmerTest)})
set.seed(20261128)
rated <- function(truth, raters, double, icc, severity, points) {
  n <- length(truth); error <- 1 / icc - 1
  severe <- rnorm(raters, sd = sqrt(severity * error))
  rating <- function(who) {
    value <- truth + severe[who] + rnorm(n, sd = sqrt((1 - severity) * error))
    if (points) pmin(pmax(round((value + 2) / (4 / (points - 1))), 0), points - 1) * 4 / (points - 1) - 2 else value
  }
  both <- t(replicate(n, sample(raters, 2)))
  score <- rating(both[, 1]); twice <- sample(n, round(double * n))
  score[twice] <- (score[twice] + rating(both[, 2])[twice]) / 2
  score
}
frame <- function(patients, sessions, dropout, lost) {
  d <- data.frame(patient = rep(seq_len(patients), each = sessions), number = rep(seq_len(sessions), patients))
  last <- ifelse(runif(patients) < dropout, sample(sessions - 1, patients, replace = TRUE), sessions)
  d$there <- d$number <= last[d$patient] & runif(nrow(d)) >= lost
  d$session <- d$number - (sessions + 1) / 2
  d$level <- rnorm(patients)[d$patient]; d$moment <- rnorm(nrow(d))
  d$truth <- sqrt(.25) * d$level + sqrt(.75) * d$moment
  d
}
centred <- function(d) {
  d <- d[d$there, ]
  d$between <- ave(d$score, d$patient); d$within <- d$score - d$between
  d
}
ordinal_study <- function() {
  d <- frame(16, 6, .2, 0)
  d$score <- rated(d$truth, 3, .4, .6, .2, 5)
  tau <- sqrt(.4 / .6 * pi^2 / 3)
  latent <- .9 * d$moment + .8 * d$level + rnorm(16, sd = tau)[d$patient] + rlogis(nrow(d))
  d$y <- cut(latent, c(-Inf, qlogis(c(.2, .5, .8)), Inf), labels = FALSE)
  d <- centred(d); d$y <- factor(d$y, ordered = TRUE); d$patient <- factor(d$patient)
  fit <- clmm(y ~ within + between + session + (1 | patient), data = d, nAGQ = 15)
  own <- coef(summary(fit))
  if (anyNA(own[c("within", "between"), 4])) own <- coef(summary(clm(y ~ within + between + session, data = d)))
  own[c("within", "between"), c(1, 4)] * cbind(c(sqrt(.75), sqrt(.25)), 1)
}
therapist_study <- function() {
  d <- frame(24, 6, .3, .1)
  d$score <- rated(d$truth, 4, .3, .6, .2, 0)
  d$therapist <- d$patient %% 6
  tau <- sqrt(.4 / .45)
  d$y <- .35 * d$moment + .8 * tau * d$level + rnorm(24, sd = tau)[d$patient] +
    rnorm(6, sd = sqrt(.15 / .45))[d$therapist + 1] + rnorm(nrow(d))
  fit <- suppressMessages(lmer(y ~ within + between + session + (1 | patient) + (1 | therapist), data = centred(d)))
  coef(summary(fit))[c("within", "between"), c(1, 5)] * cbind(c(sqrt(.75), sqrt(.25) / tau), 1)
}
loop <- function(name, one, sets) {
  found <- lapply(seq_len(sets), function(i) tryCatch(suppressWarnings(one()), error = function(e) NULL))
  ok <- !vapply(found, is.null, TRUE)
  own <- simplify2array(found[ok])
  data.frame(loop = name, term = c("within", "between"), sets = sets, failed = sum(!ok),
             found = rowSums(own[, 2, ] < .05, na.rm = TRUE), mean_estimate = signif(rowMeans(own[, 1, ]), 5),
             sd_estimate = signif(apply(own[, 1, ], 1, sd), 5))
}
commandArgs(TRUE) -> few
out <- rbind(loop("ordinal", ordinal_study, if (length(few)) 10 else 300),
             loop("therapists", therapist_study, if (length(few)) 10 else 400))
print(out)
if (!length(few)) write.csv(out, "power_loops.csv", row.names = FALSE, quote = FALSE)
cat(R.version.string, "ordinal", as.character(packageVersion("ordinal")), "lmerTest",
    as.character(packageVersion("lmerTest")), "\n")
