"""The variational method on devices: metric, force and energy from sampled circuits; and training with them."""
