"""Internal consistency: alpha, omega and the factor models they stand on."""
