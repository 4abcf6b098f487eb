# Rscript marginal_means.R -> marginal_means.json: emmeans, emtrends and contrast (emmeans 1.8.4) on lm and on lmer
# fits sharpened to the optimum (mixed_lib.R), Kenward-Roger (pbkrtest) and Satterthwaite (lmerTest).
source("mixed_lib.R")
suppressMessages({library(emmeans); library(splines)})
body(sharpen)[[8]] <- quote(frame <- lFormula(formula(m), DATA, REML = isREML(m), control = CONTROL))  # poly() needs the data
emm_options(msg.nesting = FALSE, msg.interaction = FALSE)

hw <- read.csv("hw229_a.csv"); sleep <- read.csv("sleepstudy.csv"); ortho <- read.csv("Orthodont.csv")
hw$phase <- ifelse(hw$session <= 3, "early", ifelse(hw$session <= 6, "middle", "late"))
hw$late <- as.numeric(hw$session > 5)
hole <- hw[!(hw$phase == "middle" & hw$therapist == "T2"), ]
low <- read.csv("data/lm_a.csv"); low$old <- ifelse(low$age > 40, "old", "young")

table_of <- function(s) { s <- as.data.frame(s); for (n in names(s)) if (is.factor(s[[n]])) s[[n]] <- as.character(s[[n]]); as.list(s) }
ask <- function(m, of, by = NULL, at = NULL, slope = NULL, own = NULL, adjust = c("none", "bonferroni", "holm", "BH", "tukey"),
                df = "kenward-roger", ...) {
  e <- hush(if (is.null(slope)) emmeans(m, of, by = by, at = at, lmer.df = df, data = DATA, ...) else
    emtrends(m, of, var = slope, by = by, at = at, lmer.df = df, data = DATA, ...))
  out <- list(of = as.list(of), by = as.list(by), at = at, slope = slope, df = df,
              means = table_of(summary(e, infer = TRUE, adjust = "none")))
  if (nrow(as.data.frame(summary(e))) > 1) out$pairs <- lapply(setNames(adjust, adjust), function(a)
    table_of(hush(summary(pairs(e, reverse = FALSE), infer = TRUE, adjust = a))))
  if (!is.null(own)) out$own <- table_of(summary(contrast(e, own), infer = TRUE, adjust = "holm"))
  out
}
mixed <- function(f, d, reml = TRUE, satterthwaite = FALSE, ...) {
  m <- sharpen(fit(f, d, reml)); if (satterthwaite) m <- hush(as_lmerModLmerTest(m))
  DATA <<- d; c(list(formula = paste(deparse(f), collapse = " ")), ask(m, ...)) }
plain <- function(f, d, ...) { DATA <<- d; m <- lm(f, data = DATA)
  c(list(formula = paste(deparse(f, 200), collapse = " ")), ask(m, ...)) }

out <- list(
  lmer = list(
    phase = mixed(homework ~ phase + beh_cw + beh_pm + (1 | patient), hw, of = "phase",
                  own = list(`late over others` = c(-0.5, 1, -0.5), `middle over early` = c(-1, 0, 1))),
    phase_satterthwaite = mixed(homework ~ phase + beh_cw + beh_pm + (1 | patient), hw, of = "phase", df = "satterthwaite",
                                satterthwaite = TRUE),
    by_therapist = mixed(homework ~ phase * therapist + beh_cw + (1 | patient), hw, of = "phase", by = "therapist"),
    both = mixed(homework ~ phase * therapist + beh_cw + (1 | patient), hw, of = c("phase", "therapist"), adjust = c("holm", "tukey")),
    random_slope = mixed(homework ~ phase * beh_cw + beh_pm + (beh_cw | patient), hw, of = "phase", slope = "beh_cw"),
    codes = mixed(homework ~ late * beh_cw + therapist + (1 | patient), hw, of = "late"),
    slope_of_code = mixed(homework ~ late * beh_cw + therapist + (1 | patient), hw, of = "late", slope = "beh_cw"),
    curve = mixed(homework ~ poly(session, 2) * therapist + beh_cw + (1 | patient), hw, of = "session", by = "therapist",
                  at = list(session = c(1, 4, 8))),
    curve_slope = mixed(homework ~ poly(session, 2) * therapist + beh_cw + (1 | patient), hw, of = "session",
                        slope = "session", at = list(session = c(2, 5, 8)), delta.var = 1e-6),
    factor_of_number = mixed(homework ~ factor(session) + beh_cw + (1 | patient), hw, of = "session", adjust = c("holm", "tukey")),
    spline = mixed(homework ~ ns(session, 3) + beh_cw + (1 | patient), hw, of = "session", at = list(session = c(1, 5, 9))),
    hole = mixed(homework ~ phase * therapist + beh_cw + (1 | patient), hole, of = "phase", by = "therapist"),
    hole_mean = mixed(homework ~ phase * therapist + beh_cw + (1 | patient), hole, of = "phase"),
    sleep = mixed(Reaction ~ Days + (Days | Subject), sleep, of = "Days", at = list(Days = c(0, 4.5, 9))),
    ortho = mixed(distance ~ age_c * Sex + (age_c || Subject), ortho, of = "Sex", slope = "age_c"),
    ortho_mean = mixed(distance ~ age_c * Sex + (age_c || Subject), ortho, of = "Sex", by = "age_c", at = list(age_c = c(-3, 3)))),
  lm = list(
    factors = plain(homework ~ phase * therapist * beh_cw + all_c, hw, of = "phase", by = "therapist"),
    all_pairs = plain(homework ~ phase * therapist + all_c, hw, of = c("phase", "therapist")),
    slope = plain(homework ~ phase * beh_cw + all_c, hw, of = "phase", slope = "beh_cw"),
    overall = plain(homework ~ phase * therapist + late, hw, of = "1"),
    log = plain(homework ~ log(session) * therapist, hw, of = "session", by = "therapist", at = list(session = c(1, 2, 9))),
    cubic = plain(homework ~ poly(session, 3) + therapist, hw, of = "session", at = list(session = c(1, 3, 5, 7)), adjust = c("BH", "tukey")),
    hole = plain(homework ~ phase * therapist, hole, of = c("phase", "therapist"), adjust = c("none", "holm", "BH", "bonferroni")),
    hole_by = plain(homework ~ phase * therapist, hole, of = "phase", by = "therapist", adjust = c("none", "holm", "tukey")),
    moderation = plain(homework ~ behaviour * alliance + age, low, of = "alliance", slope = "behaviour", at = list(alliance = c(3, 4, 5))),
    group = plain(homework ~ behaviour * old + alliance, low, of = "old", slope = "behaviour")))
grid <- expand.grid(q = c(0.3, 1.5, 3, 4.5, 8), k = c(2, 3, 5, 9, 18), df = c(2.5, 7.3, 20, 127.4, Inf))
out$studentized_range <- lapply(transform(grid, p = mapply(ptukey, grid$q, grid$k, grid$df, lower.tail = FALSE),
                                          df = ifelse(is.finite(grid$df), grid$df, -1)), as.numeric)
versions <- sapply(c("emmeans", "pbkrtest", "lmerTest", "lme4"), function(p) as.character(packageVersion(p)))
writeLines(toJSON(c(list(`_versions` = as.list(c(R = R.version.string, versions))), out), digits = NA, auto_unbox = TRUE,
                  na = "null", null = "null", pretty = FALSE), "marginal_means.json")
