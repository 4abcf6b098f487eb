# Reference values of change of patients with base R alone.  Rscript patient_change.R > patient_change.json
# RCI, categories, limits of shares (prop.test without continuity correction is Wilson's), a paired difference of
# patients' means (t.test), d with limits of the noncentral t (pt with ncp).
people <- data.frame(
  patient = sprintf("P%02d", 1:12),
  pre  = c(18, 14, 11, 20, 9, 16, 12, 15, 10, 13, 17, NA),
  post = c( 6,  9, 12, 13, 2, 22, NA, 15,  4, 10,  8, 7),
  he   = c(2.9, 2.4, 2.0, 2.6, 3.1, 1.7, 2.2, 2.3, 2.8, 1.9, 3.3, 2.5)
)
reliability <- 0.84; sd_norm <- 6.1; cutoff <- 10
sem <- sd_norm * sqrt(1 - reliability)
s_diff <- sqrt(2 * sem^2)
known <- people[!is.na(people$pre) & !is.na(people$post), ]
rci <- (known$pre - known$post) / s_diff
crossed <- known$pre >= cutoff & known$post < cutoff
category <- ifelse(rci > qnorm(.975), ifelse(crossed, "recovered", "improved"),
                   ifelse(rci < -qnorm(.975), "deteriorated", "unchanged"))
kinds <- c("recovered", "improved", "unchanged", "deteriorated")
n <- sapply(kinds, function(kind) sum(category == kind))
limits <- lapply(n, function(x) suppressWarnings(prop.test(x, nrow(known), correct = FALSE)$conf.int[1:2]))

better <- category %in% c("recovered", "improved")
a <- known$he[better]; b <- known$he[!better]
test <- t.test(a, b, var.equal = TRUE)
root <- sqrt(length(a) * length(b) / (length(a) + length(b)))
df <- length(a) + length(b) - 2
t <- unname(test$statistic)
nc <- sapply(c(.975, .025), function(p) suppressWarnings(
  uniroot(function(nc) pt(t, df, nc) - p, c(t - 10, t + 10), tol = 1e-12)$root))

before <- c(3.0, 2.5, 3.5, 2.0); other <- c(2.4, 2.6, 2.9, 1.1)
paired <- t.test(before, other, paired = TRUE)

number <- function(x) paste0("[", paste(format(x, digits = 15), collapse = ", "), "]")
text <- function(x) paste0("[", paste0('"', x, '"', collapse = ", "), "]")
cat("{\n",
  '"r": "', R.version.string, '",\n',
  '"sem": ', format(sem, digits = 15), ', "s_diff": ', format(s_diff, digits = 15),
  ', "smallest": ', format(qnorm(.975) * s_diff, digits = 15), ",\n",
  '"patient": ', text(known$patient), ",\n", '"rci": ', number(rci), ",\n", '"category": ', text(category), ",\n",
  '"n": ', number(n), ",\n", '"low": ', number(sapply(limits, `[`, 1)), ",\n",
  '"high": ', number(sapply(limits, `[`, 2)), ",\n",
  '"mean_improved": ', format(mean(a), digits = 15), ', "mean_other": ', format(mean(b), digits = 15),
  ', "d": ', format(t / root, digits = 15), ",\n", '"d_limits": ', number(nc / root), ",\n",
  '"paired": ', number(c(paired$estimate, paired$conf.int[1:2])), "\n}\n", sep = "")
