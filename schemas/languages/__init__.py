"""The texts of a rater's workbook, one table per language."""
