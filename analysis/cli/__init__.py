"""The command line: both rooms' commands, gathered in one application."""
