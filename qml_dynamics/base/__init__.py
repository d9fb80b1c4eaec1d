"""Errors and checks, estimates, progress, lazy names and the registry: what every other room imports."""
