"""The audit of a text: printed numbers recomputed from one another, and a question where they do not add up."""
