"""Circuits on the page: how many gates of each kind, and small ones drawn as text, with the first gates of longer ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.errors import QMLDynamicsError
from ...methods.base import facts_of
from ...methods.evolution import circuits as circuits_of
from ...results.compact import CompactTrajectory
from ...results.trajectory import Trajectory
from .markup import Child, code, data, element, table
from .sections import details, note

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

MOST_QUBITS, MOST_GATES = 16, 120  # of a drawing
_BUILT_QUBITS, _BUILT_STEPS = 8, 64  # of runs whose circuit is built for the page


def drawn(circuit: QuantumCircuit, what: str) -> list[Child]:
    """The gates of a circuit in numbers, and a drawing where it is narrow: all of it, or its first gates.

    Args:
        circuit: with numbers for all angles, or parameters.
        what: which circuit it is, for its heading.
    """
    ops = circuit.count_ops()
    rows: list[list[Child]] = [[str(name), data(int(number))] for name, number in sorted(ops.items())]
    rows += [["all gates", data(int(sum(ops.values())))], ["on two or more qubits", data(circuit.num_nonlocal_gates())]]
    rows += [["depth", data(int(circuit.depth()))], ["qubits", data(circuit.num_qubits)]]
    parts: list[Child] = [element("h3", what), table(["gate", "number"], rows, "Gates before compilation")]
    if circuit.num_qubits > MOST_QUBITS:
        return [*parts, note(f"More than {MOST_QUBITS} qubits are not drawn.")]
    part, many = circuit, len(circuit.data)
    if many > MOST_GATES:
        part = circuit.copy_empty_like()
        for instruction in circuit.data[:MOST_GATES]:
            part.append(instruction)
        parts.append(note(f"Drawn: the first {MOST_GATES} of {many:,} gates."))
    text = str(part.draw(output="text", fold=-1, initial_state=False, cregbundle=True))
    return [*parts, details("The circuit, drawn; time runs to the right", code(text, f"{what}, drawn"))]


def of_run(run: Trajectory) -> list[Child]:
    """The circuit of the last saved time of a run on a backend, where it is known ahead, narrow and short enough to be built here."""
    facts = facts_of(run.method)
    if facts is None or not facts.circuits_known_ahead or isinstance(run, CompactTrajectory):
        return []
    wide = run.problem.domain.num_qubits > _BUILT_QUBITS
    if wide or (facts.steps or 0) > _BUILT_STEPS:
        most = f"{_BUILT_QUBITS} qubits and {_BUILT_STEPS} steps"
        return [note(f"Circuits above {most} are not drawn; `qml_dynamics.circuits` in Python builds them.")]
    seed = run.provenance.get("seed")
    try:
        found = circuits_of(
            run.problem, run.method, [float(run.times[-1])], seed=seed if isinstance(seed, int) else None
        )
    except QMLDynamicsError as error:
        return [note(f"The circuit could not be built: {error}")]
    return drawn(found[-1], "The circuit of the last saved time")
