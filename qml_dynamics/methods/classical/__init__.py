"""The classical clock: Hamilton-Jacobi paths and Liouville's equation as circuits."""
