"""Opening V2 estimators as backends: alone, with samples from the device they run on, or beside a sampler."""

from __future__ import annotations

from typing import Any

from qiskit.primitives import BaseEstimatorV2
from qiskit.providers import BackendV2

from ...base.errors import BackendError
from .. import backend
from ..base import Backend, capabilities
from ..failures import shown
from ..options import device_options
from .backend import EstimatorBackend, EstimatorOnDevice
from .estimator_kinds import STATEVECTOR

_COMPILING = ("optimization_level", "seed_transpiler", "layout", "fractional_gates")


def from_estimator(estimator: Any, given: dict[str, Any]) -> EstimatorBackend:
    """An estimator alone: samples come from the device that it names, or from the same simulator, where there is one."""
    device = device_of(estimator)
    if device is not None:
        return _made(estimator, device, backend(device, **given), given)
    if type(estimator).__module__ != STATEVECTOR:
        return EstimatorBackend(estimator, None, None, device_options(given))
    return _made(estimator, None, backend("statevector", **given), {})


def beside(estimator: Any, sampler: Any, given: dict[str, Any]) -> EstimatorBackend:
    """An estimator beside anything that :func:`qml_dynamics.backend` takes, which samples; options are the sampler's.

    Raises:
        BackendError: ``estimator`` is none of Qiskit's V2 estimators.
    """
    if not isinstance(estimator, BaseEstimatorV2):
        raise BackendError(f"Argument `estimator` must be a V2 estimator of Qiskit, but is {shown(estimator)}.")
    if isinstance(sampler, BaseEstimatorV2):
        raise BackendError(f"Argument `sampler` must give samples, but is an estimator, {type(sampler).__name__}.")
    return _made(estimator, device_of(estimator), backend(sampler, **given), given)


def _made(estimator: Any, device: Any, samples: Backend, given: dict[str, Any]) -> EstimatorBackend:
    compiling = device_options({name: given[name] for name in _COMPILING if name in given})
    kind = EstimatorOnDevice if capabilities(samples).on_device else EstimatorBackend
    return kind(estimator, device, samples, compiling)


def device_of(estimator: Any) -> BackendV2 | None:
    """The device that an estimator says it runs on; Aer's, which does not say, keeps it to itself."""
    for name in ("backend", "_backend"):
        device = getattr(estimator, name, None)
        device = device() if callable(device) and not isinstance(device, BackendV2) else device
        if isinstance(device, BackendV2):
            return device
    return None
