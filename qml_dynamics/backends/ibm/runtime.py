"""The one file that imports qiskit-ibm-runtime: service, fake devices and parts of them, its client-side V2 sampler and estimator."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import Target
from qiskit_ibm_runtime import Batch, QiskitRuntimeService, fake_provider
from qiskit_ibm_runtime.executor_estimator import Estimator
from qiskit_ibm_runtime.executor_sampler import Sampler
from qiskit_ibm_runtime.fake_provider.fake_backend import FakeBackendV2
from qiskit_ibm_runtime.utils.default_session import get_cm_session

from ...base.errors import BackendError, describe, one_of
from ..aer import AerSimulator, NoiseModel
from ..failures import is_transient, redacted, told, vendor_error
from ..options import DeviceOptions

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit_ibm_runtime.models import BackendProperties


class SmallDevice(BackendV2):  # type: ignore[misc]
    """A target that calls itself a backend, for the noise model's constructor."""

    def __init__(self, target: Target) -> None:
        super().__init__(name="part of a device")
        self._part = target

    @property
    def target(self) -> Target:
        """The gates of this part of the device, with their errors and durations."""
        return self._part

    @property
    def max_circuits(self) -> None:
        """No limit: nothing is run here."""
        return None

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    def run(self, run_input: QuantumCircuit | Sequence[QuantumCircuit], **options: object) -> Any:
        """Refuse with :class:`BackendError`: only the description of the device is used."""
        raise BackendError("A part of a device does not run circuits.")


def restricted(target: Target, part: tuple[int, ...], within: frozenset[int] | None = None) -> Target:
    """The instructions of ``target`` on the qubits ``part``, renumbered; only those ``within`` some of them if given.

    Control flow is left out.
    """
    new = {old: i for i, old in enumerate(part)}
    keep = frozenset(part) if within is None else within
    properties = target.qubit_properties
    chosen = None if properties is None else [properties[q] for q in part]
    out = Target(num_qubits=len(part), dt=target.dt, qubit_properties=chosen)
    for name in target.operation_names:
        operation, places = target.operation_from_name(name), target[name]
        if isinstance(operation, type) or places is None:
            continue
        inside = {tuple(new[q] for q in qs): p for qs, p in places.items() if qs is not None and keep.issuperset(qs)}
        if inside:
            out.add_instruction(operation, inside, name=name)
    return out


def good_part(target: Target, num_qubits: int, name: str) -> tuple[int, ...]:
    """A connected set of qubits with small errors: from every qubit, grow along the edge of the smallest added error."""
    if num_qubits > target.num_qubits:
        raise BackendError(
            f"Argument `backend` must have at least {num_qubits} qubits, but {name} has {target.num_qubits}."
        )
    edges: dict[frozenset[int], float] = {}
    for gate in target.operation_names:
        for qubits, p in (target[gate] or {}).items():
            if qubits is not None and len(qubits) == 2 and p is not None and p.error is not None:
                key = frozenset(qubits)
                edges[key] = min(p.error, edges.get(key, 1.0))
    readout = {qs[0]: (p.error or 0.0) for qs, p in target["measure"].items() if p is not None}
    grown = [_grown(start, num_qubits, edges, readout) for start in range(target.num_qubits)]
    part = min(((c, p) for c, p in grown if len(p) == num_qubits), default=(np.inf, ()))[1]
    if not part:
        raise BackendError(f"Argument `backend` must have {num_qubits} connected qubits, but {name} has not.")
    return part


def _grown(
    start: int, size: int, edges: dict[frozenset[int], float], readout: dict[int, float]
) -> tuple[float, tuple[int, ...]]:
    part, cost = [start], readout.get(start, 0.0)
    while len(part) < size:
        border = [
            (e + readout.get(q, 0.0), q)
            for pair, e in edges.items()
            if len(pair & set(part)) == 1
            for q in pair - set(part)
        ]
        if not border:
            break
        added, qubit = min(border)
        part.append(qubit)
        cost += added
    return cost, tuple(part)


@lru_cache(maxsize=1)
def _fakes() -> dict[str, type[FakeBackendV2]]:
    found = (c for c in vars(fake_provider).values() if isinstance(c, type) and issubclass(c, FakeBackendV2))
    named = {getattr(c, "backend_name", None): c for c in found}
    return {str(name): c for name, c in named.items() if name}


def fake_names() -> list[str]:
    """Names of the fake devices of the runtime package."""
    return sorted(_fakes())


@lru_cache(maxsize=8)
def fake_device(name: str) -> FakeBackendV2:
    """A snapshot of a real device: gates, coupling, errors."""
    return _fakes()[known_fake(name)]()


