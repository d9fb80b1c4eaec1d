"""Any PennyLane device as a backend, by a lowering of Qiskit circuits to PennyLane operations.

Wires are reversed once, here: qubit q is wire ``n - 1 - q``, since PennyLane reads its first wire as the most significant bit.
So states, probabilities and samples come out as integers with qubit 0 as the least significant bit.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import entry_points, version
from typing import Any

import numpy as np
import pennylane as qml
from qiskit import QuantumCircuit, transpile

from ..base.errors import BackendError, UnusedArgumentWarning, check_memory, describe
from ..results.sampling import draw, merged_counts, without_residues
from ..results.trajectory import Counts
from ..synthesis.foreign import opened
from .base import Capabilities, OnStep, Seeding, check_circuits, check_width
from .failures import told

GATES = {
    "h": "Hadamard",
    "x": "PauliX",
    "y": "PauliY",
    "z": "PauliZ",
    "s": "S",
    "t": "T",
    "sx": "SX",
    "rx": "RX",
    "ry": "RY",
    "rz": "RZ",
    "p": "PhaseShift",
    "cx": "CNOT",
    "cz": "CZ",
    "swap": "SWAP",
    "rzz": "IsingZZ",
    "rxx": "IsingXX",
    "ryy": "IsingYY",
    "cp": "ControlledPhaseShift",
}
_AMPLITUDES = ("default.qubit", "lightning.qubit")
_DENSE = ("default.qubit", "default.mixed", "lightning.", "reference.qubit")  # hold every amplitude
_ENTRY = 48  # bytes of an entry of a density matrix, at the peak
_AMPLITUDE = 64  # bytes of each, at the peak
_OWN = ("pennylane.", "pennylane_lightning.")  # PennyLane's own simulators give exact probabilities


@dataclass(frozen=True, eq=False)
class PennyLaneBackend:
    """``qd.backend("pennylane:<device>")`` or ``qd.backend(device_object)``.

    Args:
        name: as in ``qd.backend(name)``.
        device: a device object, or None: one of the right width is made for each circuit.
        given: keywords for ``qml.device``.
        analytic: draw shots from exact probabilities, with our own seeds; None: on PennyLane's own simulators.
    """

    name: str
    device: Any = field(default=None, repr=False)
    given: dict[str, Any] = field(default_factory=dict, repr=False)
    analytic: bool | None = None
    _made: dict[int, Any] = field(default_factory=dict, repr=False)

    @property
    def short(self) -> str:
        """PennyLane's name of the device."""
        return self.name.partition(":")[2]

    @property
    def exact(self) -> bool:
        """Whether amplitudes can be had."""
        return self.short in _AMPLITUDES and self.draws_exactly and not self.transformed

    @property
    def transformed(self) -> bool:
        """Whether the device changes circuits before it runs them, as ``qml.noise.add_noise(device, model)`` makes one do."""
        return self.device is not None and "_original_device" in vars(self.device)

    @property
    def draws_exactly(self) -> bool:
        """Whether shots are drawn here, from exact probabilities."""
        if self.analytic is not None:
            return self.analytic
        if self.device is not None:
            own = self.device._original_device if self.transformed else self.device
            return type(own).__module__.startswith(_OWN)
        homes = [entry.value for entry in entry_points(group="pennylane.plugins", name=self.short)]
        return any(home.startswith(_OWN) for home in homes)

    @property
    def noisy(self) -> bool:
        """Whether outcomes may carry noise other than that of shots."""
        return (
            self.transformed or "mixed" in self.short or not (self.draws_exactly or self.short.endswith("local.qubit"))
        )

    @property
    def seeding(self) -> Seeding:
        """``"circuit"`` where we draw; ``"none"`` where the device does, which takes no seed from us."""
        return "circuit" if self.draws_exactly else "none"

    @cached_property
    def capabilities(self) -> Capabilities:
        """Those of the device; no wider than one that came with wires."""
        wires = self.device.wires if self.device is not None and self.device.wires is not None else ()
        analytic = {} if self.analytic is None else {"analytic": self.analytic}
        keywords = {**self.given, **analytic}
        plain = all(value is None or isinstance(value, (str, int, float, bool)) for value in keywords.values())
        return Capabilities(
            exact=self.exact,
            noisy=self.noisy,
            seeding=self.seeding,
            most_qubits=len(wires) or None,
            keywords=keywords if plain else {},  # then it has to be handed over
            by_object=self.device is not None,
            entry=_ENTRY,
            density=None if self.short == "default.mixed" else 0,
        )

    def _check_room(self, num_qubits: int) -> None:
        """Refuse what a simulator that holds all amplitudes could not hold, before PennyLane begins to allocate."""
        if self.short.startswith(_DENSE):
            amplitudes = 2 * num_qubits if self.short == "default.mixed" else num_qubits
            check_memory(_AMPLITUDE << amplitudes, f"{self.name} on {num_qubits} qubits")

    def _device(self, num_qubits: int) -> Any:
        self._check_room(num_qubits)
        if self.device is not None:
            if self.device.wires:
                check_width(num_qubits, len(self.device.wires), self.name)
            return self.device
        if num_qubits not in self._made:
            make = lambda: qml.device(self.short, wires=num_qubits, **self.given)  # noqa: E731
            self._made[num_qubits] = told(make, f"Opening {self.name}")
        return self._made[num_qubits]

    def _wires(self, num_qubits: int) -> list[Any]:
        """The wire of each qubit: the last ``num_qubits`` wires of the device, backwards."""
        device = self._device(num_qubits)
        wires = list(device.wires)[-num_qubits:] if device.wires else list(range(num_qubits))
        return wires[::-1]

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """The amplitudes after each of consecutive circuits, each started from the state before it."""
        if not self.exact:
            raise BackendError(
                f"Argument `backend` must be a noiseless statevector for amplitudes, but is {self.name}."
            )
        num_qubits = pieces[0].num_qubits
        wires, state = self._wires(num_qubits), None
        total, done = sum(len(piece.data) for piece in pieces), 0
        for piece in pieces:
            start: list[Any] = (
                [] if state is None else [qml.StatePrep(state / np.linalg.norm(state), wires=wires[::-1])]
            )
            every = qml.Identity(wires=wires[::-1])  # a device without wires of its own takes them as they come
            tape = qml.tape.QuantumScript([every, *start, *operations(piece, wires, phase=True)], [qml.state()])
            (out,) = self._run([tape], num_qubits)
            state = np.asarray(out, dtype=complex).reshape(-1)[
                : 1 << num_qubits
            ]  # wires beside ours come first, in |0>
            done += len(piece.data)
            on_step(done, total)
            yield state.copy()

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Exact outcome probabilities, from devices that know them."""
        if not self.draws_exactly:
            raise BackendError(f"Argument `shots` must be given: {self.name} gives samples only.")
        num_qubits = circuits[0].num_qubits
        wires = self._wires(num_qubits)
        tapes = [qml.tape.QuantumScript(operations(c, wires), [qml.probs(wires=wires[::-1])]) for c in circuits]
        found = [np.asarray(p, dtype=float).reshape(-1) for p in self._run(tapes, num_qubits)]
        return [without_residues(p) for p in found] if "mixed" in self.short else found

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of each circuit; all of them as one batch of tapes."""
        circuits = check_circuits(circuits, shots)
        if self.draws_exactly:
            return [draw(p, shots, seed) for p, seed in zip(self.probabilities(circuits), seeds)]
        num_qubits = circuits[0].num_qubits
        wires = self._wires(num_qubits)
        measure = [qml.counts(wires=wires[::-1])]
        tapes = [qml.tape.QuantumScript(operations(c, wires), measure, shots=shots) for c in circuits]
        return [_counts(answer) for answer in self._run(tapes, num_qubits)]

    def _run(self, tapes: list[qml.tape.QuantumScript], num_qubits: int) -> Sequence[Any]:
        device = self._device(num_qubits)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return told(lambda: qml.execute(tapes, device, diff_method=None), f"Running on {self.name}")

    def describe(self) -> dict[str, Any]:
        """Name, how shots are drawn, and version."""
        return {
            "name": self.name,
            "draws_exactly": self.draws_exactly,
            "noise": "unknown" if self.noisy else "none",
            "options": sorted(self.given),
            "pennylane": version("pennylane"),
        }


