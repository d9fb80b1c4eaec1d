"""McLachlan's equations of motion on simulated waves: tangents, metric, solve, integrators, bounds."""
