"""The ansatz of a person's own circuit in a file: QPY beside plain data, compared by what the circuit does when it is read again.

A module of its own: naming an ansatz must not load what reads and probes circuits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from ....backends.records import Record, earlier_digest, probe, same_probe
from ....backends.stored import circuit_bytes, circuit_from_bytes
from ....base.codec import Beside
from ....base.errors import ProblemError
from ....base.registry import ANSATZ
from ....model.operator_inputs import labels_of
from . import CircuitAnsatz, from_circuit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def write_ansatz(ansatz: CircuitAnsatz, files: dict[str, bytes]) -> dict[str, Any]:
    """The plain data of an ansatz, with its circuit put into ``files``.

    Raises:
        MethodError: a gate cannot be stored; it is named.

    >>> from qiskit.circuit.library import real_amplitudes
    >>> files: dict[str, bytes] = {}
    >>> spec = write_ansatz(from_circuit(real_amplitudes(2, reps=1)), files)
    >>> spec["theta0"], list(files)
    ([0.0, 0.0, 0.0, 0.0], ['ansatz.qpy'])
    """
    files[ANSATZ] = circuit_bytes(ansatz.source, "ansatz")
    spec = {"theta0": list(ansatz.theta0), "probe": probe(circuit_from_bytes(files[ANSATZ])).to_plain()}
    return spec if ansatz.wires is None else {**spec, "wires": list(ansatz.wires)}


def read_ansatz(options: Mapping[str, Any], files: Beside) -> CircuitAnsatz:
    """The ansatz again from its plain data and the file beside it.

    Raises:
        MethodError, ProblemError, KeyError or OSError: the file or the plain data is damaged, or another version of Qiskit reads
            the circuit as one that does something else.
    """
    circuit: QuantumCircuit = files.circuit(ANSATZ)
    _check_circuit(circuit, options, files.then.get("qiskit", ""), files.now("qiskit"))
    made, wires = from_circuit(circuit, options["theta0"]), options.get("wires")
    return replace(made, wires=labels_of(cast("Sequence[int | str]", wires), "wires")) if wires else made


def _check_circuit(circuit: QuantumCircuit, spec: Mapping[str, Any], then: str, now: str) -> None:
    """Bytes that another version of Qiskit wrote may be read as another circuit; earlier versions of ours read nothing back."""
    if "probe" not in spec:
        if then == now and earlier_digest(circuit) != spec.get("digest"):
            raise ProblemError(
                f"The circuit in {ANSATZ} is not the one that was submitted: an earlier version of qml-dynamics stored a gate that "
                "Qiskit does not read as it was. Submit the run anew."
            )
    elif then != now and not same_probe(Record.from_plain(spec["probe"]), circuit):
        raise ProblemError(
            f"The circuit in {ANSATZ} was written by Qiskit {then}, and Qiskit {now} reads one that does something else: go on with "
            f"Qiskit {then}, or submit the run anew."
        )
