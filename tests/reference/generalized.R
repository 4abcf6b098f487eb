# Rscript generalized.R -> generalized.json and generalized/*.csv: generalised mixed models by lme4::glmer (canonical links,
# and any link by quadrature) and glmmTMB (other links, negative binomial), each re-optimised by Newton's method until no
# element of the gradient of the deviance exceeds 1e-6. Data: lme4's own (cbpp, grouseticks, VerbAgg's first 60 persons),
# and synthetic ones made here.
suppressMessages({library(lme4); library(glmmTMB); library(jsonlite); library(numDeriv)})
dir.create("generalized", showWarnings = FALSE)
keep <- function(d, name) write.csv(d, file.path("generalized", paste0(name, ".csv")), row.names = FALSE)
set.seed(20261128)

data(cbpp); cbpp$herd <- paste0("h", cbpp$herd); cbpp$period <- paste0("p", cbpp$period)
cbpp$rate <- cbpp$incidence / cbpp$size
keep(cbpp, "cbpp")
ticks <- grouseticks[, c("INDEX", "TICKS", "BROOD", "YEAR", "LOCATION", "cHEIGHT")]
names(ticks) <- c("row", "ticks", "brood", "year", "location", "height")
ticks$row <- paste0("r", ticks$row); ticks$brood <- paste0("b", ticks$brood); ticks$location <- paste0("l", ticks$location)
ticks$year <- paste0("y", ticks$year); ticks$height <- round(ticks$height / 100, 6)
ticks$exposure <- round(runif(nrow(ticks), .5, 2), 3); ticks$log_exposure <- log(ticks$exposure)
keep(ticks, "grouseticks")
verb <- VerbAgg[VerbAgg$id %in% levels(VerbAgg$id)[1:60], c("Anger", "Gender", "item", "btype", "situ", "mode", "id", "r2")]
verb$id <- paste0("p", verb$id); verb$yes <- as.integer(verb$r2 == "Y"); verb$r2 <- NULL
keep(verb, "verbagg60")

grid <- function(J, n) data.frame(patient = sprintf("P%02d", rep(1:J, each = n)), session = rep(1:n, J))
hw <- grid(22, 9); hw$x <- round(rnorm(198), 4); hw$z <- round(rep(rnorm(22), each = 9), 4); hw$time <- (hw$session - 5) / 4
eta <- .3 + .6 * hw$x + .4 * hw$z + .5 * hw$time + rep(rnorm(22, 0, 1.2), each = 9)
hw$done <- rbinom(198, 1, plogis(eta)); hw$probit <- rbinom(198, 1, pnorm(eta / 1.6)); hw$clog <- rbinom(198, 1, 1 - exp(-exp(eta - 1)))
hw$trials <- sample(3:8, 198, TRUE); hw$items <- rbinom(198, hw$trials, plogis(eta * .7))
hw$count <- rpois(198, exp(.4 + .3 * eta)); hw$nb <- rnbinom(198, size = 1.7, mu = exp(.6 + .35 * eta))
hw$w <- round(runif(198, .5, 2), 2)
keep(hw, "homework")
sl <- grid(60, 12); sl$time <- (sl$session - 6.5) / 5.5; sl$urban <- rep(rbinom(60, 1, .5), each = 12); sl$age <- round(rnorm(720), 3)
b0 <- rnorm(60, 0, .9); b1 <- .4 * b0 + rnorm(60, 0, .7)
eta <- -.5 + .5 * sl$urban - .3 * sl$age + .6 * sl$time + rep(b0, each = 12) + rep(b1, each = 12) * sl$time
sl$use <- rbinom(720, 1, plogis(eta)); sl$calls <- rpois(720, exp(.5 * eta + .3)); sl$nb <- rnbinom(720, size = 2.5, mu = exp(.5 * eta + .8))
keep(sl, "slopes")
ne <- data.frame(clinic = sprintf("c%02d", rep(1:14, each = 30)), therapist = sprintf("t%02d", rep(1:70, each = 6)), x = round(rnorm(420), 3))
eta <- .2 + .5 * ne$x + rep(rnorm(14, 0, .6), each = 30) + rep(rnorm(70, 0, .9), each = 6)
ne$good <- rbinom(420, 1, plogis(eta)); ne$n <- rpois(420, exp(.4 * eta + .5)); ne$nb <- rnbinom(420, size = 1.5, mu = exp(.4 * eta + 1))
keep(ne, "nested")

