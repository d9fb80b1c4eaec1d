"""Methods in a run folder: as plain data in ``run.json``, with the circuit of one's own ansatz beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..backends.records import Record, earlier_digest, probe, same_probe
from ..backends.stored import circuit_bytes, circuit_from_bytes
from ..base.errors import MethodError, ProblemError, describe, one_of
from ..base.places import regular
from ..base.registry import method_from_spec as named_method
from ..methods.variational import ansatz as ansaetze
from ..methods.variational.options import Cutoff, Variational
from ..model.pauli import labels_of
from ..model.spec import describe_method
from ..results.trajectory import plain

ANSATZ = "ansatz.qpy"
KIND = "variational"
_MADE: dict[str, tuple[type, Callable[..., Any]]] = {
    "hardware_efficient": (ansaetze.HardwareEfficient, ansaetze.hardware_efficient),
    "hamiltonian": (ansaetze.HamiltonianAnsatz, ansaetze.hamiltonian),
    "bare": (ansaetze.Bare, ansaetze.bare),
}


def described_method(method: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Plain data, and files by name.

    Raises:
        MethodError: a part is a function or a class of one's own, which another process could not find.

    >>> from qml_dynamics import Variational, ansatz
    >>> spec, files = described_method(Variational(ansatz.hardware_efficient(2), steps=5))
    >>> spec["ansatz"], files
    ({'kind': 'hardware_efficient', 'layers': 2, 'rotations': ['ry']}, {})
    """
    if not isinstance(method, Variational):
        return plain(describe_method(method)), {}
    spec: dict[str, Any] = {"kind": KIND}
    for field in fields(method):
        value = getattr(method, field.name)
        if field.name != "ansatz" and value != field.default:
            spec[field.name] = {"rcond": value.rcond} if isinstance(value, Cutoff) else value
    if callable(method.regularisation) or method.grow is not None:
        raise MethodError(
            "Argument `method` must be plain data for a run in a folder: its regularisation a number or a Cutoff, and its "
            f"ansatz of fixed size, but it is {describe(method)}."
        )
    spec["ansatz"], files = _described_ansatz(method.ansatz)
    return plain(spec), files


def _described_ansatz(ansatz: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    if isinstance(ansatz, ansaetze.CircuitAnsatz):
        data = circuit_bytes(ansatz.source, "ansatz")
        known = probe(circuit_from_bytes(data)).to_plain()
        spec = {"kind": "circuit", "theta0": list(ansatz.theta0), "probe": known}
        if ansatz.wires is not None:
            spec["wires"] = list(ansatz.wires)
        return spec, {ANSATZ: data}
    for kind, (cls, _) in _MADE.items():
        if type(ansatz) is cls:
            return {"kind": kind, **{f.name: getattr(ansatz, f.name) for f in fields(cls)}}, {}
    raise MethodError(
        f"Argument `ansatz` must come from qml_dynamics.ansatz for a run in a folder, but is {type(ansatz).__name__}."
    )


def stored_method(spec: Mapping[str, Any], folder: Path, versions: Mapping[str, str]) -> Any:
    """The method again; raises :class:`MethodError`, :class:`ProblemError` or ``OSError`` where the folder is damaged.

    Args:
        spec: what :func:`described_method` gave.
        folder: where its files are.
        versions: of the libraries that wrote them.
    """
    if spec["kind"] != KIND:
        return named_method(dict(spec))
    options = {name: value for name, value in spec.items() if name != "kind"}
    for name in options:
        one_of(name, "method.variational", [f.name for f in fields(Variational)], MethodError)
    if isinstance(options.get("regularisation"), Mapping):
        options["regularisation"] = Cutoff(**options["regularisation"])
    return Variational(
        **{**options, "ansatz": _stored_ansatz(dict(options["ansatz"]), folder, versions.get("qiskit", ""))}
    )


def _stored_ansatz(spec: dict[str, Any], folder: Path, qiskit: str) -> Any:
    kind = one_of(spec.pop("kind"), "method.ansatz", ["circuit", *_MADE], MethodError)
    if kind == "circuit":
        circuit = circuit_from_bytes(regular(folder / ANSATZ).read_bytes())
        _check_circuit(circuit, spec, qiskit)
        made = ansaetze.from_circuit(circuit, spec["theta0"])
        return replace(made, wires=labels_of(spec["wires"], "wires")) if spec.get("wires") else made
    return _MADE[kind][1](**spec)


def _check_circuit(circuit: Any, spec: Mapping[str, Any], then: str) -> None:
    """Bytes that another version of Qiskit wrote may be read as another circuit; earlier versions of ours read nothing back."""
    now = version("qiskit")
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
