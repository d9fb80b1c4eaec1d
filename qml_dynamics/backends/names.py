"""Names of all backends that can be opened here, and what is missing for others, without importing any vendor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, version
from importlib.util import find_spec

from ..base.entry_points import offered, package_of
from ..base.errors import BackendError

BUILT_IN = ("statevector", "aer", "ibm", "pennylane")  # families whose names no other package can take
AER = ("aer", "aer:statevector", "aer:density_matrix", "aer:matrix_product_state")
EXTRAS = {"ibm": "qiskit_ibm_runtime", "braket": "braket"}
_NOT_QUBITS = ("gaussian", "qutrit", ".ahs", "null.", "default.tensor")  # the last one takes no samples


@dataclass(frozen=True)
class BackendRow:
    """One line of ``qml-dynamics backends``.

    Attributes:
        name: for ``qd.backend(name)``; a part in angle brackets is to be filled in.
        installed: whether its packages are here.
        exact: whether it can give amplitudes.
        noise: ``"none"``, ``"simulated"``, ``"device"`` or ``"depends"``.
        kind: ``"simulator"``, ``"local mode"``, ``"device"``, or ``"package ..."``, the package that offers it: its code is not run
            for a list, so that ``exact`` is False and ``noise`` is ``"depends"`` until it is opened.
        install: the command that installs what is missing, or an empty text.
    """

    name: str
    installed: bool
    exact: bool
    noise: str
    kind: str
    install: str = ""


def available() -> list[BackendRow]:
    """Every backend that can be named, and what it can do.

    >>> [row.exact for row in available() if row.name == "statevector"]
    [True]
    """
    return list(_rows())


def _rows() -> Iterator[BackendRow]:
    yield BackendRow("statevector", True, True, "none", "simulator")
    for name in AER:
        yield BackendRow(name, True, name in ("aer", "aer:statevector"), "none", "simulator")
    ibm = find_spec(EXTRAS["ibm"]) is not None
    need = "" if ibm else install_command("ibm")
    yield BackendRow("aer:noise=fake_<device>", ibm, False, "simulated", "simulator", need)
    yield BackendRow("ibm:aer", ibm, False, "none", "local mode", need)
    yield BackendRow("ibm:fake_<device>", ibm, False, "simulated", "local mode", need)
    yield BackendRow("ibm:<device>", ibm, False, "device", "device", need)
    for name in pennylane_devices():
        own = name.startswith(("default.", "lightning.", "reference."))
        local = own or ".local" in name or "simulator" in name
        noise = "depends" if name.endswith("mixed") or not local else "none"
        yield BackendRow(
            f"pennylane:{name}",
            True,
            name in ("default.qubit", "lightning.qubit"),
            noise,
            "simulator" if local else "device",
        )
    if "braket.local.qubit" not in pennylane_devices():
        yield BackendRow("pennylane:braket.local.qubit", False, False, "none", "simulator", install_command("braket"))
    for name in other_names():
        yield BackendRow(name, True, False, "depends", f"package {package_of(offered('backend')[name])}")


def other_names() -> list[str]:
    """Names that other packages offer as backends, without those that the library has itself."""
    return sorted(name for name in offered("backend") if name.partition(":")[0] not in BUILT_IN)


def pennylane_devices() -> list[str]:
    """Names of the qubit devices of PennyLane and of every installed plug-in, from package metadata."""
    names = {entry.name for entry in entry_points(group="pennylane.plugins")}
    return sorted(name for name in names if not any(part in name for part in _NOT_QUBITS))


def install_command(extra: str) -> str:
    """How a missing extra is installed.

    >>> install_command("ibm")
    'pip install "qml-dynamics[ibm]"'
    """
    return f'pip install "qml-dynamics[{extra}]"'


def need(extra: str, name: str) -> None:
    """Raise :class:`BackendError` with the install command when an extra that ``name`` stands on is missing."""
    if find_spec(EXTRAS[extra]) is None:
        raise BackendError(
            f"Argument `backend` is {name!r}, which needs a package that is missing: {install_command(extra)}"
        )


def need_pennylane() -> None:
    """PennyLane is required by the package, but may have been left out by hand."""
    try:
        version("pennylane")
    except PackageNotFoundError:
        raise BackendError("PennyLane is missing: pip install pennylane") from None
