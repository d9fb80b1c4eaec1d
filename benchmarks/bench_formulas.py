"""Gates and depth of product formulas at equal error of the wave, beside the best of Qiskit and PennyLane, through one compilation.

For each model, start, time and error (2-norm, up to a phase) the peers are Lie's formula and Suzuki's of orders 2 and 4 with and without
``preserve_order``, as they are and by Rustiq, and PennyLane's ``TrotterProduct`` of orders 1, 2 and 4; each with the fewest steps
that reach the error. Whole circuits are compiled at level 2 to cx, rz, sx, x: of the peers those whose counts, carried on from a few steps,
come within a third of the best. ``--device`` compiles what is best for gates on both sides onto a heavy-hex device instead.

    python -m benchmarks.bench_formulas [--models "Ising chain, 6" ...] [--times 1 3] [--errors 1e-2 1e-3 1e-4] [--device]
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import networkx as nx
import numpy as np
import pennylane as qml
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp
from qiskit.synthesis import LieTrotter, SuzukiTrotter
from qiskit.synthesis.evolution.pauli_network import synth_pauli_network_rustiq
from scipy.sparse.linalg import expm_multiply

import qml_dynamics as qd
from benchmarks.bench_operators import BASIS, SEED, heisenberg, ising, ladder, molecule
from qml_dynamics.synthesis.pauli_network import rotated

Aim = Literal["gates", "depth", "both"]
AIMS: tuple[Aim, ...] = ("gates", "depth", "both")
Order = list[tuple[int, int, float]]  # masks and angles over 2, of one step of unit time
_MOST = 600  # steps of a peer
_NEAR = 1.34  # times the best count carried on: what is compiled as a whole
_RUSTIQ = 4000  # rotations up to which Rustiq is asked for a whole circuit


def ising_ladder(length: int) -> SparsePauliOp:
    """``- sum Z Z - sum X`` on two chains with rungs."""
    return _ising_on(2 * length, ladder(length))


def _ising_on(n: int, bonds: list[tuple[int, int]]) -> SparsePauliOp:
    terms = [("ZZ", [*bond], -1.0) for bond in bonds]
    return SparsePauliOp.from_sparse_list([*terms, *(("X", [i], -1.0) for i in range(n))], n)


def regular(n: int) -> SparsePauliOp:
    """The Ising model on a random 4-regular graph."""
    return _ising_on(n, [(min(e), max(e)) for e in nx.random_regular_graph(4, n, seed=7).edges()])


def mixed(n: int) -> SparsePauliOp:
    """A model of none of these families: XXZ with a field along X on a ring."""
    bonds = [(i, (i + 1) % n) for i in range(n)]
    terms = [(p * 2, [*bond], c) for bond in bonds for p, c in (("X", 1.0), ("Y", 1.0), ("Z", 0.5))]
    return SparsePauliOp.from_sparse_list([*terms, *(("X", [i], 0.7) for i in range(n))], n)


MODELS: dict[str, Callable[[], SparsePauliOp]] = {
    "Ising chain, 6": lambda: ising(6),
    "Ising chain, 10": lambda: ising(10),
    "Ising ladder, 2 x 4": lambda: ising_ladder(4),
    "Heisenberg chain, 6": lambda: heisenberg(6),
    "Heisenberg chain, 10": lambda: heisenberg(10),
    "Heisenberg ladder, 2 x 4": lambda: heisenberg(8, ladder(4)),
    "4-regular graph, 8": lambda: regular(8),
    "XXZ ring in a field, 6": lambda: mixed(6),
    "H2, 4 qubits": lambda: molecule(["H", "H"], 1.4, None),
    "LiH, 6 qubits": lambda: molecule(["Li", "H"], 3.0, 3),
}


def start_of(name: str, n: int) -> str:
    """Hartree's and Fock's state of a molecule, Neel's of Heisenberg's models, else zeros; the highest qubit first."""
    if name.startswith(("H2", "LiH")):  # two electrons, on PennyLane's first wires
        return "11" + "0" * (n - 2)
    return ("01" * n)[:n] if name.startswith(("Heis", "XXZ")) else "0" * n


@dataclass(frozen=True)
class Peer:
    """A peer's formula: the rotations of one step, and the circuit of so many."""

    name: str
    step: Callable[[int], Order]
    circuit: Callable[[int], QuantumCircuit]
    rustiq: bool = False


