"""Results of a run: trajectories and their files, observables, groups of Pauli strings, sampling."""
