"""Comparison with a reference, error budget, resources before a run, the plan for a device."""
