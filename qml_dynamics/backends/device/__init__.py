"""Compilation for a device, and figures from its report: gate errors, durations, expected fidelity."""
