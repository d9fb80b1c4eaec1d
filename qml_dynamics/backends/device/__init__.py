"""Circuits for a device: compilation and what is known of the device."""
