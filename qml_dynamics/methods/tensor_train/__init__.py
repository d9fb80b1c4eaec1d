"""Quantics tensor trains: the wave of a grid with one core a qubit."""
