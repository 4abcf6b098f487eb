"""Inter-rater reliability of every rating design: interrater, severity, generalizability, dyads."""
