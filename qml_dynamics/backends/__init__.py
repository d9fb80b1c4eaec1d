"""Backends (simulators, devices) by name or by object; each vendor's package is imported in one file, on first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..base.arguments import checks_arguments_but
from ..base.entry_points import load, offered, package_of
from ..base.errors import BackendError, one_of
from . import conformance, ibm
from . import estimator as estimators
from .base import Backend, BackendLike, Capabilities, EstimatingBackend, JobBackend, capabilities
from .failures import shown, told
from .midway import MidwayBackend
from .names import AER, BackendRow, available, need, need_pennylane, other_names, pennylane_devices
from .options import device_options
from .wrapper import wrapped

if TYPE_CHECKING:
    from qiskit.primitives import BaseEstimatorV2

    from .conformance.contract import assert_valid_backend as assert_valid_backend

__all__ = [
    "Backend",
    "BackendRow",
    "Capabilities",
    "EstimatingBackend",
    "JobBackend",
    "MidwayBackend",
    "assert_valid_backend",
    "available",
    "backend",
    "capabilities",
    "opened",
]

_FAMILIES = ("statevector", *AER, "aer:noise=fake_manila", "ibm:aer", "ibm:fake_manila", "ibm:<device>")


def __getattr__(name: str) -> Any:
    if name == "assert_valid_backend":  # it loads Qiskit
        return conformance.contract.assert_valid_backend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@checks_arguments_but("name", "estimator", "sampler")  # which are refused in words of their own
def backend(
    name: BackendLike,
    *,
    estimator: BaseEstimatorV2 | None = None,
    sampler: BackendLike | None = None,
    **options: object,
) -> Backend:
    """A backend from its name or from an object.

    Names: ``"statevector"``, ``"aer"``, ``"aer:density_matrix"``, ``"aer:matrix_product_state"``, ``"aer:noise=fake_manila"``,
    ``"ibm:<device>"``, ``"ibm:fake_<device>"`` and ``"ibm:aer"`` (IBM's local mode), ``"pennylane:<device>"`` for every device
    of PennyLane and its plug-ins, and the names that other packages offer (entry points ``qml_dynamics.backends``). Objects: an
    ``AerSimulator``, any Qiskit ``BackendV2``, any V2 sampler or estimator, any PennyLane device, or anything that keeps the contract
    of :class:`Backend`.

    Args:
        name: a name or an object.
        estimator: a V2 estimator of Qiskit, which is asked for energies and operators, while ``name`` gives the samples.
        sampler: the other way round, where ``name`` is a V2 estimator: whatever gives the samples, by name or object. An estimator
            alone takes them from the device that it runs on.
        options: Aer: ``noise_model=``, ``precision=``, ``gates=True`` (amplitudes gate by gate), ``truncation=`` (of
            ``"aer:matrix_product_state"``). IBM and Qiskit devices: those of
            :class:`qml_dynamics.backends.options.DeviceOptions` (optimization_level, layout, dynamical_decoupling, twirling,
            readout_mitigation, zne, ...). PennyLane: keywords of ``qml.device``, and ``analytic=``.

    Raises:
        BackendError: the name is unknown (the nearest one is named), its packages are missing (the command that installs
            them is named), or an option does not belong to it.

    >>> backend("statevector").exact
    True
    """
    if estimator is not None or sampler is not None:
        return _pair(name, estimator, sampler, dict(options))
    if isinstance(name, str):
        return _by_name(name, dict(options))
    if isinstance(name, Backend):
        if options:
            raise BackendError(f"Argument `options` must be empty for a backend object, but names {sorted(options)}.")
        return name
    return _by_object(name, dict(options))


@checks_arguments_but("given")
def opened(given: BackendLike) -> Backend:
    """As :func:`backend`, for a run here and now: what a backend of another package raises leaves as a :class:`BackendError`.

    >>> opened("statevector").name
    'statevector'
    """
    return wrapped(backend(given))


def _pair(
    name: BackendLike, estimator: BaseEstimatorV2 | None, sampler: BackendLike | None, options: dict[str, object]
) -> Backend:
    """An estimator and what samples beside it."""
    if estimator is not None and sampler is not None:
        raise BackendError(
            "Argument `estimator` must be None where `sampler` is given: one of both is the first argument."
        )
    beside = estimators.backend.beside
    return beside(name, sampler, options) if estimator is None else beside(estimator, name, options)


def _by_name(name: str, options: dict[str, object]) -> Backend:
    family, _, rest = name.partition(":")
    if family == "pennylane" and rest:
        return _pennylane(name, rest, options)
    if family == "ibm" and rest:
        need("ibm", name)
        return ibm.opening.ibm_backend(name, options)
    if name.startswith("aer:noise="):
        return _noisy_aer(name, options)
    if name not in _FAMILIES:  # only then is the metadata of every installed package read
        known = [*_FAMILIES, *(f"pennylane:{d}" for d in pennylane_devices())]
        others = other_names()
        if family in others:
            return _of_another_package(name, family, options)
        one_of(name, "backend", [*known, *others], BackendError)
    if name == "statevector":
        if options:
            raise BackendError(f"Argument `options` must be empty for 'statevector', but names {sorted(options)}.")
        from .statevector import StatevectorBackend

        return StatevectorBackend()
    from .aer import AerBackend

    for option in options:
        one_of(option, "options", ("noise_model", "precision", "gates", "truncation"), BackendError)
    make: Callable[..., Backend] = AerBackend
    return make(method=rest or "automatic", name=name, **options)


def _of_another_package(name: str, family: str, options: dict[str, object]) -> Backend:
    """The backend of an entry point: its function is called with the whole name, what stands behind a colon included."""
    make = load("backend", family, BackendError)
    made = told(lambda: make(name, **options), f"Opening the backend {name!r}")
    if isinstance(made, Backend) and not isinstance(made, type):
        return made
    raise BackendError(
        f"Argument `backend` must keep the contract of a backend, but {name!r} of the package "
        f"{package_of(offered('backend')[family])} gives {shown(made)}."
    )


def _noisy_aer(name: str, options: dict[str, object]) -> Backend:
    need("ibm", name)
    from .aer import AerBackend

    device = ibm.runtime.known_fake(name.partition("=")[2])
    for option in options:
        one_of(option, "options", ("precision",), BackendError)
    make: Callable[..., Backend] = AerBackend
    return make(name=name, device=ibm.runtime.PartNoise(device), **options)


def _pennylane(name: str, device: str, options: dict[str, object]) -> Backend:
    need_pennylane()
    known = pennylane_devices()
    if device.startswith("braket.") and device not in known:
        need("braket", name)
    one_of(device, "backend", known, BackendError)
    from .pennylane import pennylane_backend

    return pennylane_backend(name, options)


def _by_object(given: object, options: dict[str, object]) -> Backend:
    homes = {base.__module__.partition(".")[0] for base in type(given).__mro__}
    if "qiskit" in homes:
        return _qiskit_object(given, options)
    if homes & {"pennylane", "pennylane_lightning"}:
        from .pennylane import from_device as from_pennylane

        return from_pennylane(given, options)
    raise BackendError(f"Argument `backend` must be a name or a backend object, but is {shown(given)}.")


def _qiskit_object(given: object, options: dict[str, object]) -> Backend:
    from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2
    from qiskit.providers import BackendV2

    home = type(given).__module__
    if isinstance(given, BaseEstimatorV2):
        return estimators.backend.from_estimator(given, options)
    if isinstance(given, BackendV2) and home.startswith("qiskit_aer") and not options:
        from .aer import simulator_like

        if (simulator := simulator_like(given)) is not None:
            return simulator
    if isinstance(given, BackendV2) and home.startswith("qiskit_ibm_runtime"):
        return ibm.opening.from_device(given, options)
    from .qiskit_backend import from_device, from_sampler

    if isinstance(given, BaseSamplerV2):
        return from_sampler(given, device_options(options))
    if isinstance(given, BackendV2):
        return from_device(given, device_options(options))
    raise BackendError(f"Argument `backend` must be a BackendV2 or a V2 primitive of Qiskit, but is {shown(given)}.")
