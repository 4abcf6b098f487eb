# Called by generalized_optimum.py: Rscript generalized_optimum.R FOLDER -> FOLDER/{binary,count}_glmer.csv, a row per set:
# theta, three coefficients and the log-likelihood of lme4::glmer with its defaults (Laplace).
suppressMessages(library(lme4))
folder <- commandArgs(TRUE)[1]
for (kind in c("binary", "count")) {
  d <- read.csv(file.path(folder, paste0(kind, ".csv"))); family <- if (kind == "binary") binomial() else poisson()
  one <- function(s) tryCatch({
    m <- suppressMessages(suppressWarnings(glmer(y ~ within + between + (1 | patient), s, family)))
    c(getME(m, "theta"), fixef(m), as.numeric(logLik(m))) }, error = function(e) rep(NA, 5))
  found <- t(sapply(split(d, d$set), one))
  colnames(found) <- c("theta", "Intercept", "within", "between", "loglik")
  write.csv(found, file.path(folder, paste0(kind, "_glmer.csv")), row.names = FALSE)
}
