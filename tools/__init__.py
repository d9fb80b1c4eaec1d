"""Programs that make what the repository holds; they are not in the wheel."""
