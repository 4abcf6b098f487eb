"""Where the facts of a study become the prose, the page and the folder of its report."""
