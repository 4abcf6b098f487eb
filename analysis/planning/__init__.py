"""Before the data: how precise a planned study will be."""
