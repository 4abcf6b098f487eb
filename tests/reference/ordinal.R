# Cumulative mixed models of ordinal::clmm, re-optimised to a small gradient; clm, MASS::polr and nominal_test beside.
# Run from this folder: Rscript ordinal.R   -> ordinal.csv (the data), ordinal.json (the numbers)
suppressMessages({library(ordinal); library(MASS); library(numDeriv); library(jsonlite)})
options(contrasts = c("contr.treatment", "contr.poly"), warn = 1)

# ---- data: wine (Randall 1989, package ordinal), and simulated ratings
cut5 <- function(eta, cuts) findInterval(eta + rlogis(length(eta)), cuts)
two_level <- function(seed, n = 22, t = 9, slope = 0) { set.seed(seed)
  g <- rep(seq_len(n), each = t); x <- round(rnorm(n * t), 2); w <- round(rnorm(n), 2)[g]
  b <- rnorm(n, 0, 1.2)[g] + rnorm(n, 0, slope)[g] * x
  data.frame(y = cut5(.6 * x + .4 * w + b, c(-2.5, -.9, .7, 2.2)), x = x, w = w, g = sprintf("P%02d", g), h = "") }
crossed <- function(seed, sessions = 40, raters = 5) { set.seed(seed)
  d <- expand.grid(r = seq_len(raters), s = seq_len(sessions)); d <- d[(d$r + d$s) %% raters < 3, ]
  x <- round(rnorm(sessions), 2)[d$s]; n <- nrow(d)
  data.frame(y = cut5(.5 * x + rnorm(sessions, 0, 1.3)[d$s] + c(-.9, -.3, 0, .4, .8)[d$r], c(-2, -.6, .6, 2)), x = x,
             w = round(runif(n), 2), g = sprintf("S%02d", d$s), h = sprintf("R%d", d$r)) }
nested <- function(seed) { set.seed(seed)
  d <- expand.grid(t = 1:6, p = 1:5, th = 1:8); p <- (d$th - 1) * 5 + d$p; x <- round(rnorm(nrow(d)), 2); w <- d$t - 3.5
  data.frame(y = cut5(.5 * x - .2 * w + rnorm(8, 0, .8)[d$th] + rnorm(40, 0, 1)[p], c(-1.5, .2, 1.6)), x = x, w = w,
             g = sprintf("P%02d", p), h = sprintf("T%d", d$th)) }
wine <- ordinal::wine
sets <- list(
  wine = data.frame(y = as.integer(wine$rating) - 1L, x = as.integer(wine$temp) - 1, w = as.integer(wine$contact) - 1,
                    g = paste0("J", wine$judge), h = paste0("B", wine$bottle)),
  plain = two_level(191), slopes = two_level(192, slope = .7), crossed = crossed(193), nested = nested(194))
stacked <- do.call(rbind, lapply(names(sets), function(k) cbind(set = k, sets[[k]])))
write.csv(stacked, "ordinal.csv", row.names = FALSE, quote = FALSE)
hw <- read.csv("hw229_a.csv")
sets$hw229 <- data.frame(y = hw$hw_grade, x = hw$beh_cw, w = hw$sess_c, g = hw$patient, h = hw$therapist)

# ---- Newton steps on ordinal's own negative log-likelihood; parameters: thresholds, coefficients, then variances
sharpened <- function(f, d, nAGQ = 1L, link = "logit", threshold = "flexible") {
  d$o <- factor(d$y, ordered = TRUE); DATA <<- d
  # at the default gradTol the inner search of one scalar term stops early: log-likelihoods are off by up to 1e-5
  control <- clmm.control(gradTol = 1e-12, maxIter = 200, maxLineIter = 200, innerCtrl = "noWarn", rel.tol = 1e-14)
  fitted <- suppressWarnings(do.call(clmm, list(f, data = quote(DATA), nAGQ = nAGQ, link = link, threshold = threshold, control = control)))
  rho <- do.call(clmm, list(f, data = quote(DATA), nAGQ = nAGQ, link = link, threshold = threshold, control = control, doFit = FALSE))
  ssr <- !is.null(rho$ntau)   # one scalar term: ordinal fits it by other functions
  value <- function(p) if (!ssr) ordinal:::getNLA(rho, p) else if (nAGQ > 1) ordinal:::getNAGQ.ssr(rho, p) else ordinal:::getNLA.ssr(rho, p)
  par <- fitted$optRes$par; how <- list(d = 1e-2, r = 6)
  for (i in 1:8) { gradient <- grad(value, par, method.args = how); if (max(abs(gradient)) < 1e-8) break
    par <- par - solve(hessian(value, par, method.args = how), gradient) }
  H <- hessian(value, par, method.args = how); V <- solve(H); nfe <- rho$dims$nfepar
  if (ssr) { sds <- exp(par[-seq_len(nfe)]); cov <- list(matrix(sds^2)) }
  else { ST <- ordinal:::par2ST(par[-seq_len(nfe)], rho$ST)
    cov <- lapply(ST, function(m) m %*% t(m)) }
  names(cov) <- names(fitted$ST)
  list(formula = deparse1(f), nAGQ = nAGQ, link = link, threshold = threshold, logLik = -value(par),
       logLik_clmm = as.numeric(logLik(fitted)), gradient = max(abs(grad(value, par, method.args = how))),
       names = names(fitted$coefficients), estimate = par[seq_len(nfe)], se = sqrt(diag(V))[seq_len(nfe)],
       covariance = lapply(cov, function(m) m), modes = { value(par); if (ssr) list(rho$u * sds) else NULL })
}
fixed_only <- function(f, d, link = "logit", threshold = "flexible") {
  d$o <- factor(d$y, ordered = TRUE); DATA <<- d
  m <- do.call(clm, list(f, data = quote(DATA), link = link, threshold = threshold, control = clm.control(gradTol = 1e-10, maxIter = 200)))
  out <- list(formula = deparse1(f), link = link, threshold = threshold, logLik = as.numeric(logLik(m)),
              names = names(coef(m)), estimate = unname(coef(m)), se = unname(sqrt(diag(vcov(m)))))
  if (threshold == "flexible") { terms <- attr(terms(f), "term.labels")
    free <- lapply(terms, function(t) do.call(clm, list(f, nominal = reformulate(t), data = quote(DATA), link = link,
      control = clm.control(gradTol = 1e-10, maxIter = 200))))
    out$nominal <- list(term = terms, lrt = sapply(free, function(n) 2 * as.numeric(logLik(n) - logLik(m))),
                        df = sapply(free, function(n) n$edf - m$edf))
    p <- polr(f, data = d, method = if (link == "logit") "logistic" else link, control = list(reltol = 1e-15, maxit = 1000))
    out$polr <- list(coef = as.list(coef(p)), zeta = as.list(p$zeta), logLik = as.numeric(logLik(p))) }
  out }
