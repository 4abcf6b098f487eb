"""What alpha and omega stand on: item moments, factor models, and intervals that resample units."""
