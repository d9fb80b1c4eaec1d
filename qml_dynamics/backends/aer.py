"""Aer simulators: statevector in one pass, density matrices with noise, matrix product states, trajectories.

Circuits go in as they are where Aer knows their gates; with a noise model they are first compiled to the gates that the model
has noise for (see `aer_noise`), since Aer skips the noise of any other gate in silence. With the noise of a device they are also
routed along its couplers, since a pair of qubits without a coupler has no error in its report either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, transpile
from qiskit_aer import AerSimulator as AerSimulator
from qiskit_aer.noise import NoiseModel as NoiseModel

from ..base.errors import BackendError, check_memory, describe, one_of, real, require
from ..base.installed import version
from ..results.sampling import draw, merged_counts, without_residues
from ..results.trajectory import Counts
from ..synthesis.foreign import opened
from .aer_batch import Batch, check, parts, with_probabilities
from .aer_diagonals import Diagonals
from .aer_noise import STANDARD, Acting
from .aer_outcomes import logical, places, with_readout
from .aer_trains import trains
from .alike import distinct
from .base import Capabilities, OnStep, Seeding, check_circuits
from .branches import Branch, sample_along
from .failures import told
from .midway import flagged

METHODS = ("automatic", "statevector", "density_matrix", "matrix_product_state")
_UNFIT = (
    "stabilizer",
    "extended_stabilizer",
    "unitary",
    "superop",
)  # methods of Aer without rotations, or without measurements
_ENTRY = 16  # bytes of an entry of a density matrix: the state of the simulator
_BESIDE = 40  # bytes of an amplitude: the state of the simulator, and its copy on the way out
_DENSITY_QUBITS = 10  # with noise: density matrices up to here, trajectories above
_SERIAL_QUBITS = 18  # below this threads cost Aer more than they gain


class DeviceNoise(Protocol):
    """The noise of a part of a device with as many qubits as it is asked for: the model, the target, the physical qubits."""

    @property
    def num_qubits(self) -> int:
        """Of the whole device."""
        ...

    def __call__(self, num_qubits: int, /) -> tuple[NoiseModel, Any, tuple[int, ...]]:
        """Of a part; raises :class:`BackendError` where the device has fewer qubits."""
        ...


@dataclass(frozen=True, eq=False)
class AerBackend:
    """``qd.backend("aer")``, ``"aer:density_matrix"``, ``"aer:matrix_product_state"``, ``"aer:noise=fake_manila"``.

    Args:
        method: Aer's simulation method; ``"automatic"`` is a statevector, or a density matrix where there is noise.
        noise_model: a ``qiskit_aer.noise.NoiseModel``.
        precision: ``"double"`` or ``"single"``.
        device: of a number of qubits, the noise model, the target and the physical qubits of a part of a device that has
            as many; it takes the place of ``noise_model``.
        gates: whether amplitudes are made gate by gate; else runs of gates that are diagonal as a whole are one instruction of
            Aer, which is faster and the same to rounding. Samples, noise and the circuits that are told are gates always, but that
            samples of circuits which begin alike come from amplitudes.
        truncation: squared Schmidt coefficients that each cut of a matrix product state may leave out, where waves are too wide for
            tables.
    """

    method: str = "automatic"
    noise_model: NoiseModel | None = None
    precision: str = "double"
    name: str = field(default="aer")
    device: DeviceNoise | None = None
    gates: bool = False
    truncation: float = 1e-8

    seeding: ClassVar[Seeding] = "circuit"
    measures_midway: ClassVar[bool] = True

    def __post_init__(self) -> None:
        one_of(self.method, "method", METHODS, BackendError)
        one_of(self.precision, "precision", ("double", "single"), BackendError)
        real(self.truncation, "truncation", positive=True, error=BackendError)
        ok = self.truncation == AerBackend.truncation or self.method == "matrix_product_state"
        require(ok, "truncation", "be left out but for 'aer:matrix_product_state'", self.truncation, BackendError)
        require(isinstance(self.gates, bool), "gates", "be True or False", self.gates, BackendError)
        if self.noise_model is not None and not isinstance(self.noise_model, NoiseModel):
            raise BackendError(
                f"Argument `noise_model` must be a NoiseModel of Aer, but is {describe(self.noise_model)}."
            )
        if self.noise_model is not None and self.noise_model.is_ideal():
            object.__setattr__(self, "noise_model", None)

    @property
    def exact(self) -> bool:
        """Whether amplitudes can be had."""
        return not self.noisy and self.method in ("automatic", "statevector")

    @property
    def noisy(self) -> bool:
        """Whether there is noise."""
        return self.noise_model is not None or self.device is not None

    @cached_property
    def capabilities(self) -> Capabilities:
        """Those of its method and noise; no wider than the device whose noise it has."""
        auto = self.method == "automatic"
        return Capabilities(
            exact=self.exact,
            noisy=self.noisy,
            seeding=self.seeding,
            midway=self.measures_midway,
            binds=True,
            most_qubits=None if self.device is None else self.device.num_qubits,
            overhead=_BESIDE,
            entry=_ENTRY // (1 if self.precision == "double" else 2),
            density=None if self.method == "density_matrix" else _DENSITY_QUBITS if self.noisy and auto else 0,
            trains=self.method == "matrix_product_state" and not self.noisy,
            branches=self.exact and self.precision == "double",  # single: waves of other passes have other counts
        )

    def _noise(self, num_qubits: int) -> NoiseModel | None:
        return self.noise_model if self.device is None else self.device(num_qubits)[0]

    @cached_property
    def _labels(self) -> frozenset[str]:
        return frozenset(() if self.noise_model is None else self.noise_model.noise_instructions)

    @cached_property
    def _basis(self) -> list[str]:
        if self.noise_model is not None:
            return list(self.noise_model.basis_gates)
        return [n for n in AerSimulator(method=self._method(1)).operation_names if n not in ("unitary", "diagonal")]

    @cached_property
    def _acting(self) -> Acting | None:
        return None if self.noise_model is None else Acting(self.noise_model)

    @cached_property
    def _wanted(self) -> list[str]:
        """The gates that circuits are compiled to."""
        return [n for n in self._basis if n in STANDARD] if self._acting is None else self._acting.basis(self._basis)

    def _method(self, num_qubits: int) -> str:
        if self.method != "automatic":
            return self.method
        if self.noisy and num_qubits <= _DENSITY_QUBITS:
            return "density_matrix"
        return "statevector"

    def _simulator(self, num_qubits: int, seed: int | None = None) -> AerSimulator:
        method = self._method(num_qubits)
        amplitudes = {"density_matrix": 2 * num_qubits, "matrix_product_state": 0}.get(method, num_qubits)
        check_memory(48 << amplitudes, f"Aer's {method} of {num_qubits} qubits")
        return AerSimulator(
            method=method,
            noise_model=self._noise(num_qubits),
            precision=self.precision,
            seed_simulator=seed,
            max_parallel_threads=1 if amplitudes < _SERIAL_QUBITS else 0,
        )

    def draws_exactly(self, num_qubits: int) -> bool:
        """Whether shots on that many qubits are drawn here, from exact probabilities."""
        method = self._method(num_qubits)
        return method == "density_matrix" or (not self.noisy and method == "statevector")

    def compiled(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """The circuit in gates that the simulator (or the noise model) knows: level 1, which drops no rotation.

        Gates keep the labels that the noise model knows: for any other label Aer would find no noise.
        """
        circuit = opened(circuit, self._labels, BackendError)
        if self.device is not None:
            target = self.device(circuit.num_qubits)[1]
            return _transpiled(circuit, target=target)
        if self.noise_model is None and set(circuit.count_ops()) <= set(self._basis):
            return circuit
        out = _transpiled(circuit, basis_gates=self._wanted)
        unknown = set(out.count_ops()) - {*self._basis, *self._wanted, "barrier", "measure", "reset", "delay"}
        if unknown:
            raise BackendError(f"Argument `circuit` must compile to {self._basis}, but keeps {sorted(unknown)}.")
        if self._acting is not None:
            self._acting.tell(out)
        return out

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """The amplitudes after each of consecutive circuits, in one pass; long ones in chunks, for progress."""
        return self._onward(pieces, None, on_step)

    def _onward(
        self, pieces: Sequence[QuantumCircuit], state: np.ndarray | None, on_step: OnStep = lambda done, total: None
    ) -> Iterator[np.ndarray]:
        """The same from a wave on; None: all qubits in 0."""
        if not self.exact:
            raise BackendError(
                f"Argument `backend` must be a noiseless statevector for amplitudes, but is {self.name}."
            )
        simulator = self._simulator(pieces[0].num_qubits)
        fused, ready = Diagonals().fused, {}
        for key, piece in {
            id(piece): piece for piece in pieces
        }.items():  # equal ones between saved times are one object
            ready[key] = self.compiled(piece) if self.gates else fused(self.compiled(piece))
        pieces = [ready[id(piece)] for piece in pieces]
        total, done = sum(len(piece.data) for piece in pieces), 0
        batch = Batch(pieces[0].num_qubits)
        for piece in pieces:
            for part in parts(piece):
                batch.add(part)
                done += len(part.data)
                if batch.full:
                    *finished, state = batch.run(simulator, state, save_end=True)
                    yield from finished
                    on_step(done, total)
                    batch = Batch(piece.num_qubits)
            batch.mark()
        yield from batch.run(simulator, state, save_end=False)
        on_step(total, total)

    def trains(self, pieces: Sequence[QuantumCircuit]) -> list[list[np.ndarray]]:
        """The waves after each of consecutive circuits as matrix product states; see `aer_trains`."""
        cut = {"matrix_product_state_truncation_threshold": self.truncation}
        simulator = AerSimulator(method=self.method, precision=self.precision, max_parallel_threads=1, **cut)
        return trains([self.compiled(piece) for piece in pieces], simulator)

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Exact outcome probabilities, noise and readout errors included."""
        method = self._method(circuits[0].num_qubits)
        if self.noisy and method != "density_matrix":
            raise BackendError(
                f"Argument `shots` must be given: exact noisy probabilities need a density matrix, "
                f"which is used up to {_DENSITY_QUBITS} qubits (or with 'aer:density_matrix')."
            )
        once, places = distinct(circuits)
        ready = [self.compiled(circuit) for circuit in once]
        sent, saved = with_probabilities(ready, joined=self.exact)
        result = self._simulator(circuits[0].num_qubits).run(sent, shots=1).result()
        check(result)
        data = [result.data(i) for i in range(len(sent))]
        raw = [np.asarray(data[i][label], dtype=float) for i, label, _ in saved]
        raw = [without_residues(p) for p in raw] if method == "density_matrix" else raw
        found = [logical(with_readout(p, self._noise(circuit.num_qubits)), circuit) for p, circuit in zip(raw, ready)]
        return [found[place].copy() for place in places]

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of each circuit: from exact probabilities where they are known, else by Aer's sampler."""
        circuits = check_circuits(circuits, shots)
        if self.draws_exactly(circuits[0].num_qubits):
            return [draw(p, shots, seed) for p, seed in zip(self.probabilities(circuits), seeds)]
        out = []
        for circuit, seed in zip(circuits, seeds):
            outcomes, weights = self._outcomes(circuit, shots, seed)
            out.append(merged_counts(outcomes, weights))
        return out

    def sample_branches(self, branches: Sequence[Branch], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """As :meth:`sample`, of circuits that begin alike: what they share is run once."""
        return sample_along(self, self._onward, branches, shots, seeds)

    def sample_midway(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of circuits that measure and reset on the way; see ``MidwayBackend``."""
        check_circuits(circuits, shots, midway=True)
        # every shot is a trajectory anyway, and waves are smaller than density matrices
        waves = replace(self, method="statevector") if self.method == "automatic" else self
        out = []
        for circuit, seed in zip(circuits, seeds):
            raw, weights = waves._outcomes(circuit, shots, seed)
            bits = circuit.num_clbits  # Aer puts the bits of the first register lowest
            on_the_way = np.array([int(value) & ((1 << bits) - 1) > 0 for value in raw])
            ends = np.array([int(value) >> bits for value in raw], dtype=np.int64)
            out.append(flagged(ends, on_the_way, circuit.num_qubits, weights))
        return out

    def _outcomes(self, circuit: QuantumCircuit, shots: int, seed: int) -> tuple[Any, np.ndarray]:
        """Outcomes of all classical bits, those of the qubits at the end the highest, and how often each was seen."""
        measured = self.compiled(circuit).copy()
        bits = ClassicalRegister(circuit.num_qubits, "at_the_end")
        measured.add_register(bits)
        measured.measure(places(measured), bits)
        result = self._simulator(circuit.num_qubits, seed).run(measured, shots=shots).result()
        check(result)
        counts = result.data(0)["counts"]
        raw = [int(key, 16) for key in counts]  # of any length: a long run measures more bits than an integer holds
        return (raw if circuit.num_clbits else np.array(raw)), np.array(list(counts.values()))

    def probabilities_bound(self, circuit: QuantumCircuit, values: np.ndarray) -> np.ndarray:
        """Exact outcome probabilities of one circuit at many parameter values, in one pass of Aer.

        Args:
            circuit: with p free parameters.
            values: shape ``(m, p)``, columns in the order of ``circuit.parameters``.

        Returns:
            Shape ``(m, 2**n)``.
        """
        if not self.draws_exactly(circuit.num_qubits):
            return np.array(self.probabilities([circuit.assign_parameters(row) for row in values]))
        ready = self.compiled(circuit).copy()
        ready.save_probabilities()
        binds = [{p: values[:, i].tolist() for i, p in enumerate(circuit.parameters)}]
        simulator = self._simulator(circuit.num_qubits)
        simulator.set_options(runtime_parameter_bind_enable=True)
        result = simulator.run(ready, parameter_binds=binds, shots=1).result()
        check(result)
        raw = np.array([part.data.probabilities for part in result.results], dtype=float)
        if self._method(circuit.num_qubits) == "density_matrix":
            raw = np.array([without_residues(p) for p in raw])
        if not self.noisy:
            return raw
        return np.array([logical(with_readout(p, self._noise(circuit.num_qubits)), ready) for p in raw])

    def describe(self) -> dict[str, Any]:
        """Name, method, noise and versions."""
        return {
            "name": self.name,
            "method": self.method,
            "precision": self.precision,
            **({"gates": True} if self.gates else {}),
            **({"truncation": self.truncation} if self.method == "matrix_product_state" else {}),
            "noise": self._noise_name(),
            **({} if self.noise_model is None else {"compiled_to": sorted(self._wanted)}),
            "qiskit": version("qiskit"),
            "qiskit-aer": version("qiskit-aer"),
        }

    def _noise_name(self) -> Any:
        if self.device is not None:
            return "simulated " + self.name.partition("=")[2]
        return None if self.noise_model is None else sorted(self.noise_model.noise_instructions)


def _transpiled(circuit: QuantumCircuit, **wanted: Any) -> QuantumCircuit:
    work = lambda: transpile(circuit, optimization_level=1, seed_transpiler=1, **wanted)  # noqa: E731
    return told(work, "Compiling for Aer")


def simulator_like(given: AerSimulator) -> AerBackend | None:
    """The backend that simulates as ``given`` does; None where only ``given`` itself can: it stands for a device's couplings,
    has another method, or options of its own (a GPU, a bond dimension, ...).

    Raises:
        BackendError: its method takes no rotations, or no measurements.
    """
    plain, chosen = AerSimulator().options, given.options
    if chosen.method in _UNFIT:
        raise BackendError(
            f"Argument `backend` must run rotations by any angle and measure, but is an AerSimulator with method {chosen.method!r}."
        )
    free = {"method", "noise_model", "precision", "seed_simulator", "shots", "max_parallel_threads"}
    own = [k for k, v in vars(chosen).items() if not k.startswith("_") and k not in free and v != plain.get(k)]
    if given.coupling_map is not None or own or chosen.method not in METHODS:
        return None
    return AerBackend(method=chosen.method, noise_model=chosen.noise_model, precision=chosen.precision or "double")


@dataclass(frozen=True, eq=False)
class WeakNoise(AerBackend):
    """Aer with depolarising noise on two-qubit gates alone, of any number of qubits; what the matrix of methods runs on.

    A channel ``(1 - q) rho + q I / 4`` after each of G such gates keeps a share ``(1 - q)^G`` of the ideal state, so no density is
    off by more than ``1 - (1 - q)^G`` in total variation.
    """

    two_qubit_error: float = 1e-5

    @property
    def capabilities(self) -> Capabilities:
        """Those of Aer, and the rate of its only noise."""
        return replace(super().capabilities, two_qubit_error=self.two_qubit_error)


def weak_noise(two_qubit_error: float = 1e-5) -> WeakNoise:
    """A backend with that noise on every cx.

    >>> weak_noise().noisy
    True
    """
    from qiskit_aer.noise import depolarizing_error

    noise = NoiseModel(basis_gates=["cx", "rz", "sx", "x"])
    noise.add_all_qubit_quantum_error(depolarizing_error(two_qubit_error, 2), ["cx"])
    return WeakNoise(noise_model=noise, name="aer", two_qubit_error=two_qubit_error)
