"""Agreement of raters: coefficients, codes one by one, limits of agreement."""
