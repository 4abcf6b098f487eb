# What psych::omega prints of items that are not keyed: with flip = TRUE (its default) items that load negatively on the
# general factor are reversed first. Run in tests/reference: Rscript psych_flip.R
suppressMessages({library(psych); library(jsonlite)})
out <- list()
add <- function(name, data, nf, reversed) {
  for (item in reversed) data[[item]] <- -data[[item]]
  om <- suppressWarnings(omega(data, nfactors = nf, plot = FALSE))
  out[[name]] <<- list(nfactors = nf, reversed = I(reversed), omega_h = om$omega_h, omega_tot = om$omega.tot,
    omega_lim = om$omega.lim, key = om$key, general = unname(om$schmid$sl[, 1]), ecv = unname(om$ECV))
}
nine <- read.csv("rel_sim9x3.csv"); eight <- read.csv("rel_sim8.csv")
i9 <- names(nine)[sapply(nine, is.numeric)]; i8 <- names(eight)[sapply(eight, is.numeric)]
i9 <- tail(i9, 9); i8 <- tail(i8, 8)
add("nine_none", nine[i9], 3, character(0))
add("nine_2_5_7", nine[i9], 3, i9[c(2, 5, 7)])
add("nine_six", nine[i9], 3, i9[c(1, 2, 3, 4, 5, 9)])
add("nine_last", nine[i9], 3, i9[9])
add("nine_two_factors", nine[i9], 2, i9[c(2, 5, 7)])
add("nine_one_factor", nine[i9], 1, i9[c(2, 5, 7)])
add("eight_1_8", eight[i8], 3, i8[c(1, 8)])
add("eight_two_factors", eight[i8], 2, i8[c(1, 2, 3)])
out$items <- list(nine = i9, eight = i8)
write_json(out, "psych_flip.json", auto_unbox = TRUE, digits = 10, pretty = TRUE)
