"""A run beside its reference: comparison, error budget, resources, the plan for a device."""
