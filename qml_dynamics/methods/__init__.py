"""The contract of a method, and every method that runs a problem: one file or folder each."""
