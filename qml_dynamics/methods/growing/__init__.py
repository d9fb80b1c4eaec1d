"""Grids and ansaetze that grow while a method runs."""