def compiled(circuit: QuantumCircuit, device: object = None) -> tuple[int, int]:
    """Gates on two qubits, and their depth, after level 2."""
    options = {"backend": device} if device is not None else {"basis_gates": BASIS}
    out = transpile(circuit, optimization_level=2, seed_transpiler=SEED, **options)
    return out.num_nonlocal_gates(), out.depth(lambda i: len(i.qubits) > 1)


def peers(operator: SparsePauliOp, time: float) -> Iterator[Peer]:
    """Qiskit's and PennyLane's formulas."""
    n = operator.num_qubits
    for preserve in (True, False):
        for label, order in (("Lie", 1), ("Suzuki 2", 2), ("Suzuki 4", 4)):
            kept = "in order" if preserve else "reordered"

            def gate(steps: int, order: int = order, preserve: bool = preserve) -> PauliEvolutionGate:
                """The evolution by so many steps."""
                make = (
                    LieTrotter(steps, preserve_order=preserve)
                    if order == 1
                    else SuzukiTrotter(order, steps, preserve_order=preserve)
                )
                return PauliEvolutionGate(operator, time, synthesis=make)

            def step(steps: int, gate: Callable[[int], PauliEvolutionGate] = gate) -> Order:
                """The rotations of all steps."""
                found = gate(steps)
                return [_masks(p, q, float(a)) for p, q, a in found.synthesis.expand(found)]

            def circuit(steps: int, gate: Callable[[int], PauliEvolutionGate] = gate) -> QuantumCircuit:
                """The circuit of all steps."""
                out = QuantumCircuit(n)
                out.append(gate(steps), range(n))
                return out

            yield Peer(f"Qiskit {label} {kept}", step, circuit)

            def network(steps: int, step: Callable[[int], Order] = step) -> QuantumCircuit:
                """The same rotations as one network; the compiler's own call would put them in the operator's order again."""
                rows = [_network_row(x, z, angle, n) for x, z, angle in step(steps) if x | z]
                return synth_pauli_network_rustiq(n, rows, preserve_order=True, upto_phase=True)

            yield Peer(f"Qiskit {label} {kept}, Rustiq", step, network, rustiq=True)
    for order in (1, 2, 4):
        yield _pennylane(operator, time, order)


def _pennylane(operator: SparsePauliOp, time: float, order: int) -> Peer:
    """``TrotterProduct``, which is ``e^{i H t}``; wire w is qubit ``n - 1 - w``, as in the labels."""
    n = operator.num_qubits
    words = [
        qml.pauli.string_to_pauli_word(label) if set(label) != {"I"} else qml.Identity(0)
        for label in operator.paulis.to_labels()
    ]
    total = qml.dot(operator.coeffs.real, words)

    def rotations(steps: int) -> Order:
        """The exponentials into which it decomposes, in the order in which they act."""
        found: Order = []
        for one in qml.TrotterProduct(total, -time, n=steps, order=order).decomposition():
            sentence = qml.pauli.pauli_sentence(one.base)
            for word, c in sentence.items():
                if len(word):
                    qubits = [n - 1 - w for w in word]
                    found.append(_masks("".join(word.values()), qubits, 2 * float((1j * one.scalar * c).real)))
        return found

    def circuit(steps: int) -> QuantumCircuit:
        """The same exponentials, as gates."""
        out = QuantumCircuit(n)
        for x, z, angle in rotations(steps):
            where = [q for q in range(n) if (x | z) >> q & 1]
            label = "".join("IXZY"[(x >> q & 1) + 2 * (z >> q & 1)] for q in reversed(where))
            out.append(PauliEvolutionGate(SparsePauliOp(label), angle / 2), where)
        return out

    return Peer(f"PennyLane TrotterProduct {order}", rotations, circuit)


def _network_row(x: int, z: int, angle: float, n: int) -> tuple[str, list[int], float]:
    where = [q for q in range(n) if (x | z) >> q & 1]
    return "".join("IXZY"[(x >> q & 1) + 2 * (z >> q & 1)] for q in where), where, angle


def _masks(letters: str, qubits: list[int], angle: float) -> tuple[int, int, float]:
    x = sum(1 << q for p, q in zip(letters, qubits) if p in "XY")
    z = sum(1 << q for p, q in zip(letters, qubits) if p in "ZY")
    return x, z, angle


def error_of(rotations: Order, start: np.ndarray, truth: np.ndarray) -> float:
    """Distance of the waves, up to a phase."""
    wave = start
    for x, z, angle in rotations:
        wave = rotated(wave, (x, z, 1.0), angle)
    overlap = np.vdot(wave, truth)
    return float(np.linalg.norm(overlap / abs(overlap) * wave - truth)) if abs(overlap) else 2.0


