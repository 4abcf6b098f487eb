# Reference values for correlations, moments and one-way ANOVA of lm_a.csv and sleepstudy.csv.
# Run in tests/reference: Rscript descriptives.R   (R 4.2.2, psych 2.2.9, jsonlite)
suppressMessages({library(psych); library(jsonlite)})
lm_a <- read.csv("data/lm_a.csv"); sleep <- read.csv("sleepstudy.csv")
pair <- function(x, y) { p <- cor.test(x, y); s <- suppressWarnings(cor.test(x, y, method = "spearman", exact = FALSE))
  list(r = unname(p$estimate), low = p$conf.int[1], high = p$conf.int[2], p = p$p.value, rho = unname(s$estimate), rho_p = s$p.value) }
# Repeated measures correlation: ANCOVA with the subject as factor (Bakdash & Marusich 2017).
within <- function(d, x, y, g) { f <- lm(reformulate(c(sprintf("factor(%s)", g), x), y), d); a <- anova(f)
  ss <- a[x, "Sum Sq"]; se <- a["Residuals", "Sum Sq"]; df <- a["Residuals", "Df"]
  r <- unname(sign(coef(f)[x]) * sqrt(ss / (ss + se))); z <- qnorm(.975) / sqrt(df - 1)
  list(r = r, df = df, p = a[x, "Pr(>F)"], low = tanh(atanh(r) - z), high = tanh(atanh(r) + z)) }
d <- describe(lm_a, type = 2)
one <- anova(lm(Reaction ~ factor(Subject), sleep))
out <- list(
  behaviour_alliance = pair(lm_a$behaviour, lm_a$alliance), homework_age = pair(lm_a$homework, lm_a$age),
  within_sleep = within(sleep, "Days", "Reaction", "Subject"),
  describe = lapply(split(data.frame(mean = d$mean, sd = d$sd, skew = d$skew, kurtosis = d$kurtosis), rownames(d)), as.list),
  anova_sleep = list(ss = one[["Sum Sq"]], df = one[["Df"]], F = one[["F value"]][1], p = one[["Pr(>F)"]][1]))
out <- c(list(`_versions` = list(R = R.version.string, psych = as.character(packageVersion("psych")))), out)
write_json(out, "descriptives.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
