# Rscript profile_slopes.R -> profile_slopes.json: REML profile limits of a random slope in eight patients, by the functions
# of mixed_profile.R (lme4's devfun, own code). Data: profile_slopes.csv, synthetic, drawn after the engine was finished.
lines <- readLines("mixed_profile.R"); eval(parse(text = lines[seq_len(grep("^sleep <- read.csv", lines) - 1)]))
save_json(list(slopes = profile_limits(y ~ session * arm + x + (session | patient), read.csv("profile_slopes.csv"), TRUE)), "profile_slopes.json")