def known_fake(name: str) -> str:
    """``name`` if it is a fake device's; otherwise an error with the nearest ones, not all of the many."""
    if name in _fakes():
        return name
    near = " or ".join(map(repr, difflib.get_close_matches(name, fake_names(), n=3, cutoff=0.5)))
    hint = f" Did you mean {near}?" if near else ""
    raise BackendError(
        f"Argument `backend` must be a fake device such as 'fake_manila', but is {describe(name)}.{hint}"
    )


def near_local(name: str) -> str:
    """A question about local devices with almost this name, or an empty text.

    >>> near_local("fakemanila"), near_local("ibm_fez")
    (" Or did you mean 'ibm:fake_manila'?", '')
    """
    near = difflib.get_close_matches(name, ["aer", *fake_names()], n=1, cutoff=0.75)
    return f" Or did you mean 'ibm:{near[0]}'?" if near else ""


class _SharedNoise(NoiseModel):  # type: ignore[misc]
    """A noise model that is never copied.

    The runtime's local mode copies its simulator for every call, and with it thousands of circuits of the noise model, which
    takes longer than the simulation. Nobody writes to it, so all copies may share one.
    """

    def __deepcopy__(self, memo: dict[int, object]) -> _SharedNoise:
        return self


@lru_cache(maxsize=16)
def noisy_simulator(device: BackendV2, qubits: frozenset[int]) -> AerSimulator:
    """Aer with the gates and couplers of a device, and the noise of those of its qubits that are used.

    The noise of idle qubits changes nothing, but building it takes many seconds on a large device, and handing it to Aer
    a large part of a second for every circuit.
    """
    readout = readout_errors(device)
    small = SmallDevice(restricted(device.target, tuple(range(device.num_qubits)), qubits))
    model = noise_of(small, {q: readout[q] for q in sorted(qubits)})
    model.__class__ = _SharedNoise
    return AerSimulator.from_backend(device, noise_model=model, max_parallel_threads=1)


@lru_cache(maxsize=4)
def noiseless_simulator(device: BackendV2) -> AerSimulator:
    """Aer with the gates and couplers of a device, and no noise."""
    gates = [name for name in device.target.operation_names if name not in ("measure", "reset", "delay")]
    return AerSimulator.from_backend(device, noise_model=NoiseModel(basis_gates=gates), max_parallel_threads=1)


@lru_cache(maxsize=16)
def part_simulator(device: BackendV2, part: tuple[int, ...], noise: bool) -> AerSimulator:
    """Aer with the gates, couplers and (where wanted) the noise of some qubits of a device, renumbered from 0."""
    small, readout = SmallDevice(restricted(device.target, part)), readout_errors(device)
    if not noise:
        return noiseless_simulator(small)
    model = noise_of(small, {i: readout[q] for i, q in enumerate(part)})
    model.__class__ = _SharedNoise
    return AerSimulator.from_backend(small, noise_model=model, max_parallel_threads=1)


def ideal_simulator() -> AerSimulator:
    """Aer without noise, as a device of the runtime's local mode."""
    return AerSimulator(max_parallel_threads=1)


