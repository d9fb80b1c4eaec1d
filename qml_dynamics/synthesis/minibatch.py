"""Product-formula circuits whose potential factors are different losses: one diagonal for each mini-batch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from ..model.domains import Domain
from .diagonal import diagonal, walsh_series
from .transforms import kinetic, width


class Factory:
    """Circuits of consecutive factors on one domain.

    Args:
        domain: the weight space.
        tolerance: allowed ``sup |f - f'|`` of each diagonal ``exp(-i f)`` from leaving out small Walsh terms.
    """

    def __init__(self, domain: Domain, tolerance: float = 0.0) -> None:
        self.domain, self.tolerance = domain, tolerance
        self.error = 0.0
        self._template = QuantumCircuit(width(domain))
        self._tau = Parameter("tau")
        kinetic(domain, self._tau, self._template)
        self._bound: dict[str, QuantumCircuit] = {}

    def piece(self, factors: Iterable[tuple[float, np.ndarray | None]]) -> QuantumCircuit:
        """Pairs ``(amount, values)`` in the order in which they act: ``exp(-i amount values)``, or the kinetic factor for None.

        ``error`` grows by the 2-norm error that the truncation may make.

        >>> from qml_dynamics import Hypercube
        >>> Factory(Hypercube(2)).piece([(0.3, np.arange(4.0)), (0.2, None)]).count_ops()["rx"]
        2
        """
        circuit = QuantumCircuit(self._template.num_qubits)
        for amount, values in factors:
            if not amount:
                continue
            if values is None:
                circuit.compose(self._kinetic(amount), inplace=True)
                continue
            series = walsh_series(amount * values, self.tolerance)
            diagonal(series, 1.0, circuit, range(self.domain.num_qubits))
            self.error += series.error
        return circuit

    def _kinetic(self, amount: float) -> QuantumCircuit:
        key = f"{amount:.12e}"
        if key not in self._bound:
            template = self._template
            self._bound[key] = template.assign_parameters([amount]) if template.parameters else template
        return self._bound[key]
