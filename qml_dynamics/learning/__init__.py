"""Uses of the equation: annealing, thermal states, diffusion models, descent, training, ensembles and growth."""