def fewest(error: Callable[[int], float], wanted: float, most: int) -> int | None:
    """The fewest steps that reach an error; None above so many."""
    high = 1
    while error(high) > wanted:
        high *= 2
        if high > most:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if error(middle) <= wanted else (middle, high)
    return high


def best_of_peers(
    operator: SparsePauliOp, label: str, time: float, errors: list[float], device: object = None
) -> dict[float, list[tuple[int, int, str]]]:
    """For each error the whole circuits of the peers that come near the best: gates, depth and name."""
    n = operator.num_qubits
    start = np.zeros(1 << n, dtype=complex)
    start[int(label, 2)] = 1.0
    truth = expm_multiply(-1j * time * operator.to_matrix(sparse=True).tocsc(), start)
    rows: dict[float, list[tuple[float, float, Peer, int]]] = {wanted: [] for wanted in errors}
    for peer in peers(operator, time):
        reach = lru_cache(maxsize=None)(lambda steps, peer=peer: error_of(peer.step(steps), start, truth))
        slope = None
        for wanted in errors:
            steps = fewest(reach, wanted, _MOST if "Lie" not in peer.name and "Product 1" not in peer.name else 64)
            if steps is None or (peer.rustiq and steps * len(peer.step(1)) > _RUSTIQ):
                continue
            slope = slope or [np.array(compiled(peer.circuit(k)), float) for k in (2, 4)]
            gates, depth = slope[0] + (steps - 2) * (slope[1] - slope[0]) / 2
            rows[wanted].append((float(gates), float(depth), peer, steps))
    out = {}
    for wanted, found in rows.items():
        near = [min(row[i] for row in found) * _NEAR for i in (0, 1)]
        kept = [row for row in found if row[0] <= near[0] or row[1] <= near[1]]
        out[wanted] = [
            (*compiled(_started(label, peer.circuit(steps)), device), f"{peer.name}, {steps} steps")
            for _, _, peer, steps in kept
        ]
    return out


def _started(label: str, circuit: QuantumCircuit) -> QuantumCircuit:
    """Behind the X gates of its start."""
    out = QuantumCircuit(circuit.num_qubits)
    for q, digit in enumerate(reversed(label)):
        if digit == "1":
            out.x(q)
    return out.compose(circuit)


def ours(
    operator: SparsePauliOp, label: str, time: float, wanted: float, aim: Aim, device: object = None
) -> tuple[int, int, str]:
    """Gates, depth and formula of what the library picks."""
    problem = qd.Problem.from_operator(operator, clock="real", duration=time, initial=label)
    method = qd.Trotter(formula="auto", tolerance=wanted, optimise=aim)
    circuit = qd.circuits(problem, method)[-1]
    return *compiled(circuit, device), aim


def price(row: tuple[int, int, str], aim: Aim) -> float:
    """What is minimised."""
    return {"gates": row[0], "depth": row[1], "both": row[0] * row[1]}[aim]


def heavy_hex() -> object:
    """A device of IBM's in the heavy-hex lattice, without its noise."""
    from qiskit_ibm_runtime.fake_provider import FakeTorino

    return FakeTorino()


def options() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--times", nargs="*", type=float, default=[1.0])
    parser.add_argument("--errors", nargs="*", type=float, default=[1e-2, 1e-3, 1e-4])
    parser.add_argument("--device", action="store_true")
    return parser.parse_args()


def main() -> None:
    """All models, times and errors."""
    asked = options()
    device = heavy_hex() if asked.device else None
    ratios: dict[Aim, list[float]] = {aim: [] for aim in AIMS}
    for name in asked.models:
        operator = MODELS[name]()
        label = start_of(name, operator.num_qubits)
        for time in asked.times:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                known = best_of_peers(operator, label, time, asked.errors, device)
            for wanted, rivals in known.items():
                told = []
                for aim in AIMS:
                    best = min(rivals, key=lambda row: price(row, aim))
                    mine = ours(operator, label, time, wanted, aim, device)
                    ratio = price(mine, aim) / price(best, aim)
                    ratios[aim].append(ratio)
                    told.append(f"{aim} {mine[0]}/{mine[1]} against {best[0]}/{best[1]} ({best[2]}): {ratio:.2f}")
                print(f"{name}, t = {time:g}, {wanted:g}: {'; '.join(told)}", flush=True)
    for aim in AIMS:
        mean = float(np.exp(np.mean(np.log(ratios[aim]))))
        print(f"{aim}: geometric mean {mean:.2f}, worst {max(ratios[aim]):.2f}")


if __name__ == "__main__":
    main()
