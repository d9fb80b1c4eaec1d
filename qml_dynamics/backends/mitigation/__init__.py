"""Batches, readout mitigation and zero-noise extrapolation."""