def operations(circuit: QuantumCircuit, wires: Sequence[int | str], phase: bool = False) -> list[Any]:
    """The gates of a bound, unmeasured circuit as PennyLane operations; ``wires[q]`` is qubit q's.

    The global phase only where it can be seen, in amplitudes: hardware plug-ins know no such gate.
    """
    (circuit,) = check_circuits([circuit])
    low = lowered(circuit)
    out = [qml.GlobalPhase(-float(low.global_phase))] if phase and float(low.global_phase) else []
    for instruction in low.data:
        gate = instruction.operation
        if gate.name in ("barrier", "id", "delay"):
            continue
        place = [wires[low.find_bit(q).index] for q in instruction.qubits]
        out.append(getattr(qml, GATES[gate.name])(*map(float, gate.params), wires=place))
    return out


def lowered(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit in gates that both sides know; level 1, which drops no rotation."""
    circuit = opened(circuit, error=BackendError)
    if set(circuit.count_ops()) <= {*GATES, "barrier"}:
        return circuit
    work = lambda: transpile(circuit, basis_gates=list(GATES), optimization_level=1, seed_transpiler=1)  # noqa: E731
    return told(work, "Compiling for PennyLane")


def _counts(answer: Mapping[str, int]) -> Counts:
    """PennyLane's counts, keyed by bit strings with the first wire first."""
    index = np.array([int(str(key), 2) for key in answer], dtype=np.int64)
    return merged_counts(index, np.array([int(n) for n in answer.values()]))


def pennylane_backend(name: str, given: dict[str, object]) -> PennyLaneBackend:
    """``"pennylane:<device>"`` with keywords for ``qml.device``, and ``analytic=``."""
    analytic = _analytic(given)
    if "wires" in given:
        raise BackendError(
            f"Argument `wires` must not be given for {name}: a device of the width of each circuit is made. Hand over a device object "
            "to choose its wires."
        )
    made = PennyLaneBackend(name, None, given, analytic)
    if "shots" in given and made.draws_exactly:
        raise BackendError(
            f"Argument `shots` must be given to the call that runs, as in evolve(..., shots=100), but is given to {name}: shots are drawn "
            "from its exact probabilities."
        )
    return made


def _analytic(given: dict[str, object]) -> bool | None:
    analytic = given.pop("analytic", None)
    if analytic is not None and not isinstance(analytic, bool):
        raise BackendError(f"Argument `analytic` must be True, False or None, but is {describe(analytic)}.")
    return analytic


def from_device(device: qml.devices.Device, given: dict[str, object]) -> PennyLaneBackend:
    """A device object."""
    short = getattr(device, "name", None) or getattr(device, "short_name", type(device).__name__)
    analytic = _analytic(given)
    if given:
        raise BackendError(f"Argument `options` must be empty for a device object, but names {sorted(given)}.")
    made = PennyLaneBackend(f"pennylane:{short}", device, {}, analytic)
    if device.shots and made.draws_exactly:
        text = f"The shots that are set in {made.name} take no part: a call says how many it draws, as in evolve(..., shots=100)."
        warnings.warn(text, UnusedArgumentWarning, stacklevel=2)
    return made
