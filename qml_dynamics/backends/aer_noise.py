"""Whether a noise model of Aer acts on the compiled circuits: its errors are looked up by gate name or label, and by qubits.

A circuit that is compiled to other gates runs without noise. So the gates to compile to are chosen among those that the model has
noise for, and what is left without any is told.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Protocol

from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.exceptions import QiskitError
from qiskit.providers import Options

from ..base.errors import UnusedNoiseWarning

_GATES = get_standard_gate_name_mapping()
STANDARD = {*_GATES} - {"measure", "reset", "delay"}
"""What a circuit may be compiled to: neither Aer's own instructions (kraus, save_...) nor control flow."""

_NO_GATES = ("measure", "reset", "delay", "id", "barrier")
_ENTANGLING = (
    "cx",
    "cz",
    "ecr",
    "cy",
    "ch",
    "iswap",
    "dcx",
    "rzz",
    "rxx",
    "ryy",
    "rzx",
    "csx",
    "cp",
    "crx",
    "cry",
    "crz",
    "cu1",
    "cu3",
)
_Where = dict[str, set[tuple[int, ...]] | None]  # None: on all qubits


class Model(Protocol):
    """What is needed of a noise model of Aer."""

    def to_dict(self, serializable: bool = False) -> Any:
        """Its errors as plain data."""
        ...


class Simulator(Protocol):
    """What is needed of an AerSimulator."""

    @property
    def options(self) -> Options:
        """What it was made with."""
        ...

    @property
    def operation_names(self) -> list[str]:
        """The gates that it takes."""
        ...

    def set_option(self, key: str, value: object) -> None:
        """Change one."""
        ...


class Acting:
    """The errors of a noise model by the names (or labels) of gates and their qubits."""

    def __init__(self, model: Model) -> None:
        self.gates: _Where = {}
        self.readout = False
        for error in model.to_dict(serializable=False)["errors"]:
            if error["type"] == "roerror":
                self.readout = True
                continue
            for name in error["operations"]:
                qubits = error.get("gate_qubits")
                if qubits is None:
                    self.gates[name] = None
                elif self.gates.get(name, set()) is not None:
                    self.gates.setdefault(name, set()).update(tuple(q) for q in qubits)  # type: ignore[union-attr]

    def on(self, name: str, qubits: Sequence[int]) -> bool:
        """Whether a gate on these qubits has an error."""
        if name not in self.gates:
            return False
        places = self.gates[name]
        return places is None or tuple(qubits) in places

    def named(self) -> list[str]:
        """The gates that have errors, and whether readout has."""
        return [*sorted(self.gates), *(["readout"] if self.readout else [])]

    def basis(self, given: Iterable[str]) -> list[str]:
        """The gates to compile to: of the model's own those with noise, as far as circuits can be made of them."""
        standard = [name for name in given if name in STANDARD]
        one = [name for name in standard if _GATES[name].num_qubits == 1]
        two = [name for name in standard if _GATES[name].num_qubits == 2]
        more = [name for name in standard if _GATES[name].num_qubits > 2]
        noisy_two = [name for name in two if name in self.gates and name in _ENTANGLING]
        noisy_two = noisy_two if _universal(tuple(dict.fromkeys([*one, *noisy_two]))) else []
        two = noisy_two or two
        noisy_one = [name for name in one if name in self.gates and name not in _NO_GATES]
        for chosen in (noisy_one, [*noisy_one, "rz"], one):
            if noisy_one and _universal(tuple(dict.fromkeys([*chosen, *two]))):
                return [*dict.fromkeys([*chosen, *two, *(more if not noisy_two else ())])]
        return [*one, *two, *more]

    def tell(self, circuit: QuantumCircuit) -> None:
        """Warn where gates of a compiled circuit have no error although the model has some, on other gates or other qubits."""
        if not self.gates:
            return  # errors of readout act on every measurement
        place = {qubit: i for i, qubit in enumerate(circuit.qubits)}
        seen, bare, acts = set(), set(), False
        for step in circuit.data:
            name = getattr(step.operation, "label", None) or step.operation.name
            name = name if name in self.gates else step.operation.name
            if name in ("barrier", "measure") or name.startswith("save"):
                continue
            seen.add(name)
            qubits = [place[q] for q in step.qubits]
            if self.on(name, qubits):
                acts = True
            elif name in self.gates:
                bare.add(f"{name} on qubits {qubits}")
        if seen and not acts:
            has = f"has errors of {', '.join(sorted(self.gates))}"
            text = f"The noise model acts on no gate of this circuit: it {has}, and the circuit consists of {', '.join(sorted(seen))}"
            warnings.warn(f"{text}{f' ({sorted(bare)[0]})' if bare else ''}.", UnusedNoiseWarning, stacklevel=5)
        elif bare:
            text = f"The noise model has no error for {sorted(bare)[0]}, which therefore runs without noise: its errors of that gate"
            warnings.warn(f"{text} are on other qubits.", UnusedNoiseWarning, stacklevel=5)


def shaped(device: Simulator) -> tuple[Simulator, Acting | None]:
    """What to compile for where an AerSimulator runs circuits itself (it has couplings, or options of its own), and its noise.

    Without gates that a person chose it takes all that Aer knows, so that a compiler goes past those with noise, and past couplings with
    gates on three qubits. The copy takes gates with noise, on one or two qubits; a device's own gates stay.
    """
    model = device.options.get("noise_model")
    acting = None if model is None else Acting(model)
    acting = acting if acting is not None and (acting.gates or acting.readout) else None
    known = [name for name in device.operation_names if name in STANDARD and _GATES[name].num_qubits <= 2]
    basis = known if acting is None else acting.basis(known)
    like = copy.deepcopy(device)
    like.set_option("basis_gates", basis)
    taken = {name for name in like.operation_names if name in STANDARD}
    return (like if taken == set(basis) and _universal(tuple(basis)) else device), acting


@lru_cache(maxsize=64)
def _universal(basis: tuple[str, ...]) -> bool:
    """Whether the compiler makes any rotation, and a controlled one, of these gates."""
    probe = QuantumCircuit(2)
    probe.u(0.3, 0.7, -0.4, 0)
    if any(_GATES[name].num_qubits == 2 for name in basis):
        probe.crx(0.9, 0, 1)
    try:
        made = transpile(probe, basis_gates=list(basis), optimization_level=1, seed_transpiler=1)
    except QiskitError:
        return False
    return set(made.count_ops()) <= set(basis)
