# lme4's and nlme's own data sets, as files: Rscript mixed_data.R
suppressMessages({library(lme4); library(nlme)})
put <- function(d, file) write.csv(d, file, row.names = FALSE, na = "", quote = FALSE)
plain <- function(d) { d <- as.data.frame(d); for (v in names(d)) if (is.factor(d[[v]])) d[[v]] <- as.character(d[[v]]); d }
put(Dyestuff, "Dyestuff.csv"); put(Dyestuff2, "Dyestuff2.csv"); put(Pastes[, c("strength", "batch", "cask")], "Pastes.csv")
o <- plain(Ovary); o$day <- ave(o$Time, o$Mare, FUN = seq_along); put(o[, c("Mare", "Time", "day", "follicles")], "Ovary.csv")
put(plain(BodyWeight)[, c("Rat", "Diet", "Time", "weight")], "BodyWeight.csv")
# InstEval: 73,421 integers per column; sorted columns and xz keep it small, the values are untouched.
i <- InstEval[, c("s", "d", "dept", "service", "y")]; f <- xzfile("InstEval.csv.xz", compression = 9)
put(data.frame(lapply(i, function(v) as.integer(as.character(v)))), f)
