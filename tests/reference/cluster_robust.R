# Rscript cluster_robust.R   (run from this folder; writes patient_level.csv and cluster_robust.json). Synthetic data.
# CR2 with Satterthwaite df by clubSandwich, on least squares.
suppressMessages({library(clubSandwich); library(jsonlite)})
set.seed(33); n <- c(9, 4, 7, 1, 6, 5, 8); g <- rep(seq_along(n), n); N <- sum(n)
d <- data.frame(patient = sprintf("P%02d", seq_len(N)), therapist = sprintf("T%d", g), he = round(2.5 + .6 * rnorm(N) + .3 * rnorm(7)[g], 3), base = round(14 + 4 * rnorm(N), 2))
d$post <- round(2 + .5 * d$base - 1.2 * d$he + 1.5 * rnorm(7)[g] + 2.5 * rnorm(N), 2)
write.csv(d, "patient_level.csv", row.names = FALSE, quote = FALSE)
m <- lm(post ~ he + base, d); one <- coef_test(m, vcov = "CR2", cluster = d$therapist, test = "Satterthwaite"); ci <- conf_int(m, vcov = "CR2", cluster = d$therapist)
f <- lm(post ~ he + base + factor(therapist), d); s <- coef(summary(f)); cf <- confint(f)
write_json(list(`_versions` = list(R = R.version.string, clubSandwich = as.character(packageVersion("clubSandwich"))),
  cr2 = data.frame(term = c("Intercept", "he", "base"), estimate = one$beta, std_error = one$SE, df = one$df_Satt, p_value = one$p_Satt, conf_low = ci$CI_L, conf_high = ci$CI_U),
  ols = data.frame(term = c("Intercept", "he", "base"), std_error = coef(summary(m))[, 2]),
  fixed = data.frame(term = c("he", "base"), estimate = s[2:3, 1], std_error = s[2:3, 2], p_value = s[2:3, 4], conf_low = cf[2:3, 1], conf_high = cf[2:3, 2]), fixed_df = f$df.residual),
  "cluster_robust.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
