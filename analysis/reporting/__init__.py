"""From results to paper: one document of sections, rendered as a page, as a Word file and on the screen."""
