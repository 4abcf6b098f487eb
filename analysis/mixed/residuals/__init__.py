"""Residuals that are correlated or not equally variable, by whitening the rows."""
