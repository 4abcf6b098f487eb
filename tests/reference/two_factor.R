# Rscript two_factor.R   (run from this folder; reads rel_sim9x3.csv; writes rel_sim8_missing.csv and two_factor.json)
# Confirmatory factor models by lavaan, complete and with missing items (FIML). Synthetic data.
suppressMessages({library(lavaan); library(jsonlite)})
d <- read.csv("rel_sim9x3.csv"); e <- read.csv("rel_sim8.csv"); set.seed(8); for (j in 1:8) e[sample(180, 10), j] <- NA
write.csv(e, "rel_sim8_missing.csv", row.names = FALSE, quote = FALSE, na = "")
one <- function(mod, d, ...) { f <- cfa(mod, d, std.lv = TRUE, ...); p <- parameterEstimates(f); m <- fitMeasures(f); k <- p$lhs != p$rhs & p$op == "~~"
  list(converged = lavInspect(f, "converged"), loadings = p$est[p$op == "=~"], phi = p$est[k], logLik = unname(m["logl"]), chisq = unname(m["chisq"]), df = unname(m["df"]),
    p = unname(m["pvalue"]), cfi = unname(m["cfi"]), tli = unname(m["tli"]), rmsea = unname(m["rmsea"]), rmsea_low = unname(m["rmsea.ci.lower"]), rmsea_high = unname(m["rmsea.ci.upper"]),
    srmr = unname(fitMeasures(f, "srmr_bentler_nomean")), aic = unname(m["aic"]), bic = unname(m["bic"])) }
two <- "a =~ I1+I2+I3\nb =~ I4+I5+I6+I7+I8+I9"; uni <- "f =~ I1+I2+I3+I4+I5+I6+I7+I8+I9"
miss1 <- "f =~ I1+I2+I3+I4+I5+I6+I7+I8"; miss2 <- "a =~ I1+I2+I3+I4\nb =~ I5+I6+I7+I8"
write_json(list(`_versions` = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan"))),
  complete = list(one = one(uni, d, meanstructure = TRUE), two = one(two, d, meanstructure = TRUE)),
  missing = list(one = one(miss1, e, missing = "fiml"), two = one(miss2, e, missing = "fiml"))), "two_factor.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
