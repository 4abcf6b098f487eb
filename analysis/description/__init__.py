"""What the data look like before any model: descriptives, correlations, outliers, homework."""
