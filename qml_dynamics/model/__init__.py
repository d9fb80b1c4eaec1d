"""The equation as data: domains, transforms, objectives, schedules, initial waves, problems, Hamiltonians, product formulas."""
