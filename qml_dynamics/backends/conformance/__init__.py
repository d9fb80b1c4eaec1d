"""The test of the contract of a backend."""
