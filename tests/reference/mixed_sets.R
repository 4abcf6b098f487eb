# Rscript mixed_sets.R sets.csv -> mixed_sets_loglik.csv.xz, mixed_sets_kr.csv (called by mixed_sets.py)
source("mixed_lib.R")
sets <- split(d <- read.csv(commandArgs(TRUE)[1]), d$set)
f <- y ~ within + time + between + (time | patient)
NLOPT <- lmerControl(optimizer = "nloptwrap", calc.derivs = FALSE)
best <- function(d, reml) {
  DATA <<- d; a <- fit(f, d, reml); b <- hush(lme4::lmer(f, DATA, REML = reml, control = NLOPT))
  default <- as.numeric(logLik(b)); m <- if (logLik(b) > logLik(a)) b else a
  s <- tryCatch(sharpen(m), error = function(e) m); if (logLik(s) > logLik(m)) m <- s
  list(model = m, default = default) }
rows <- list(); kr <- list()
for (k in names(sets)) {
  r <- best(sets[[k]], TRUE); l <- best(sets[[k]], FALSE); th <- getME(r$model, "theta"); tl <- getME(l$model, "theta")
  rows[[k]] <- data.frame(set = as.integer(k), reml = as.numeric(logLik(r$model)), reml_default = r$default, t1 = th[1], t2 = th[2], t3 = th[3],
    ml = as.numeric(logLik(l$model)), ml_default = l$default, m1 = tl[1], m2 = tl[2], m3 = tl[3])
  if (as.integer(k) < 50) { lt <- hush(as_lmerModLmerTest(r$model)); s <- coef(hush(summary(lt, ddf = "Kenward-Roger"))); w <- coef(hush(summary(lt)))
    kr[[k]] <- data.frame(set = as.integer(k), term = rownames(s), estimate = s[, 1], se = s[, 2], df = s[, 3], se_satterthwaite = w[, 2],
      df_satterthwaite = w[, 3], singular = isSingular(r$model)) }
}
out <- do.call(rbind, rows); for (v in names(out)[-1]) out[[v]] <- signif(out[[v]], 12)
write.csv(out, con <- xzfile("mixed_sets_loglik.csv.xz", compression = 9), row.names = FALSE)
k <- do.call(rbind, kr); for (v in c("estimate", "se", "df", "se_satterthwaite", "df_satterthwaite")) k[[v]] <- signif(k[[v]], 12)
write.csv(k, "mixed_sets_kr.csv", row.names = FALSE)
cat(nrow(out), "sets;", sum(k$singular) / 4, "of", nrow(k) / 4, "KR sets singular; lme4's default below its best by more than 1e-7 in",
    sum(out$reml - out$reml_default > 1e-7), "(REML) and", sum(out$ml - out$ml_default > 1e-7), "(ML); at most",
    max(out$reml - out$reml_default, out$ml - out$ml_default), "\n")
