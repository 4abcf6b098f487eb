# The Poisson example of Green & MacLeod (2016), Methods in Ecology and Evolution 7, 493-498, whose data set (simr's
# `simdata`: x = 1..10 in three groups) is drawn with seed 123 from intercept 10, slope -0.25 and a group SD of 3, the count
# with mean exp(predictor / 10). Prints what simr simulates from: the fit of z ~ x + (1 | g); its slope is then set to
# -0.05 and power printed as 33.4 % [30.5, 36.4] of 1,000 simulations, Wald's z.
suppressMessages(library(lme4))
set.seed(123)
group <- rnorm(3, 0, 3)
data <- data.frame(x = rep(1:10, 3), g = rep(c("a", "b", "c"), each = 10))
predictor <- 10 - 0.25 * data$x + rep(group, each = 10)
drawn <- rnorm(30) # the normal response of the data set, drawn before the count
data$z <- rpois(30, exp(predictor / 10))
model <- glmer(z ~ x + (1 | g), data, family = poisson)
cat(sprintf("%.6f\n", c(fixef(model), VarCorr(model)$g)))
