"""IBM devices, fake devices and local mode through the IBM client."""
