# Rscript bench_ordinal.R data.csv: median CPU seconds of clmm for each job (called by bench_ordinal.py)
suppressMessages(library(ordinal))
d <- read.csv(commandArgs(TRUE)[1]); d$o <- factor(d$y, ordered = TRUE)
time <- function(job, f, n, nAGQ = 1L, times = 5) { rows <- d[d$job == n, ]; rows$g <- factor(rows$g); rows$h <- factor(rows$h); DATA <<- rows
  s <- replicate(times, system.time(m <<- suppressWarnings(do.call(clmm, list(f, data = quote(DATA), nAGQ = nAGQ))))[[1]])
  cat(job, median(s), format(as.numeric(logLik(m)), digits = 12), "\n") }
time("small-15", o ~ x + w + (1 | g), "small", 15L)
time("small-1", o ~ x + w + (1 | g), "small")
time("slopes", o ~ x + w + (1 + x | g), "small", times = 1)
time("crossed", o ~ x + (1 | g) + (1 | h), "crossed", times = 1)
time("large-1", o ~ x + w + (1 | g), "large", times = 1)
