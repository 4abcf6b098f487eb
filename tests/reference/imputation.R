# Rscript imputation.R   (run from this folder; reads imputation.csv; writes imputation.json). Synthetic data.
# The joint multilevel model of R's pan through mitml, pooled by mitml::testEstimates with Barnard and Rubin's df.
suppressMessages({library(mitml); library(lmerTest); library(jsonlite)})
d <- read.csv("imputation.csv"); v <- c("y", "x", "z")
centre <- sapply(d[v], mean, na.rm = TRUE); spread <- sapply(d[v], function(a) sqrt(mean((a - mean(a, na.rm = TRUE))^2, na.rm = TRUE)))
d[v] <- scale(d[v], centre, spread); d$time <- as.numeric(scale(d$session))
# inverse Wishart with 3 + 2 df whose means are the crude components of variance, as doublecode has them
prior <- list(a = 5, Binv = diag(c(.50078071, .72005548, .68045506)), c = 5, Dinv = diag(c(.47836897, .28079738, .33061406)))
m <- 400
imp <- panImpute(d, formula = y + x + z ~ 1 + time + (1 | patient), n.burn = 2000, n.iter = 50, m = m, prior = prior, seed = 1128, silent = TRUE)
outcome <- !is.na(d$y)
fits <- lapply(mitmlComplete(imp, "all"), function(e) {
  e[v] <- sweep(sweep(e[v], 2, spread, "*"), 2, centre, "+"); e <- e[outcome, ]
  for (k in c("x", "z")) { b <- ave(e[[k]], e$patient); e[[paste0(k, "_within")]] <- e[[k]] - b; e[[paste0(k, "_between")]] <- b - mean(tapply(e[[k]], e$patient, mean)) }
  lmer(y ~ session + x_within + x_between + z_within + z_between + (1 | patient), e) })
q <- sapply(fits, fixef); u <- sapply(fits, function(f) diag(as.matrix(vcov(f))))
pooled <- testEstimates(qhat = q, uhat = u)$estimates
few <- 7; df.com <- 34.5
rules <- testEstimates(qhat = q[, 1:few], uhat = u[, 1:few], df.com = df.com)$estimates
plain <- testEstimates(qhat = q[, 1:few], uhat = u[, 1:few])$estimates
table <- function(x) data.frame(term = rownames(x), estimate = x[, 1], std_error = x[, 2], statistic = x[, 3], df = x[, 4], p_value = x[, 5], riv = x[, 6], fmi = x[, 7])
write_json(list(`_versions` = list(R = R.version.string, pan = as.character(packageVersion("pan")), mitml = as.character(packageVersion("mitml")), lme4 = as.character(packageVersion("lme4"))),
  m = m, pooled = table(pooled), mc_error = sqrt(apply(q, 1, var) / m), df_com = df.com, qhat = t(q[, 1:few]), uhat = t(u[, 1:few]), rules = table(rules), rules_without_df = table(plain)),
  "imputation.json", digits = I(17), auto_unbox = TRUE, pretty = FALSE)
