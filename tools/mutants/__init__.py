"""Planted faults: each is put into a copy of the tree, and the tests that should notice it are run there.

``python -m tools.mutants`` runs them all; ``python -m tools.mutants --help`` tells how to choose some of them.
"""
