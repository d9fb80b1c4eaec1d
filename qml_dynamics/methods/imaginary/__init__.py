"""Imaginary time as circuits: post-selected, measured and double-bracket evolution, and their success laws."""
