"""Any V2 estimator primitive of Qiskit as a backend: operators by the estimator, samples from where it runs.

An estimator gives expectation values and no samples, of which densities and best weights are made. Those come from a backend beside
it: the device that it names, the same simulator, or one that the person gives. Where there is none, outcomes on a few qubits follow
from the expectation values of all strings of Z: ``p(j) = 2^-n sum_S (-1)^(S.j) <Z_S>``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, cast

import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2
from qiskit.providers import BackendV2

from ...base.errors import BackendError
from ...base.installed import version
from ...results.trajectory import Counts
from ...synthesis.foreign import opened
from .. import backend
from ..base import (
    Asked,
    Backend,
    BackendLike,
    Capabilities,
    Expected,
    OnStep,
    Seeding,
    capabilities,
    check_asked,
    check_circuits,
    check_width,
)
from ..device.compile import Compiled, Managers, compile_unmeasured
from ..failures import shown, told
from ..midway import MidwayBackend
from ..options import DeviceOptions, device_options
from ..qiskit_backend import device_of
from .kinds import EXACT, MOST_QUBITS, SAMPLED, STATEVECTOR, answers, kind_of, needs_plain_gates, outcomes_of, strings
from .pubs import pubs_of, read_pubs

_OTHERS = ("dynamical_decoupling", "twirling", "readout_mitigation", "zne", "max_seconds")


@dataclass(frozen=True, eq=False)
class EstimatorBackend:
    """A V2 estimator. Make one with ``qd.backend(estimator)`` or ``qd.backend(sampler, estimator=estimator)``.

    Args:
        estimator: the V2 estimator.
        device: the ``BackendV2`` whose gates and couplings its circuits are compiled for, or None: they go as they are.
        samples: where samples come from, or None: from the expectation values of all strings of Z, on at most 8 qubits.
        compiling: how circuits for the estimator are compiled.
    """

    estimator: Any
    device: Any = field(default=None, repr=False)
    samples: Backend | None = None
    compiling: DeviceOptions = field(default_factory=DeviceOptions)
    _managers: Managers = field(default_factory=dict, repr=False)

    exact: ClassVar[bool] = False
    estimates: ClassVar[bool] = True
    estimates_losses: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in _OTHERS if self.samples is None else ():
            if getattr(self.compiling, name):
                raise BackendError(
                    f"Argument `{name}` must be set on the estimator itself, but was given for {self.name}."
                )

    @property
    def name(self) -> str:
        """The estimator's type."""
        return f"qiskit:{type(self.estimator).__name__}"

    @property
    def kind(self) -> str:
        """What its noise is: ``"exact"``, normal noise of the precision asked for; ``"sampled"``; or ``"told"`` by it."""
        return kind_of(self.estimator)

    @cached_property
    def capabilities(self) -> Capabilities:
        """Those of what samples, without its jobs; and estimates."""
        known = self._known
        widths = [self.compiling.widest(None if self.device is None else self.device.num_qubits), known.most_qubits]
        return Capabilities(
            exact=self.exact,
            noisy=self.noisy,
            seeding=self.seeding,
            midway=self.measures_midway,
            estimates=self.estimates,
            estimates_exactly=self.estimates_exactly,
            estimates_losses=self.estimates_losses,
            mitigates=self.mitigates,
            most_qubits=min((width for width in widths if width), default=None),
            options=self.options,
            keywords=self.options.describe(),
        )

    @cached_property
    def _known(self) -> Capabilities:
        """What the backend that samples can do; without one, counts are made of noisy values, and take no seed."""
        if self.samples is None:
            return Capabilities(exact=False, noisy=True, seeding="none", mitigates=True)
        return capabilities(self.samples)

    @property
    def estimates_exactly(self) -> bool:
        """Whether it gives expectation values without shot noise too."""
        return self.kind == EXACT

    @property
    def noisy(self) -> bool:
        """Whether values carry noise other than that of shots, as far as that is known."""
        return self._known.noisy

    @property
    def seeding(self) -> Seeding:
        """That of its samples where a seed can be set for each circuit, else ``"none"``."""
        return self._known.seeding if self.kind in (EXACT, SAMPLED) else "none"

    @property
    def options(self) -> DeviceOptions:
        """How samples are compiled and mitigated."""
        return self._known.options or self.compiling

    @property
    def mitigates(self) -> bool:
        """Whether counts stand for fewer samples than were taken."""
        return self._known.mitigates

    @property
    def measures_midway(self) -> bool:
        """As the backend that samples."""
        return self._known.midway

    def states(self, pieces: Sequence[QuantumCircuit], on_step: OnStep) -> Iterator[np.ndarray]:
        """Never: an estimator gives expectation values."""
        raise BackendError(f"Argument `backend` must be a noiseless statevector for amplitudes, but is {self.name}.")

    def probabilities(self, circuits: Sequence[QuantumCircuit]) -> list[np.ndarray]:
        """Of the backend that samples, where that knows them."""
        if self.samples is None:
            raise BackendError(f"Argument `shots` must be given: {self.name} gives expectation values with noise only.")
        return self.samples.probabilities(circuits)

    def sample(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """``shots`` outcomes of each circuit; from strings of Z, the equivalent number of them.

        Raises:
            BackendError: there is nothing to sample with, and a circuit is too wide for strings of Z.
        """
        circuits = check_circuits(circuits, shots)
        if self.samples is not None:
            return self.samples.sample(circuits, shots, seeds)
        for circuit in circuits:
            if circuit.num_qubits > MOST_QUBITS:
                raise BackendError(
                    f"Argument `backend` must give samples on {circuit.num_qubits} qubits, but {self.name} gives expectation "
                    f"values, of which samples follow on at most {MOST_QUBITS}: give what samples beside it, as in "
                    "qd.backend(estimator, sampler=...)."
                )
        asked = [Asked(circuit, strings(circuit.num_qubits)) for circuit in circuits]
        return [outcomes_of(answer, shots) for answer in self.estimate(asked, shots, seeds)]

    def sample_midway(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """By the backend that samples; see ``MidwayBackend``."""
        if not self.measures_midway:
            raise BackendError(f"Argument `backend` must measure qubits on the way, which {self.name} does not.")
        return cast(MidwayBackend, self.samples).sample_midway(circuits, shots, seeds)

    def estimate(self, asked: Sequence[Asked], shots: int | None, seeds: Sequence[int]) -> list[Expected]:
        """The operators of each circuit with precision ``1/sqrt(shots)``; see ``EstimatingBackend``.

        Args:
            asked: circuits and operators.
            shots: samples in each measurement basis, or None: exactly, where the estimator can.
            seeds: one a circuit, as far as ``seeding`` says that they matter.

        Raises:
            BackendError: an operator of another width, a circuit wider than the device, or the estimator failed.
        """
        self._check(asked, shots)
        made = self._compiled([item.circuit for item in asked])
        work = [
            pub
            for number, (item, circuit, seed) in enumerate(zip(asked, made, seeds))
            for pub in pubs_of(number, item, circuit, seed, squares=self.kind == SAMPLED)
        ]
        told_by = told(lambda: answers(self.estimator, self.kind, work, shots, self.seeding), f"Running on {self.name}")
        return read_pubs(asked, work, told_by, shots, self.kind)

    def _check(self, asked: Sequence[Asked], shots: int | None) -> None:
        check_asked(asked, shots)
        if shots is None and self.kind != EXACT:
            raise BackendError(f"Argument `shots` must be given: {self.name} gives expectation values with noise only.")
        for item in asked:
            if self.device is not None:
                check_width(item.num_qubits, self.device.num_qubits or item.num_qubits, str(self.device.name))

    def _compiled(self, circuits: Sequence[QuantumCircuit]) -> list[Compiled]:
        if self.device is None:
            whole = [opened(circuit, (), BackendError) for circuit in circuits]
            return [Compiled(circuit, tuple(range(circuit.num_qubits)), 0, None) for circuit in whole]
        plain = needs_plain_gates(self.estimator) or not self.compiling.fractional_gates
        return compile_unmeasured(circuits, self.device, self.compiling, self._managers, plain)

    def describe(self) -> dict[str, Any]:
        """The estimator, its device, where samples come from, and how shots are turned into a precision."""
        return {
            "name": self.name,
            "estimator": type(self.estimator).__name__,
            "device": None if self.device is None else str(self.device.name),
            "precision": "1/sqrt(shots)",
            "errors": self.kind,
            "sampler": "strings of Z" if self.samples is None else self.samples.name,
            "noise": "unknown" if self.noisy else "none",
            **self.compiling.describe(),
            "qiskit": version("qiskit"),
        }


class EstimatorOnDevice(EstimatorBackend):
    """An estimator beside samples of a device, which reports its errors and its times."""

    @cached_property
    def capabilities(self) -> Capabilities:
        """As any estimator, on a device."""
        return replace(super().capabilities, on_device=True)

    @property
    def target(self) -> Any:
        """The device's report."""
        return self.samples.target  # type: ignore[union-attr]

    def compiled(self, circuits: Sequence[QuantumCircuit]) -> list[Compiled]:
        """Circuits for samples in the device's gates, measured."""
        out: list[Compiled] = self.samples.compiled(circuits)  # type: ignore[union-attr]
        return out

    def programs(self, circuits: Sequence[QuantumCircuit], shots: int, seeds: Sequence[int]) -> list[Any]:
        """Everything that is run for the samples of these circuits."""
        out: list[Any] = self.samples.programs(circuits, shots, seeds)  # type: ignore[union-attr]
        return out


_COMPILING = ("optimization_level", "seed_transpiler", "layout", "fractional_gates")


def from_estimator(estimator: BaseEstimatorV2, given: dict[str, object]) -> EstimatorBackend:
    """An estimator alone: samples come from the device that it names, or from the same simulator, where there is one."""
    device = device_of(estimator)
    if device is not None:
        return _made(estimator, device, backend(device, **given), given)
    if type(estimator).__module__ != STATEVECTOR:
        return EstimatorBackend(estimator, None, None, device_options(given))
    return _made(estimator, None, backend("statevector", **given), {})


def beside(estimator: BaseEstimatorV2, sampler: BackendLike, given: dict[str, object]) -> EstimatorBackend:
    """An estimator beside anything that :func:`qml_dynamics.backend` takes, which samples; options are the sampler's.

    Raises:
        BackendError: ``estimator`` is none of Qiskit's V2 estimators.
    """
    if not isinstance(estimator, BaseEstimatorV2):
        raise BackendError(f"Argument `estimator` must be a V2 estimator of Qiskit, but is {shown(estimator)}.")
    if isinstance(sampler, BaseEstimatorV2):
        raise BackendError(f"Argument `sampler` must give samples, but is an estimator, {type(sampler).__name__}.")
    return _made(estimator, device_of(estimator), backend(sampler, **given), given)


def _made(
    estimator: BaseEstimatorV2, device: BackendV2 | None, samples: Backend, given: dict[str, object]
) -> EstimatorBackend:
    compiling = device_options({name: given[name] for name in _COMPILING if name in given})
    kind = EstimatorOnDevice if capabilities(samples).on_device else EstimatorBackend
    return kind(estimator, device, samples, compiling)
