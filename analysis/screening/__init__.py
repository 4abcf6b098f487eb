"""Screens of ratings: what no single cell shows, each against honest coding."""
