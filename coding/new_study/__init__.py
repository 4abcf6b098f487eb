"""A study folder from a list of sessions: what its columns mean, its declaration and its tables."""
