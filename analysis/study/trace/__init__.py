"""From a number back to the cells that it stands on."""
