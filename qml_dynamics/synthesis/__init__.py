"""Circuit builders, as functions. With the ansaetze and the backends the only rooms that import Qiskit."""
