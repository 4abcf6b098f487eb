# The generalised series of both example studies, fitted by lme4 and ordinal on the columns of their models, which
# generalized_series_*.csv hold (rows of the analysis frame that have all of them; synthetic). Run in this folder:
#   Rscript generalized_series.R        -> generalized_series.json
suppressMessages({library(lme4); library(ordinal); library(jsonlite)})

split_parts <- function(data, name) {
  mean_of <- ave(data[[name]], data$patient)
  of_patients <- tapply(data[[name]], data$patient, mean)
  data[[paste0(name, "_within")]] <- data[[name]] - mean_of
  data[[paste0(name, "_between")]] <- mean_of - mean(of_patients)
  data
}
tight <- glmerControl(optimizer = "bobyqa", optCtrl = list(maxfun = 2e5, rhoend = 1e-10),
                      check.conv.singular = .makeCC("ignore", tol = 1e-4))
told <- function(fit, terms) {
  table <- coef(summary(fit))[terms, , drop = FALSE]
  list(term = terms, estimate = table[, 1], std_error = table[, 2], z = table[, 3], p = table[, 4],
       loglik = as.numeric(logLik(fit)), aic = AIC(fit), variance = as.numeric(VarCorr(fit)[[1]][1, 1]))
}

phone <- read.csv("generalized_series_telephone.csv")
phone$session_from_1 <- phone$session - 1
phone <- split_parts(phone, "tbh")
of_phone <- function(right) glmer(as.formula(paste("cbind(hw_done, hw_given - hw_done) ~", right, "+ (1 | patient)")),
                                  phone, binomial, nAGQ = 15, control = tight)
rights <- c("1", "session_from_1", "session_from_1 + tbh", "session_from_1 + tbh_within + tbh_between")
fits <- lapply(rights, of_phone)
out <- list(telephone = lapply(fits, function(fit) told(fit, rownames(coef(summary(fit))))))
# glmer's log-likelihood by quadrature is up to a constant; all four variances are 0, where it is that of glm
plain <- function(right) as.numeric(logLik(glm(as.formula(paste("cbind(hw_done, hw_given - hw_done) ~", right)),
                                               binomial, phone)))
out$glm <- sapply(rights, plain, USE.NAMES = FALSE)

young <- read.csv("generalized_series_adolescent.csv")
young$rationale <- factor(young$rationale_s1, ordered = TRUE)
young$therapist <- factor(young$therapist)
of_young <- function(right) clmm(as.formula(paste("rationale ~", right, "+ (1 | therapist)")), data = young, nAGQ = 15,
                                 control = clmm.control(gradTol = 1e-8, maxIter = 500))
fits <- lapply(c("1", "ir"), of_young)
out$adolescent <- lapply(fits, function(fit) told(fit, rownames(coef(summary(fit)))))
out$versions <- list(R = as.character(getRversion()), lme4 = as.character(packageVersion("lme4")),
                     ordinal = as.character(packageVersion("ordinal")))
write_json(out, "generalized_series.json", digits = 12, auto_unbox = TRUE, pretty = TRUE)