tight <- glmerControl(tolPwrss = 1e-13, optimizer = "bobyqa", check.conv.grad = "ignore", calc.derivs = FALSE)
by_glmer <- function(set, formula, d, family, nAGQ = 1, extra = list()) {
  m <- suppressMessages(do.call(glmer, c(list(formula, data = d, family = family, nAGQ = nAGQ, control = tight), extra)))
  f <- suppressMessages(do.call(glmer, c(list(formula, data = d, family = family, nAGQ = nAGQ, control = tight, devFunOnly = TRUE), extra)))
  p <- c(getME(m, "theta"), fixef(m)); nt <- length(getME(m, "theta"))
  for (turn in 1:30) {
    g <- grad(f, p)
    if (max(abs(g)) < 1e-6) break
    if (turn %in% c(1, 3, 8, 15)) H <- hessian(f, p)
    p <- p - solve(H, g)
  }
  H <- hessian(f, p); f(p)
  se <- sqrt(diag(2 * solve(H)))[-seq_len(nt)]
  list(set = set, formula = deparse1(formula), engine = "glmer", nAGQ = nAGQ, gradient = max(abs(g)),
       logLik = if (nAGQ == 1 || family$family == "binomial" && all(model.response(model.frame(m)) %in% 0:1)) as.numeric(-f(p) / 2) else NULL,
       theta = unname(p[seq_len(nt)]), fixed = as.list(setNames(p[-seq_len(nt)], names(fixef(m)))), se = unname(se))
}
by_tmb <- function(set, formula, d, family, extra = list()) {
  m <- do.call(glmmTMB, c(list(formula, data = d, family = family), extra))
  fn <- m$obj$fn; gr <- m$obj$gr; p <- m$fit$par
  for (turn in 1:20) {
    g <- as.vector(gr(p))
    if (max(abs(g)) < 5e-7) break
    p <- p - solve(jacobian(function(q) as.vector(gr(q)), p), g)
  }
  H <- jacobian(function(q) as.vector(gr(q)), p); b <- names(p) == "beta"
  list(set = set, formula = deparse1(formula), engine = "glmmTMB", nAGQ = 1, gradient = max(abs(g)) * 2, logLik = -fn(p),
       log_sd = unname(p[names(p) == "theta"]), dispersion = if (any(names(p) == "betad")) unname(exp(p[names(p) == "betad"])) else NULL,
       fixed = as.list(setNames(p[b], names(fixef(m)$cond))), se = unname(sqrt(diag(solve(H)))[b]))
}
B <- binomial(); P <- poisson()
jobs <- list(
  cbpp = quote(by_glmer("cbpp", cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, B)),
  cbpp_agq = quote(by_glmer("cbpp", cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, B, 15)),
  ticks = quote(by_glmer("grouseticks", ticks ~ year + height + (1 | brood) + (1 | row) + (1 | location), ticks, P)),
  ticks_offset = quote(by_glmer("grouseticks", ticks ~ year + height + offset(log_exposure) + (1 | brood) + (1 | location), ticks, P)),
  verb = quote(by_glmer("verbagg60", yes ~ Anger + Gender + btype + situ + (1 | id) + (1 | item), verb, B)),
  verb_slope = quote(by_glmer("verbagg60", yes ~ btype + mode + (0 + mode | id) + (1 | item), verb, B)),
  homework = quote(by_glmer("homework", done ~ x + z + time + (1 | patient), hw, B)),
  homework_agq = quote(by_glmer("homework", done ~ x + z + time + (1 | patient), hw, B, 15)),
  homework_weights = quote(by_glmer("homework", count ~ x + z + (1 | patient), hw, P, 1, list(weights = hw$w))),
  items = quote(by_glmer("homework", cbind(items, trials - items) ~ x + z + time + (1 | patient), hw, B)),
  count = quote(by_glmer("homework", count ~ x + z + time + (1 | patient), hw, P)),
  count_agq = quote(by_glmer("homework", count ~ x + z + time + (1 | patient), hw, P, 15)),
  probit_agq = quote(by_glmer("homework", probit ~ x + z + time + (1 | patient), hw, binomial("probit"), 15)),
  cloglog_agq = quote(by_glmer("homework", clog ~ x + z + time + (1 | patient), hw, binomial("cloglog"), 15)),
  slopes = quote(by_glmer("slopes", use ~ urban + age + time + (time | patient), sl, B)),
  slopes_count = quote(by_glmer("slopes", calls ~ urban + age + time + (time | patient), sl, P)),
  double_bar = quote(by_glmer("slopes", use ~ urban + age + time + (time || patient), sl, B)),
  nested = quote(by_glmer("nested", good ~ x + (1 | clinic/therapist), ne, B)),
  nested_count = quote(by_glmer("nested", n ~ x + (1 | clinic/therapist), ne, P)),
  probit = quote(by_tmb("homework", probit ~ x + z + time + (1 | patient), hw, binomial("probit"))),
  cloglog = quote(by_tmb("homework", clog ~ x + z + time + (1 | patient), hw, binomial("cloglog"))),
  probit_slopes = quote(by_tmb("slopes", use ~ urban + age + time + (time || patient), sl, binomial("probit"))),
  nb = quote(by_tmb("homework", nb ~ x + z + time + (1 | patient), hw, nbinom2())),
  nb_nested = quote(by_tmb("nested", nb ~ x + (1 | clinic/therapist), ne, nbinom2())),
  nb_slopes = quote(by_tmb("slopes", nb ~ urban + age + time + (time || patient), sl, nbinom2())))
out <- list(`_versions` = list(R = R.version.string, lme4 = as.character(packageVersion("lme4")), glmmTMB = as.character(packageVersion("glmmTMB"))))
for (name in names(jobs)) {
  cat(name, ""); out[[name]] <- tryCatch(eval(jobs[[name]]), error = function(e) { cat("FAILED", conditionMessage(e), ""); NULL })
  cat(format(out[[name]]$gradient), "\n")
}
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE, null = "null"), "generalized.json")
