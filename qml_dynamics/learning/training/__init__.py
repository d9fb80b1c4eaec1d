"""Training of a circuit on data by the natural gradient: losses, optimisers, accounts of shots."""
