"""Synthetic example studies, each beside the seeded generator that made it."""
