"""What comes back: files, sheets, cells, rows and tables, typed and checked."""
