# Called by bench_generalized.py: Rscript bench_generalized.R FOLDER -> one line "name seconds loglik" per task, CPU per fit.
suppressMessages(library(lme4))
folder <- commandArgs(TRUE)[1]
cpu <- function(e) { t <- system.time(e); t[["user.self"]] + t[["sys.self"]] }
quiet <- function(e) suppressWarnings(suppressMessages(e))
tasks <- list(
  binary = list(y ~ within + between + time + (1 | patient), binomial(), "y", 1),
  binary15 = list(y ~ within + between + time + (1 | patient), binomial(), "y", 15),
  count = list(n ~ within + between + time + (1 | patient), poisson(), "n", 1),
  slopes = list(y ~ within + between + time + (time | patient), binomial(), "y", 1))
for (size in c("22x9", "2000x20")) {
  d <- read.csv(file.path(folder, paste0(size, ".csv"))); d$patient <- factor(d$patient); times <- if (size == "22x9") 5 else 1
  for (name in names(tasks)) { t <- tasks[[name]]
    s <- cpu(for (i in seq_len(times)) m <- quiet(glmer(t[[1]], d, t[[2]], nAGQ = t[[4]]))) / times
    cat(paste0(name, "_", size), format(s, digits = 6), format(as.numeric(logLik(m)), digits = 12), "\n") }
}
