"""IBM devices by name and by object."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...base.errors import BackendError
from ..options import device_options
from . import runtime
from .device import IBMBackend

if TYPE_CHECKING:
    from qiskit.providers import BackendV2


def ibm_backend(name: str, given: dict[str, object]) -> IBMBackend:
    """``"ibm:<device>"`` with options: ``service=`` for one's own service object, and those of :class:`DeviceOptions`."""
    service, device = given.pop("service", None), name.partition(":")[2]
    made = _client(given, service)
    options = device_options(given)
    make: Callable[..., IBMBackend] = IBMBackend
    if service is not None:
        found = runtime.cloud_device(service, device, options.fractional_gates)
        return make(name, found, options, False, service, **made)
    if device == "aer":
        if options.dynamical_decoupling:
            raise BackendError(f"Argument `dynamical_decoupling` must be False on {name}: its gates take no time.")
        return make(name, runtime.ideal_simulator(), options, True, None, **made)
    if device.startswith("fake"):
        return make(name, runtime.fake_device(device), options, True, None, **made)
    account = runtime.service(runtime.near_local(device))
    found = runtime.cloud_device(account, device, options.fractional_gates)
    return make(name, found, options, False, account, **made)


def _client(given: dict[str, object], service: object) -> dict[str, Any]:
    """What stands for parts of the client, of the options or of a service of one's own."""
    names = ("new_sampler", "new_estimator", "new_batch")
    made = {key: given.pop(key) for key in names if key in given}
    made.update({key: getattr(service, key) for key in names if hasattr(service, key)})
    # who brings primitives says how their jobs are batched, or they are not
    return {"new_batch": None, **made} if made else made


def from_device(device: BackendV2, given: dict[str, object]) -> IBMBackend:
    """A device object of the runtime package: of the service, or a fake one."""
    options, fake = device_options(given), runtime.is_fake_device(device)
    return IBMBackend(f"ibm:{device.name}", device, options, fake, None if fake else device.service)
