# Rscript cluster_robust_mixed.R   (run from this folder; writes sessions_in_patients.csv and cluster_robust_mixed.json)
# Synthetic data. CR2 with Satterthwaite df and the joint test HTZ of a mixed model (lme4, REML) and of least squares,
# by dense matrix algebra over all rows at once, after Pustejovsky & Tipton (2018) and Tipton & Pustejovsky (2015);
# clubSandwich itself is not needed (its own numbers of least squares are in cluster_robust.json).
suppressMessages({library(lme4); library(jsonlite)})
set.seed(118); n <- c(5, 9, 3, 7, 8, 2, 6, 9, 4, 7, 8, 5); J <- length(n); N <- sum(n)
d <- data.frame(patient = sprintf("P%02d", rep(seq_len(J), n)), session = unlist(lapply(n, seq_len)), phase = sample(c("early", "late", "mid"), N, TRUE))
d$he <- round(2.5 + .4 * rnorm(J)[rep(seq_len(J), n)] + .6 * rnorm(N), 3)
d$phq9 <- round(14 + 3 * rnorm(J)[rep(seq_len(J), n)] - (.5 + .3 * rnorm(J))[rep(seq_len(J), n)] * d$session - .9 * d$he + 2 * rnorm(N), 2)
write.csv(d, "sessions_in_patients.csv", row.names = FALSE, quote = FALSE)
power <- function(A, k) { e <- eigen(A, symmetric = TRUE); e$vectors %*% (ifelse(e$values > 1e-12, e$values^k, 0) * t(e$vectors)) }
robust <- function(X, y, Phi, cluster, C) {
  W <- solve(Phi); M <- solve(t(X) %*% W %*% X); b <- M %*% t(X) %*% W %*% y; e <- y - X %*% b
  IH <- diag(nrow(X)) - X %*% M %*% t(X) %*% W; ids <- unique(cluster)
  E <- lapply(ids, function(g) {                       # p x n: what the score of cluster g makes of the outcome
    i <- cluster == g; U <- chol(Phi[i, i]); B <- U %*% (IH %*% Phi %*% t(IH))[i, i] %*% t(U)
    M %*% t(X[i, , drop = FALSE]) %*% W[i, i] %*% (t(U) %*% power(B, -1/2) %*% U) %*% IH[i, , drop = FALSE] })
  V <- Reduce(`+`, lapply(E, function(s) (s %*% y) %*% t(s %*% y)))
  df <- sapply(seq_len(ncol(X)), function(k) { S <- t(sapply(E, function(s) s[k, ])); P <- S %*% Phi %*% t(S); sum(diag(P))^2 / sum(P^2) })
  q <- nrow(C); O <- power(Reduce(`+`, lapply(E, function(s) C %*% s %*% Phi %*% t(s) %*% t(C))), -1/2); total <- 0
  for (g in E) for (h in E) { L <- O %*% C %*% g %*% Phi %*% t(h) %*% t(C) %*% O; total <- total + sum(outer(diag(L), diag(L))) + sum(L * t(L)) }
  eta <- q * (q + 1) / total; Q <- as.numeric(t(C %*% b) %*% solve(C %*% V %*% t(C)) %*% (C %*% b)); F <- Q * (eta - q + 1) / (eta * q)
  list(estimate = as.numeric(b), std_error = sqrt(diag(V)), df = df, p_value = 2 * pt(-abs(b / sqrt(diag(V))), df)[, 1],
       joint = list(F = F, df1 = q, df2 = eta - q + 1, p = pf(F, q, eta - q + 1, lower.tail = FALSE)))
}
m <- lmer(phq9 ~ session + he + phase + (session | patient), d, control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10)))
Z <- as.matrix(getME(m, "Z")); L <- as.matrix(getME(m, "Lambda")); Phi <- sigma(m)^2 * (Z %*% L %*% t(L) %*% t(Z) + diag(N))
X <- getME(m, "X"); C <- diag(5)[4:5, ]; D <- model.matrix(phq9 ~ session + he + phase, d)
write_json(list(`_versions` = list(R = R.version.string, lme4 = as.character(packageVersion("lme4"))), terms = colnames(X),
  theta = as.numeric(getME(m, "theta")), sigma = sigma(m), mixed = robust(X, d$phq9, Phi, d$patient, C), plain = robust(D, d$phq9, diag(N), d$patient, C),
  rows = robust(D, d$phq9, diag(N), seq_len(N), C)), "cluster_robust_mixed.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
