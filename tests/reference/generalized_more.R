# Rscript generalized_more.R -> generalized_more.json and generalized/*.csv: data of R's packages that were fitted after the
# engine was finished, by lme4::glmer (quadrature) and glmmTMB (Laplace), re-optimised by Newton's method to a gradient below
# 1e-6. bacteria, epil, snails: MASS; Owls, Salamanders: glmmTMB; Arabidopsis: lme4; infert: R. Of `infert` the variance is zero.
suppressMessages({library(lme4); library(glmmTMB); library(MASS); library(numDeriv); library(jsonlite)})
tight <- glmerControl(tolPwrss = 1e-13, optimizer = "bobyqa", check.conv.grad = "ignore", calc.derivs = FALSE)
by_glmer <- function(formula, d, family, nAGQ = 15) {
  args <- list(formula, data = d, family = family, nAGQ = nAGQ, control = tight)
  m <- suppressMessages(do.call(glmer, args)); f <- do.call(glmer, c(args, devFunOnly = TRUE))
  p <- c(getME(m, "theta"), fixef(m)); nt <- length(getME(m, "theta"))
  for (turn in 1:20) { g <- grad(f, p); if (max(abs(g)) < 1e-6) break; if (turn %in% c(1, 3, 8)) H <- hessian(f, p); p <- p - solve(H, g) }
  H <- hessian(f, p); f(p)
  list(engine = "glmer", nAGQ = nAGQ, gradient = max(abs(g)), value = f(p), theta = unname(p[1:nt]), fixed = as.list(setNames(p[-(1:nt)], names(fixef(m)))), se = unname(sqrt(diag(2 * solve(H)))[-(1:nt)]))
}
by_tmb <- function(formula, d, family, ...) {
  m <- glmmTMB(formula, d, family, ..., control = glmmTMBControl(optCtrl = list(iter.max = 2000, eval.max = 2000)))
  fn <- m$obj$fn; gr <- m$obj$gr; p <- m$fit$par
  for (turn in 1:20) { g <- as.vector(gr(p)); if (max(abs(g)) < 5e-7) break
    q <- p - solve(jacobian(function(q) as.vector(gr(q)), p), g); if (!is.finite(fn(q)) || fn(q) > fn(p) + 1e-6) break; p <- q }
  g <- as.vector(gr(p)); H <- jacobian(function(q) as.vector(gr(q)), p); b <- names(p) == "beta"
  VC <- tryCatch({ fn(p); lapply(m$obj$env$report(m$obj$env$last.par)$sd, as.vector) }, error = function(e) NULL)
  list(engine = "glmmTMB", nAGQ = 1, gradient = max(abs(g)) * 2, logLik = -fn(p), sds = unlist(VC),
       dispersion = if (any(names(p) == "betad")) unname(exp(p[names(p) == "betad"])) else NULL,
       fixed = as.list(setNames(p[b], names(fixef(m)$cond))), se = unname(sqrt(diag(solve(H)))[b]))
}
out <- list()
add <- function(name, formula, d, how, ours = NULL, opts = list()) {
  kept <- d[intersect(names(d), c(all.vars(formula), unlist(opts[c("trials", "offset")])))]
  write.csv(kept, file.path("generalized", paste0(name, ".csv")), row.names = FALSE, quote = FALSE)
  r <- how(); cat(name, format(r$gradient), "\n")
  out[[name]] <<- c(r, list(formula = if (is.null(ours)) deparse1(formula) else ours, options = opts, levels = lapply(kept[sapply(kept, is.factor)], levels)))
}
B <- binomial(); P <- poisson()
bac <- bacteria; bac$y <- as.integer(bac$y == "y")
ep <- epil; ep$row <- seq_len(nrow(ep)); ep$subject <- factor(ep$subject)
ow <- Owls; ow$n <- ow$SiblingNegotiation; ow$at <- round(ow$ArrivalTime - 24, 3); ow$lb <- round(log(ow$BroodSize), 8)
sa <- Salamanders; sa$site <- factor(as.character(sa$site))
ar <- Arabidopsis; ar$row <- seq_len(nrow(ar)); ar$rack <- factor(ar$rack); ar$gen <- factor(ar$gen); ar$nutrient <- factor(ar$nutrient)
sn <- snails; sn$cell <- factor(rep(1:24, each = 4)); sn$dead <- sn$Deaths
inf <- infert; inf$stratum <- factor(inf$stratum)
add("bacteria_probit", y ~ trt * week + (1 | ID), bac, \() by_tmb(y ~ trt * week + (1 | ID), bac, binomial("probit")), opts = list(family = "binomial", link = "probit"))
add("bacteria_cloglog", y ~ trt + week + (1 | ID), bac, \() by_glmer(y ~ trt + week + (1 | ID), bac, binomial("cloglog"), 15), opts = list(family = "binomial", link = "cloglog"))
add("epil_rows", y ~ lbase * trt + lage + (1 | subject) + (1 | row), ep, \() by_tmb(y ~ lbase * trt + lage + (1 | subject) + (1 | row), ep, P), opts = list(family = "poisson"))
add("owls", n ~ FoodTreatment * SexParent + at + offset(lb) + (1 | Nest), ow, \() by_tmb(n ~ FoodTreatment * SexParent + at + offset(lb) + (1 | Nest), ow, P), "n ~ FoodTreatment * SexParent + at + (1 | Nest)", list(family = "poisson", offset = "lb"))
add("salamanders_nb", count ~ spp + mined + (1 | site), sa, \() by_tmb(count ~ spp + mined + (1 | site), sa, nbinom2()), opts = list(family = "negative-binomial"))
add("arabidopsis", total.fruits ~ nutrient * amd + rack + status + (1 | popu) + (1 | gen) + (1 | row), ar, \() by_tmb(total.fruits ~ nutrient * amd + rack + status + (1 | popu) + (1 | gen) + (1 | row), ar, P), "total.fruits ~ nutrient * amd + rack + status + (1 | popu) + (1 | gen) + (1 | row)", list(family = "poisson"))
add("infert", case ~ spontaneous + induced + (1 | stratum), inf, \() by_tmb(case ~ spontaneous + induced + (1 | stratum), inf, B), opts = list(family = "binomial", nagq = 1))
add("snails", cbind(dead, N - dead) ~ Species + Exposure + Rel.Hum + Temp + (1 | cell), sn, \() by_tmb(cbind(dead, N - dead) ~ Species + Exposure + Rel.Hum + Temp + (1 | cell), sn, B), "dead ~ Species + Exposure + Rel.Hum + Temp + (1 | cell)", list(family = "binomial", trials = "N", nagq = 1))
writeLines(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE, null = "null", na = "null"), "generalized_more.json")
