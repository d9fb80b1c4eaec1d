"""What everything else stands on: errors and checks, estimates, progress, lazy names, the registry of methods."""
