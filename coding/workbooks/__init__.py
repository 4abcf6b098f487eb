"""What raters get and get back: layout, writing, filling, the red pen, saving."""
