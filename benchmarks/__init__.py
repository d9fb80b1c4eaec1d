"""Measured comparisons with the peers: ``python -m benchmarks [name ...]`` prints ratios taken in one run."""
