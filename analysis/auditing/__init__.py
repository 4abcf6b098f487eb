"""The audit of a text: its printed numbers recomputed from one another, and what does not add up asked as a question."""
