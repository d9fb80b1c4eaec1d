"""A loss in a package of its own."""


def deep(w):
    """A quartic."""
    return (w[:, 0] ** 2 - 1) ** 2 - 0.2 * w[:, 0]
