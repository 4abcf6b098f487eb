# Rscript meta_more.R   (run from this folder; writes data/meta_bcg.csv, data/meta_konstantopoulos.csv, meta_more.json)
# metafor and its data sets (GPL): what meta.json lacks, every optimum sharpened by tight stopping rules.
suppressMessages({library(metafor); library(jsonlite)})
tight <- list(threshold = 1e-14, maxiter = 10000)
one <- function(m) list(coef = as.numeric(m$beta), se = m$se, stat = m$zval, p = m$pval, low = m$ci.lb, high = m$ci.ub,
  tau2 = m$tau2, QM = m$QM, QMp = m$QMp, R2 = m$R2, QE = m$QE, logLik = as.numeric(logLik(m)))
out <- list(`_versions` = list(R = R.version.string, metafor = as.character(packageVersion("metafor"))))

b <- escalc(measure = "OR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
b <- data.frame(author = b$author, year = b$year, ablat = b$ablat, alloc = b$alloc, yi = round(as.numeric(b$yi), 6), vi = round(as.numeric(b$vi), 6))
write.csv(b, "data/meta_bcg.csv", row.names = FALSE)
for (t in c("knha", "adhoc", "z")) for (me in c("REML", "ML", "DL", "PM"))
  out$bcg_metareg[[t]][[me]] <- one(rma(yi, vi, mods = ~ ablat + alloc, data = b, method = me, test = t, control = if (me %in% c("REML", "ML")) tight else if (me == "PM") list(tol = 1e-14) else list()))
out$bcg_fixed_metareg <- one(rma(yi, vi, mods = ~ ablat, data = b, method = "FE"))[c("coef", "se", "QM", "QMp", "QE")]

d <- escalc(measure = "ZCOR", ri = ri, ni = ni, data = read.csv("data/meta_molloy2014.csv"))
m <- rma(yi, vi, data = d, method = "REML", control = tight)
for (e in c("L0", "R0")) for (s in c("left", "right")) { t <- trimfill(m, control = tight, estimator = e, side = s)
  out$trimfill[[paste(e, s)]] <- list(k0 = t$k0, se_k0 = t$se.k0, p_k0 = t$p.k0, b = as.numeric(t$beta), se = t$se, tau2 = t$tau2) }
k <- rma(yi, vi, data = d, method = "REML", test = "knha", control = tight); e <- regtest(k); out$egger_knha <- list(t = e$zval, p = e$pval)
l <- leave1out(k); out$leave1out_knha <- list(estimate = l$estimate, se = l$se, low = l$ci.lb, high = l$ci.ub, Q = l$Q, I2 = l$I2)
s <- rma(yi, vi, data = d[1:5, ], method = "REML", test = "adhoc", control = tight); out$adhoc_five <- one(s)

k3 <- dat.konstantopoulos2011; k3 <- data.frame(district = k3$district, school = k3$school, year = k3$year, yi = as.numeric(k3$yi), vi = as.numeric(k3$vi))
write.csv(k3, "data/meta_konstantopoulos.csv", row.names = FALSE)
sharp <- list(optimizer = "BFGS", reltol = 1e-16, maxit = 5000)
for (me in c("REML", "ML")) { m3 <- rma.mv(yi, vi, random = ~ 1 | district/school, data = k3, method = me, control = sharp)
  out$three_level[[me]] <- list(coef = as.numeric(m3$beta), se = m3$se, sigma2 = m3$sigma2, logLik = as.numeric(logLik(m3)),
    limits = lapply(1:2, function(i) as.numeric(confint(m3, sigma2 = i, control = list(tol = 1e-13))$random[1, 2:3]))) }
m3 <- rma.mv(yi, vi, mods = ~ I(year - 1990), random = ~ 1 | district/school, data = k3, control = sharp)
out$three_level_year <- list(coef = as.numeric(m3$beta), se = m3$se, sigma2 = m3$sigma2, logLik = as.numeric(logLik(m3)), QM = m3$QM,
  at = with(predict(m3, newmods = c(-5, 3)), list(pred = pred, se = se, low = ci.lb, high = ci.ub, pi_low = pi.lb, pi_high = pi.ub)))
m <- rma(yi, vi, mods = ~ ablat + alloc, data = b, method = "REML", test = "knha", control = tight)
out$bcg_at <- with(predict(m, newmods = rbind(c(10, 1, 0), c(50, 0, 1))), list(pred = pred, se = se, low = ci.lb, high = ci.ub, pi_low = pi.lb, pi_high = pi.ub))
write_json(out, "meta_more.json", digits = 15, auto_unbox = TRUE, pretty = TRUE, null = "null", na = "null")
