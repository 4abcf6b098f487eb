# Rscript mixed_nested.R -> mixed_nested.csv, mixed_nested.json: ratings in sessions in patients in therapists, unbalanced.
# Simulated; the levels are numbered anew in no order, so that a patient's sessions do not lie side by side.
source("mixed_lib.R")
set.seed(20)
rows <- list()
for (t in 1:14) for (p in seq_len(sample(2:8, 1))) for (s in seq_len(sample(2:7, 1)))
  rows[[length(rows) + 1]] <- data.frame(therapist = t, patient = 10 * t + p, session = s, time = s - 4, repl = seq_len(sample(1:3, 1)))
d <- do.call(rbind, rows)
n <- nrow(d); unit <- as.integer(factor(paste(d$patient, d$session))); who <- as.integer(factor(d$patient))
d$rater <- sample(1:4, n, TRUE); d$x <- round(rnorm(n), 3)
b <- matrix(rnorm(2 * max(who)), ncol = 2) %*% matrix(c(.8, 0, .1, .2), 2)
d$y <- round(3 + .3 * d$x - .2 * d$time + .5 * rnorm(14)[d$therapist] + b[who, 1] + b[who, 2] * d$time +
             .6 * rnorm(max(unit))[unit] + .3 * rnorm(4)[d$rater] + .7 * rnorm(n), 3)
new <- function(v) { u <- sort(unique(v)); sample(100 + seq_along(u))[match(v, u)] }
d$therapist <- new(d$therapist); d$patient <- new(d$patient); d$unit <- new(unit)
d <- d[sample(n), c("y", "x", "time", "therapist", "patient", "session", "unit", "rater")]
write.csv(d, "mixed_nested.csv", row.names = FALSE, quote = FALSE)
for (v in c("therapist", "patient", "unit", "rater")) d[[v]] <- factor(d[[v]])
save_json(list(
  two_levels = both(y ~ x + time + (1 | patient) + (1 | unit), d),
  three_levels = both(y ~ x + time + (1 | therapist) + (1 | patient) + (1 | unit), d),
  slopes = both(y ~ x + time + (1 | therapist) + (time | patient) + (1 | unit), d),
  with_raters = both(y ~ x + time + (1 | therapist) + (time | patient) + (1 | unit) + (1 | rater), d, modes = TRUE)),
  "mixed_nested.json")
cat(nrow(d), nlevels(d$therapist), nlevels(d$patient), nlevels(d$unit), "\n")