def noise_of(device: BackendV2, readout: dict[int, tuple[float, float]] | None = None) -> NoiseModel:
    """Depolarising, thermal and readout errors from what a device reports.

    Readout errors keep their asymmetry: Aer's own constructor takes the mean of both directions.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = NoiseModel.from_backend(device, readout_error=False)
    for qubit, (up, down) in (readout_errors(device) if readout is None else readout).items():
        if up or down:
            model.add_readout_error([[1 - up, up], [down, 1 - down]], [qubit])
    return model


@lru_cache(maxsize=16)
def restricted_noise(name: str, num_qubits: int) -> tuple[NoiseModel, Target, tuple[int, ...]]:
    """Noise, gates and coupling of a good connected part of a fake device, renumbered from 0, and the part itself."""
    device = fake_device(name)
    part = good_part(device.target, num_qubits, name)
    small, readout = SmallDevice(restricted(device.target, part)), readout_errors(device)
    return noise_of(small, {i: readout[q] for i, q in enumerate(part)}), small.target, part


@dataclass(frozen=True)
class PartNoise:
    """:func:`restricted_noise` of a fake device, for a number of qubits."""

    name: str

    @property
    def num_qubits(self) -> int:
        """Of the whole device."""
        return int(fake_device(self.name).num_qubits)

    def __call__(self, num_qubits: int) -> tuple[NoiseModel, Target, tuple[int, ...]]:
        return restricted_noise(self.name, num_qubits)


def service(hint: str = "") -> QiskitRuntimeService:
    """The person's own account, from the vendor's file or the environment; nothing of it is kept here.

    ``hint`` ends the message where there is none.
    """
    try:
        return QiskitRuntimeService()
    except Exception as error:
        ours = vendor_error(error, "Opening the IBM account")
        said = redacted(str(error), 160)
    if is_transient(ours):
        raise ours
    raise BackendError(
        "IBM devices need an account that qiskit-ibm-runtime finds by itself: run QiskitRuntimeService.save_account once, "
        f"or set QISKIT_IBM_TOKEN and QISKIT_IBM_INSTANCE. It says: {said}{hint}"
    )


def cloud_device(account: QiskitRuntimeService, name: str, fractional: bool) -> Any:
    """A device of an account; unknown names are answered with the nearest ones."""
    try:
        try:
            return account.backend(name, use_fractional_gates=fractional)
        except TypeError:  # a service that knows no such option
            return account.backend(name)
    except Exception as error:
        ours = None if "NotFound" in type(error).__name__ else vendor_error(error, f"Opening {name}")
    if ours is not None:
        raise ours
    known = told(lambda: [str(device.name) for device in account.backends()], "Listing the devices of the account")
    one_of(name, "backend", known, BackendError)
    raise BackendError(f"Argument `backend` must be a device that this account can use now, but is {name}.")


def batch(device: BackendV2) -> Batch:
    """A batch of jobs on a device, open until it is closed.

    It ends by itself at the service's own limit, the longest that there is: at a shorter one the jobs that still wait would fail.

    Raises:
        BackendError: the person has a session or a batch open, in which the jobs are to be.
    """
    if get_cm_session() is not None:
        raise BackendError("Jobs are sent in the session that is open.")
    return Batch(backend=device)


def sampler(mode: BackendV2 | Batch, options: DeviceOptions, tag: str | None, seed: int | None) -> Sampler:
    """The client-side V2 sampler for a device (or a simulator: local mode), or a batch of it, with the options asked for."""
    out = Sampler(mode=mode)
    _set(out.options, options, tag, seed)
    return out


def estimator(
    mode: BackendV2 | Batch, options: DeviceOptions, tag: str | None, seed: int | None, shots: int
) -> Estimator:
    """The client-side V2 estimator: its own zero-noise extrapolation, and TREX where readout is to be mitigated.

    Two-qubit gates are folded by the noise factors of ``options.zne``; ``"exponential"`` falls back to a line where it does not
    fit. ``shots`` are taken in each measurement basis and at each noise factor. Local mode does all of this too.
    """
    out = Estimator(mode=mode)
    chosen = out.options
    _set(chosen, options, tag, seed)
    chosen.resilience_level = 0
    chosen.default_shots = shots
    chosen.resilience.measure_mitigation = options.readout_mitigation is not None
    chosen.resilience.zne_mitigation = options.zne is not None
    if options.zne is not None:
        chosen.resilience.zne.amplifier = "gate_folding"
        chosen.resilience.zne.noise_factors = tuple(map(float, options.zne))
        line = options.zne_extrapolation == "linear"
        chosen.resilience.zne.extrapolator = "linear" if line else ("exponential", "linear")
    return out


def _set(chosen: Options, options: DeviceOptions, tag: str | None, seed: int | None) -> None:
    """The options that both primitives have."""
    if options.dynamical_decoupling:
        chosen.dynamical_decoupling.enable = True
        chosen.dynamical_decoupling.sequence_type = options.dynamical_decoupling
    if options.twirling:
        chosen.twirling.enable_gates = options.twirling in ("gates", "all")
        chosen.twirling.enable_measure = options.twirling in ("measure", "all")
        if options.fractional_gates and options.twirling != "measure":
            chosen.twirling.group = "local_pauli"  # the only one that rzz of any angle admits
    if options.max_seconds is not None:
        chosen.max_execution_time = options.max_seconds
    if tag is not None:
        chosen.environment.job_tags = [tag]
    if seed is not None:
        chosen.simulator.seed_simulator = seed % (2**63)


def is_simulator(device: BackendV2) -> bool:
    """Whether a Qiskit backend object is Aer itself, without noise."""
    return isinstance(device, AerSimulator) and device.options.get("noise_model") is None


def is_fake_device(device: BackendV2) -> bool:
    """Whether a Qiskit backend object is one of the runtime's fake devices."""
    return isinstance(device, FakeBackendV2)


def readout_errors(device: BackendV2) -> dict[int, tuple[float, float]]:
    """``(p(1|0), p(0|1))`` of every qubit as the device reports them; the symmetric mean where only that is known."""
    report = device.properties() if callable(getattr(device, "properties", None)) else None
    out = {}
    for (qubit,), place in (device.target["measure"] or {}).items():
        mean = float(place.error) if place is not None and place.error is not None else 0.0
        pair = _reported_pair(report, qubit)
        out[qubit] = pair if pair is not None else (mean, mean)
    return out


def _reported_pair(report: BackendProperties | None, qubit: int) -> tuple[float, float] | None:
    try:
        known = report.qubit_property(qubit)  # type: ignore[union-attr]
        return float(known["prob_meas1_prep0"][0]), float(known["prob_meas0_prep1"][0])
    except Exception:  # an optional part of an optional report
        return None
