"""Gates and depth of product-formula circuits of operators beside Qiskit's, through one compilation in one run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pennylane as qml
from pennylane import numpy as pnp
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp
from qiskit.synthesis import SuzukiTrotter
from qiskit.transpiler.passes.synthesis.high_level_synthesis import HLSConfig

import qml_dynamics as qd
from qml_dynamics.model.pauli import pauli_sum

BASIS = ["cx", "rz", "sx", "x"]
STEPS = 10
SEED = 1  # of the compilation


def ising(n: int) -> SparsePauliOp:
    """``- sum Z Z - sum X`` on a chain."""
    bonds = [("ZZ", [i, i + 1], -1.0) for i in range(n - 1)]
    return SparsePauliOp.from_sparse_list([*bonds, *(("X", [i], -1.0) for i in range(n))], n)


def heisenberg(n: int, bonds: list[tuple[int, int]] | None = None) -> SparsePauliOp:
    """``sum X X + Y Y + Z Z`` on a chain, or on these bonds."""
    bonds = bonds or [(i, i + 1) for i in range(n - 1)]
    return SparsePauliOp.from_sparse_list([(p * 2, [*bond], 1.0) for bond in bonds for p in "XYZ"], n)


def ladder(length: int) -> list[tuple[int, int]]:
    """Bonds of two chains with rungs."""
    rungs = [(2 * i, 2 * i + 1) for i in range(length)]
    return rungs + [(2 * i + a, 2 * i + 2 + a) for i in range(length - 1) for a in (0, 1)]


def molecule(symbols: list[str], distance: float, orbitals: int | None) -> SparsePauliOp:
    """A molecule of two atoms in STO-3G, computed here, with two active electrons."""
    atoms = qml.qchem.Molecule(symbols, pnp.array([[0, 0, 0], [0, 0, distance]]), unit="bohr")
    active = {} if orbitals is None else {"active_electrons": 2, "active_orbitals": orbitals}
    terms = pauli_sum(qml.qchem.molecular_hamiltonian(atoms, **active)[0])
    return SparsePauliOp(terms.labels, terms.coefficients)


MODELS: dict[str, Callable[[], SparsePauliOp]] = {
    "Ising chain, 6": lambda: ising(6),
    "Ising chain, 20": lambda: ising(20),
    "Heisenberg chain, 6": lambda: heisenberg(6),
    "Heisenberg chain, 20": lambda: heisenberg(20),
    "Heisenberg ladder, 2 x 4": lambda: heisenberg(8, ladder(4)),
    "H2, 4 qubits": lambda: molecule(["H", "H"], 1.4, None),
    "LiH, 6 qubits": lambda: molecule(["Li", "H"], 3.0, 3),
}


def counts(circuit: QuantumCircuit, evolution: list[str] | None = None) -> tuple[int, int]:
    """CX and depth in CX after compilation at level 2."""
    config = HLSConfig(PauliEvolution=evolution) if evolution else None
    out = transpile(circuit, basis_gates=BASIS, optimization_level=2, seed_transpiler=SEED, hls_config=config)
    return out.num_nonlocal_gates(), out.depth(lambda i: len(i.qubits) > 1)


def peer(operator: SparsePauliOp, preserve: bool, evolution: list[str] | None = None) -> tuple[int, int]:
    """Strang's formula by Qiskit, the whole circuit."""
    circuit = QuantumCircuit(operator.num_qubits)
    formula = SuzukiTrotter(2, STEPS, preserve_order=preserve)
    circuit.append(PauliEvolutionGate(operator, 1.0, synthesis=formula), range(operator.num_qubits))
    return counts(circuit, evolution)


def main() -> None:
    """Ten Strang steps of each model."""
    print(f"{STEPS} Strang steps, CX / depth in CX at level 2; Qiskit's terms in order, coloured, and by Rustiq")
    ratios = []
    for name, make in MODELS.items():
        operator = make()
        problem = qd.Problem.from_operator(operator, clock="real", duration=1.0)
        ours = counts(qd.circuits(problem, qd.Trotter(STEPS))[-1])
        peers = [peer(operator, True), peer(operator, False), peer(operator, False, ["rustiq"])]
        best = [min(found[i] for found in peers) for i in (0, 1)]
        ratios.append([ours[i] / best[i] for i in (0, 1)])
        told = ", ".join(f"{gates}/{depth}" for gates, depth in peers)
        print(
            f"{name}: ours {ours[0]}/{ours[1]}; {told}; {ratios[-1][0]:.2f} x gates, {ratios[-1][1]:.2f} x depth",
            flush=True,
        )
    mean = np.exp(np.log(ratios).mean(axis=0))
    print(f"geometric mean over the best of the three: {mean[0]:.2f} x gates, {mean[1]:.2f} x depth")


if __name__ == "__main__":
    main()
