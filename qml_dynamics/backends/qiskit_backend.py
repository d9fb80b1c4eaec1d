"""Any Qiskit ``BackendV2`` (through its own ``run``) and any V2 sampler primitive, as a backend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives import BackendSamplerV2
from qiskit.providers import BackendV2

from ..base.errors import BackendError
from ..base.installed import version
from ..results.trajectory import Counts
from .aer_noise import Acting, shaped
from .base import Capabilities, OnStep, Seeding, check_circuits
from .device.compile import Compiled, Managers, compile_all
from .failures import told
from .mitigation.batch import Program, programs, read_result, reduced
from .options import DeviceOptions

if TYPE_CHECKING:
    from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2

BASIS = ["rz", "sx", "x", "cx"]  # what a sampler of an unknown device is given
_SIMULATORS = ("qiskit.", "qiskit_aer.", "qiskit_ibm_runtime.fake_provider.")  # where devices live that take a seed


@dataclass(frozen=True, eq=False)
class QiskitBackend:
    """A ``BackendV2`` or a V2 sampler. Make one with ``qd.backend(object)``.

    Args:
        device: the ``BackendV2``, or None for a sampler that names none: circuits then come in rz, sx, x and cx.
        sampler: a V2 sampler, or None: the device's own ``run``, one call a circuit, each with its seed.
        options: see :class:`DeviceOptions`; dynamical decoupling and twirling belong to a sampler's own options.
    """

    device: Any
    sampler: Any
    options: DeviceOptions = field(default_factory=DeviceOptions)

    _managers: Managers = field(default_factory=dict, repr=False)

    exact: ClassVar[bool] = False
    noisy: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("dynamical_decoupling", "twirling", "max_seconds"):
            if getattr(self.options, name):
                raise BackendError(
                    f"Argument `{name}` must be set on the sampler itself, but was given for {self.name}."
                )
        if not self.options.device_noise:
            raise BackendError(
                f"Argument `device_noise` must be True on {self.name}: it has the noise that it was made with."
            )
        if self.device is None and self.options.readout_mitigation == "reported":
            raise BackendError(
                f"Argument `readout_mitigation` must be 'calibrated', but is 'reported': {self.name} reports nothing."
            )

    @property
    def name(self) -> str:
        """The device's name, or the sampler's type."""
        return f"qiskit:{self.device.name}" if self.device is not None else f"qiskit:{type(self.sampler).__name__}"

    @property
    def seeding(self) -> Seeding:
        """``"circuit"`` for a simulator, each circuit of which gets its own seed; ``"none"`` for a sampler, which has its own, and
        for any device that may be a real one."""
        calibrated = self.options.readout_mitigation == "calibrated"
        if self.sampler is not None or not type(self.device).__module__.startswith(_SIMULATORS):
            return "none"
        return "batch" if calibrated else "circuit"

    @cached_property
    def capabilities(self) -> Capabilities:
        """Samples of a device, or of a sampler that may name none."""
        return Capabilities(
            exact=self.exact,
            noisy=self.noisy,
            seeding=self.seeding,
            midway=self.measures_midway,
            mitigates=self.options.mitigates,
            on_device=True,
            most_qubits=self.options.widest(None if self.device is None else self.device.num_qubits or None),
            options=self.options,
            keywords=self.options.describe(),
        )

    @property
    def target(self) -> Any:
        """The device's report, or None."""
        return told(lambda: None if self.device is None else self.device.target, f"Asking {self.name} for its report")

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """Never: a device gives samples."""
        raise BackendError(f"Argument `backend` must be a noiseless statevector for amplitudes, but is {self.name}.")

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Never: a device gives samples."""
        raise BackendError(f"Argument `shots` must be given: {self.name} gives samples only.")

    def compiled(self, circuits: Sequence[QuantumCircuit]) -> list[Compiled]:
        """The circuits in the device's gates, measured."""
        device, acting = self._shape
        rest = (self.options, self._managers, self.measures_midway, acting is None)
        made = compile_all(circuits, device, *rest)
        if acting is not None:
            for circuit in {id(one.circuit): one.circuit for one in made}.values():
                acting.tell(circuit)
        return made

    @cached_property
    def _shape(self) -> tuple[Any, Acting | None]:
        """The device to compile for, and the errors of a simulator, whose gates are chosen among those with errors."""
        if self.device is None:
            return _Anything(), None
        aer = type(self.device).__module__.startswith("qiskit_aer.")
        return shaped(self.device) if aer else (self.device, None)

    def programs(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Program]:
        """Everything that is run for these circuits: compiled, folded and calibration circuits."""
        reported = _reported(self.device) if self.options.readout_mitigation == "reported" else {}
        return programs(self.compiled(circuits), shots, seeds, self.options, reported)

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of each circuit."""
        circuits = check_circuits(circuits, shots)
        return self._run(circuits, shots, seeds)

    @property
    def measures_midway(self) -> bool:
        """Where the device is known and has a reset; mitigation excludes it."""
        known = set() if self.target is None else set(self.target.operation_names)
        return {"measure", "reset"} <= known and not self.options.mitigates

    def sample_midway(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of circuits that measure and reset on the way; see ``MidwayBackend``."""
        circuits = check_circuits(circuits, shots, midway=self.measures_midway)
        return self._run(circuits, shots, seeds)

    def _run(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        work = self.programs(circuits, shots, seeds)
        outcomes = told(lambda: self._outcomes(work, shots), f"Running on {self.name}")
        return reduced(outcomes, [program.role for program in work], self.options)

    def _outcomes(self, work: Sequence[Program], shots: int) -> list[Counts]:
        if self.sampler is not None:
            return read_result(self.sampler.run([(p.circuit,) for p in work], shots=shots).result())[0]
        if self.seeding == "none":
            together = BackendSamplerV2(backend=self.device)
            return read_result(together.run([(p.circuit,) for p in work], shots=shots).result())[0]
        out: list[Counts] = []
        for program in work:
            one = BackendSamplerV2(backend=self.device, options={"seed_simulator": program.seed})
            out += read_result(one.run([(program.circuit,)], shots=shots).result())[0]
        return out

    def describe(self) -> dict[str, Any]:
        """Device, sampler, options and version."""
        return {
            "name": self.name,
            "sampler": None if self.sampler is None else type(self.sampler).__name__,
            "noise": "unknown" if self._shape[1] is None else self._shape[1].named(),
            **self.options.describe(),
            "qiskit": version("qiskit"),
        }


class _Anything(BackendV2):  # type: ignore[misc]
    """A device of any width with all-to-all coupling, for samplers that do not say where they run."""

    def __init__(self) -> None:
        super().__init__(name="any device")
        from qiskit.transpiler import Target

        self._target = Target.from_configuration(basis_gates=[*BASIS, "measure"])

    @property
    def target(self) -> Any:
        """Qiskit's description of the device: basis gates, on any number of qubits, with every pair connected."""
        return self._target

    @property
    def max_circuits(self) -> None:
        """None: no limit of circuits in one job."""
        return None

    @classmethod
    def _default_options(cls) -> Any:
        from qiskit.providers import Options

        return Options()

    def run(self, run_input: QuantumCircuit | Sequence[QuantumCircuit], **options: object) -> Any:
        """Refused with :class:`BackendError`: this object is compiled for only, and runs nothing."""
        raise BackendError("This is a description of a device, not a device.")


def from_device(device: BackendV2, options: DeviceOptions) -> QiskitBackend:
    """A ``BackendV2``."""
    return QiskitBackend(device, None, options)


def from_sampler(sampler: BaseSamplerV2, options: DeviceOptions) -> QiskitBackend:
    """A V2 sampler; it is asked for the device it runs on."""
    return QiskitBackend(device_of(sampler), sampler, options)


def device_of(primitive: BaseSamplerV2 | BaseEstimatorV2) -> BackendV2 | None:
    """The device that a primitive says it runs on; those of Aer, which do not say, keep it to themselves."""
    for name in ("backend", "_backend"):
        device = getattr(primitive, name, None)
        if callable(device) and not isinstance(device, BackendV2):
            device = told(device, f"Asking {type(primitive).__name__} for its backend")
        if isinstance(device, BackendV2):
            return device
    return None


def _reported(device: BackendV2) -> dict[int, tuple[float, float]]:
    places = device.target["measure"].items()
    return {
        q: (float(p.error), float(p.error)) if p is not None and p.error is not None else (0.0, 0.0)
        for (q,), p in places
    }