one <- o ~ x + w + (1 | g)
answer <- list(
  wine = list(sharpened(one, sets$wine, 1L), sharpened(one, sets$wine, 15L), sharpened(one, sets$wine, 15L, "probit"),
              sharpened(one, sets$wine, 15L, "logit", "equidistant")),
  hw229 = list(sharpened(one, sets$hw229, 1L), sharpened(one, sets$hw229, 15L)),
  plain = list(sharpened(one, sets$plain, 1L), sharpened(one, sets$plain, 15L), sharpened(one, sets$plain, 1L, "probit"),
               sharpened(one, sets$plain, 15L, "probit", "equidistant"), sharpened(one, sets$plain, 1L, "logit", "equidistant")),
  slopes = list(sharpened(o ~ x + w + (1 + x | g), sets$slopes), sharpened(o ~ x + w + (1 | g) + (0 + x | g), sets$slopes),
                sharpened(o ~ x + w + (1 + x | g), sets$slopes, link = "probit")),
  crossed = list(sharpened(o ~ x + (1 | g) + (1 | h), sets$crossed), sharpened(o ~ x + (1 | g) + (1 | h), sets$crossed, link = "probit"),
                 sharpened(o ~ x + h + (1 | g), sets$crossed, 15L), sharpened(o ~ h + (1 | g), sets$crossed, 1L),
                 sharpened(o ~ h + (1 | g), sets$crossed, 15L), sharpened(o ~ 1 + (1 | g) + (1 | h), sets$crossed)),
  nested = list(sharpened(o ~ x + w + (1 | h) + (1 | g), sets$nested)))
plain_models <- list(wine = list(fixed_only(o ~ x + w, sets$wine), fixed_only(o ~ x + w, sets$wine, "probit"),
                                 fixed_only(o ~ x + w, sets$wine, "logit", "equidistant")),
                     hw229 = list(fixed_only(o ~ x + w, sets$hw229)), plain = list(fixed_only(o ~ x + w, sets$plain)),
                     crossed = list(fixed_only(o ~ x + h, sets$crossed)))

# ---- proportional odds in a mixed model: clmm2 takes nominal effects beside one random intercept
nominal_mixed <- function(d, nAGQ) { d$o <- factor(d$y, ordered = TRUE); d$g <- factor(d$g); DATA <<- d
  run <- function(location, nominal = NULL) as.numeric(logLik(do.call(clmm2, c(list(location = location, random = quote(g),
    data = quote(DATA), nAGQ = nAGQ, link = "logistic", control = clmm2.control(gradTol = 1e-8, innerCtrl = "noWarn")),
    if (!is.null(nominal)) list(nominal = nominal)))))
  all <- run(o ~ x + w)
  list(nAGQ = nAGQ, logLik = all, x = 2 * (run(o ~ w, ~x) - all), w = 2 * (run(o ~ x, ~w) - all)) }
mixed_tests <- list(wine = nominal_mixed(sets$wine, 15L), plain = nominal_mixed(sets$plain, 15L),
                    hw229 = nominal_mixed(sets$hw229, 15L))
versions <- lapply(c(ordinal = "ordinal", MASS = "MASS", numDeriv = "numDeriv"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(list(`_versions` = c(list(R = R.version.string), versions), mixed = answer, fixed = plain_models, nominal_mixed = mixed_tests),
                  digits = NA, auto_unbox = TRUE, pretty = FALSE), "ordinal.json")
for (k in names(answer)) for (m in answer[[k]]) cat(k, m$formula, m$nAGQ, m$link, m$threshold, format(m$logLik, digits = 12),
  "by", format(m$logLik - m$logLik_clmm, digits = 3), "gradient", format(m$gradient, digits = 2), "var", format(unlist(m$covariance), digits = 5), "\n")
