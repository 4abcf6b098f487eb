# Rscript mixed_insteval.R -> mixed_insteval.json (73,421 rows; about a quarter of an hour)
source("mixed_lib.R")
insteval <- read.csv(xzfile("InstEval.csv.xz"))
for (v in c("s", "d", "dept", "service")) insteval[[v]] <- factor(insteval[[v]])
# Kenward-Roger would need matrices of 73,421 x 73,421, so Satterthwaite alone. bobyqa stops at a trust region of 1e-10:
# the criterion is then flat to its rounding and a Newton step would only add noise.
model <- function(f, reml, satterthwaite) { m <- fit(f, insteval, reml); describe(m, FALSE, satterthwaite) }
f1 <- y ~ 1 + service + (1 | s) + (1 | d) + (1 | dept:service); f2 <- y ~ 1 + (1 | s) + (1 | d) + (1 | dept)
out <- list(
  three_crossed_service = list(formula = deparse1(f1), n = nrow(insteval), REML = model(f1, TRUE, FALSE), ML = model(f1, FALSE, FALSE)),
  three_crossed = list(formula = deparse1(f2), n = nrow(insteval), REML = model(f2, TRUE, FALSE), ML = model(f2, FALSE, FALSE)))
save_json(out, "mixed_insteval.json")
out$three_crossed_service$REML <- model(f1, TRUE, TRUE)
save_json(out, "mixed_insteval.json")
