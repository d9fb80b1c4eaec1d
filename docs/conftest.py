"""Notebooks beside the pages are copies, which a build of the pages makes: the suite executes those of `notebooks/`."""

collect_ignore = ["notebooks", "api", "_build"]
