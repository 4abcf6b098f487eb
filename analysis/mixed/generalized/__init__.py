"""Generalised mixed models: outcomes that are done or not, counted, or rated in ordered categories."""
