# Stored studies of power_ordinal_sets.csv, each fitted by ordinal::clmm with 15 nodes: estimates and p values.
#   cd tests/reference && Rscript power_ordinal.R        writes power_ordinal.csv
# A line of the data is a study of 12 patients with 6 sessions: the outcome of each session (0 to 3), and twice its
# score (0 to 8: the mean of one or two ratings of 0 to 4); "-" is a session that is lost. They were drawn by
# doublecode.analysis.planning.simulated_study.draw of PlannedStudy(patients=12, sessions=6, dropout=.2, raters=3,
# double=.4, icc_rating=.6, points=5, family="ordinal", base=(.2, .3, .3, .2)), within = .6, between = .5, seed 11.
suppressMessages(library(ordinal))
sets <- read.csv("power_ordinal_sets.csv", colClasses = "character")
patient <- rep(1:12, each = 6)
session <- rep(1:6, times = 12) - 3.5
decode <- function(text) suppressWarnings(as.numeric(strsplit(text, "")[[1]]))
one <- function(i) {
  d <- data.frame(patient, session, y = decode(sets$outcome[i]), score = decode(sets$score[i]) / 2 - 2)
  d <- d[!is.na(d$y), ]
  d$between <- ave(d$score, d$patient)
  d$within <- d$score - d$between
  d$y <- factor(d$y, ordered = TRUE)
  d$patient <- factor(d$patient)
  fit <- clmm(y ~ within + between + session + (1 | patient), data = d, nAGQ = 15,
              control = clmm.control(gradTol = 1e-7, maxIter = 300))
  own <- coef(summary(fit))[c("within", "between"), ]
  data.frame(set = i - 1, term = rownames(own), estimate = own[, 1], p_value = own[, 4])
}
found <- do.call(rbind, lapply(seq_len(nrow(sets)), function(i) tryCatch(one(i), error = function(e) NULL)))
number <- vapply(found, is.numeric, TRUE) & names(found) != "set"
found[number] <- lapply(found[number], function(x) signif(x, 7))
write.csv(found, "power_ordinal.csv", row.names = FALSE, quote = FALSE)
cat(R.version.string, "ordinal", as.character(packageVersion("ordinal")), nrow(found) / 2, "sets\n")
