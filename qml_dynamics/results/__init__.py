"""What a run answers: trajectories and their files, observables, groups of Pauli strings, sampling."""
