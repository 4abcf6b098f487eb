# Rscript alpha_pairwise.R -> alpha_pairwise.json: psych::alpha with missing items (its default, pairwise covariances).
# Data: rel_sim8_missing.csv (synthetic).
suppressMessages({library(psych); library(jsonlite)})
d <- read.csv("rel_sim8_missing.csv")
a <- suppressWarnings(suppressMessages(psych::alpha(d, check.keys = FALSE)))
out <- list(`_versions` = list(R = R.version.string, psych = as.character(packageVersion("psych"))),
            raw_alpha = a$total$raw_alpha, std_alpha = a$total$std.alpha, alpha_if_dropped = a$alpha.drop$raw_alpha)
writeLines(toJSON(out, digits = 15, auto_unbox = TRUE, pretty = TRUE), "alpha_pairwise.json")
