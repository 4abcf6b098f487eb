"""The numbers of a linear mixed model: sums, likelihood, search, profiles. No formula, no table."""
