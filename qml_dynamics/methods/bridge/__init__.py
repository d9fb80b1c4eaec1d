"""Schroedinger bridges: the pair of heat equations between two densities."""
