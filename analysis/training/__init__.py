"""Raters in training: held to an expert key and a pass mark."""
