# Called by bench_mixed.py: Rscript bench_mixed.R folder -> one line "name seconds" per task, CPU seconds per fit.
suppressMessages({library(lme4); library(lmerTest); library(pbkrtest)})
folder <- commandArgs(TRUE)[1]; tasks <- commandArgs(TRUE)[-1]; wanted <- function(n) n %in% tasks
cpu <- function(e) { t <- system.time(e); t[["user.self"]] + t[["sys.self"]] }
say <- function(name, seconds) cat(name, format(seconds, digits = 6), "\n")
read <- function(n) read.csv(file.path(folder, paste0(n, ".csv")))
quiet <- function(e) suppressWarnings(suppressMessages(e))
slopes <- y ~ within + time + between + (time | patient)
for (size in c("22x9", "2000x20", "20000x20")) if (wanted(size)) {
  d <- read(size); d$patient <- factor(d$patient); times <- if (size == "22x9") 20 else 1
  say(size, cpu(for (i in seq_len(times)) quiet(lme4::lmer(slopes, d))) / times) }
if (wanted("crossed")) { d <- read("crossed"); d$target <- factor(d$target); d$rater <- factor(d$rater)
  say("crossed", cpu(for (i in 1:5) quiet(lme4::lmer(y ~ 1 + (1 | target) + (1 | rater), d))) / 5) }
if (wanted("large_crossed")) { d <- read("large_crossed"); d$a <- factor(d$a); d$b <- factor(d$b)
  say("large_crossed", cpu(quiet(lme4::lmer(y ~ x + (1 | a) + (1 | b), d)))) }
nested <- list(nested = y ~ x + (1 | patient/session), nested_slopes = y ~ x + (x | patient) + (1 | patient:session),
               nested_therapists = y ~ x + (1 | therapist/patient/session), nested_20000 = y ~ x + (1 | patient/session))
for (name in names(nested)) if (wanted(name)) { d <- read(name)
  for (v in c("therapist", "patient", "session")) d[[v]] <- factor(d[[v]])
  say(name, cpu(m <- quiet(lme4::lmer(nested[[name]], d))))
  cat(paste0(name, "_loglik"), format(as.numeric(logLik(m)), digits = 15), "\n") }
if (wanted("insteval")) { d <- InstEval; say("insteval", cpu(quiet(lme4::lmer(y ~ 1 + service + (1 | s) + (1 | d) + (1 | dept:service), d)))) }
if (wanted("refits")) { d <- read("22x9"); d$patient <- factor(d$patient); Y <- as.matrix(read("responses"))
  m <- quiet(lme4::lmer(slopes, d)); n <- ncol(Y)
  say("refits", cpu(for (i in seq_len(n)) quiet(refit(m, Y[, i]))) / n)
  k <- 8; BASE <<- d
  one <- function(i, ddf) { BASE$y <<- Y[, i]; mm <- quiet(lmerTest::lmer(slopes, BASE)); quiet(summary(mm, ddf = ddf)) }
  say("refits_satterthwaite", cpu(for (i in 1:k) one(i, "Satterthwaite")) / k)
  say("refits_kenward_roger", cpu(for (i in 1:3) one(i, "Kenward-Roger")) / 3) }
