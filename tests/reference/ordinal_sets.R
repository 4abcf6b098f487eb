# Rscript ordinal_sets.R sets.csv -> ordinal_sets.csv.xz (called by ordinal_sets.py)
suppressMessages(library(ordinal))
sets <- split(d <- read.csv(commandArgs(TRUE)[1]), d$set); rows <- list(); t0 <- proc.time()[[3]]
for (k in names(sets)) for (nAGQ in c(1L, 15L)) {
  DATA <- sets[[k]]; DATA$o <- factor(DATA$y, ordered = TRUE); DATA$patient <- factor(DATA$patient)
  m <- tryCatch(suppressWarnings(clmm(o ~ within + between + time + (1 | patient), data = DATA, nAGQ = nAGQ, Hess = FALSE,
    control = clmm.control(gradTol = 1e-12, maxLineIter = 100, innerCtrl = "noWarn"))), error = function(e) NULL)
  levels <- as.integer(levels(DATA$o)); cuts <- rep(NA, 4)   # a threshold stands at its lower category: 0|1 is cuts[1]
  if (!is.null(m)) { cuts[levels[-length(levels)] + 1] <- m$alpha; b <- m$beta } else b <- rep(NA, 3)
  rows[[length(rows) + 1]] <- data.frame(set = as.integer(k), nAGQ = nAGQ, t0 = cuts[1], t1 = cuts[2], t2 = cuts[3], t3 = cuts[4],
    within = b[[1]], between = b[[2]], time = b[[3]], sd = if (is.null(m)) NA else m$ST[[1]][1], loglik = if (is.null(m)) NA else as.numeric(logLik(m)),
    code = if (is.null(m)) NA else m$optRes$convergence)
}
out <- do.call(rbind, rows); for (v in names(out)[-(1:2)]) out[[v]] <- signif(out[[v]], 12)
write.csv(out, con <- xzfile("ordinal_sets.csv.xz", compression = 9), row.names = FALSE)
cat(length(sets), "sets; clmm failed in", sum(is.na(out$loglik)), "fits;", round(proc.time()[[3]] - t0), "s\n")
