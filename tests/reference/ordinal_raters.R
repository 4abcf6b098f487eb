# Raters as crossed random effects of an ordinal rating: conditional modes of clmm, score ~ 1 + (1 | target) + (1 | rater).
# Run from this folder: Rscript ordinal_raters.R   -> ordinal_raters.json
suppressMessages({library(ordinal); library(jsonlite)})
d <- subset(read.csv("ordinal.csv"), set == "crossed"); d$o <- factor(d$y, ordered = TRUE)
m <- clmm(o ~ 1 + (1 | g) + (1 | h), data = d, control = clmm.control(gradTol = 1e-10, innerCtrl = "noWarn"))
r <- ranef(m, condVar = TRUE); v <- condVar(m)
write_json(list(loglik = as.numeric(logLik(m)), rater = rownames(r$h), modes = r$h[[1]], sd = sqrt(v$h[[1]]),
                targets = r$g[[1]], variances = list(g = VarCorr(m)$g[[1]], h = VarCorr(m)$h[[1]]),
                version = as.character(packageVersion("ordinal"))),
           "ordinal_raters.json", digits = 10, auto_unbox = TRUE)
