"""The plain gates of a device: rz, sx and x, and one two-qubit gate that is its own inverse.

Two things of the runtime's client need them (measured with qiskit-ibm-runtime 0.51 and samplomatic 0.21): twirling refuses
rotations such as rxx, rzx or crx, and the estimator, which merges one-qubit gates, gives wrong values in silence for some
circuits with u, ry or rx gates, and folds no two-qubit gates but these.
"""

from __future__ import annotations

from qiskit.transpiler import Target

from ...base.errors import BackendError

ONE = ("rz", "sx", "x", "id")
TWO = ("ecr", "cz", "cx")
BESIDE = (
    "measure",
    "reset",
    "delay",
    "barrier",
    "if_else",
    "for_loop",
    "while_loop",
    "switch_case",
    "break_loop",
    "continue_loop",
)


def plain_target(target: Target, name: str) -> Target | None:
    """A device's report with its plain gates only; None where it has no others.

    Raises:
        BackendError: it has no such two-qubit gate.
    """
    names = set(target.operation_names)
    two = [gate for gate in TWO if gate in names]
    if not two or not {"rz", "sx"} <= names:
        raise BackendError(
            f"Argument `backend` must have rz, sx and one of cx, cz and ecr, but {name} has {sorted(names)}."
        )
    keep = (*ONE, "cx" if "cx" in two else two[0], *(n for n in BESIDE if n in ("measure", "reset", "delay")))
    if names <= {*keep, *BESIDE}:
        return None
    out = Target(num_qubits=target.num_qubits, dt=target.dt, qubit_properties=target.qubit_properties)
    for gate in keep:
        if gate not in names:
            continue
        places = target[gate]
        if places is None or None in places:
            out.add_instruction(target.operation_from_name(gate), name=gate)
        else:
            out.add_instruction(target.operation_from_name(gate), dict(places), name=gate)
    return out
