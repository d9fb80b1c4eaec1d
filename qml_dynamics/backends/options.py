"""Options of a device as one frozen record: optimisation level, layout, decoupling, twirling, readout mitigation, extrapolation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

from ..base.errors import BackendError, describe, integer, one_of

SEQUENCES = ("XX", "XpXm", "XY4")
TWIRLING = ("gates", "measure", "all")
READOUT = ("reported", "calibrated")
EXTRAPOLATIONS = ("linear", "exponential")


@dataclass(frozen=True)
class DeviceOptions:
    """How circuits are compiled for a device, and what is done against its noise.

    Args:
        optimization_level: 0 to 3, of the preset pass manager; the compiled circuit is compared with the ideal one
            where that is small enough, and compiled again at level 1 if they differ by more than 1e-6.
        seed_transpiler: of layout and routing.
        layout: physical qubit of each logical qubit, or None for the compiler's choice.
        fractional_gates: use rzz and rx with any angle where the device offers them.
        dynamical_decoupling: False, True (``"XX"``), ``"XX"``, ``"XpXm"`` or ``"XY4"``.
        twirling: False, True (``"all"``), ``"gates"``, ``"measure"`` or ``"all"``.
        readout_mitigation: None, ``"reported"`` (error rates that the device reports) or ``"calibrated"`` (two more
            circuits a job: all zeros and all ones).
        zne: odd scale factors of two-qubit gate folding such as ``(1, 3)``; every circuit runs once at each.
        zne_extrapolation: ``"linear"`` or ``"exponential"``.
        max_seconds: execution limit of one job, in seconds of the device's own clock.
        device_noise: False: simulate a fake device's gates and couplings without its noise.
    """

    optimization_level: int = 3
    seed_transpiler: int = 1
    layout: tuple[int, ...] | None = None
    fractional_gates: bool = True
    dynamical_decoupling: str | bool = False
    twirling: str | bool = False
    readout_mitigation: str | None = None
    zne: tuple[int, ...] | None = None
    zne_extrapolation: str = "linear"
    max_seconds: int | None = None
    device_noise: bool = True

    def __post_init__(self) -> None:
        integer(self.optimization_level, "optimization_level", 0, 3, BackendError)
        integer(self.seed_transpiler, "seed_transpiler", 0, 2**31 - 1, BackendError)
        if self.max_seconds is not None:
            integer(self.max_seconds, "max_seconds", 1, 10_800, BackendError)
        for name in ("device_noise", "fractional_gates"):
            if not isinstance(getattr(self, name), bool):
                raise BackendError(f"Argument `{name}` must be True or False, but is {describe(getattr(self, name))}.")
        _default(self, "dynamical_decoupling", "XX", SEQUENCES)
        _default(self, "twirling", "all", TWIRLING)
        if self.readout_mitigation is not None:
            one_of(self.readout_mitigation, "readout_mitigation", READOUT, BackendError)
        one_of(self.zne_extrapolation, "zne_extrapolation", EXTRAPOLATIONS, BackendError)
        object.__setattr__(self, "layout", _integers(self.layout, "layout"))
        object.__setattr__(self, "zne", _scales(self.zne))
        if self.layout is not None and len(set(self.layout)) != len(self.layout):
            raise BackendError(f"Argument `layout` must name each physical qubit once, but is {self.layout}.")

    @property
    def mitigates(self) -> bool:
        """Whether counts are processed after they were measured."""
        return self.readout_mitigation is not None or self.zne is not None

    @property
    def scales(self) -> tuple[int, ...]:
        """Noise scales that every circuit runs at."""
        return self.zne or (1,)

    @property
    def programs(self) -> tuple[int, int]:
        """Programs for each circuit, and programs for each job beside them."""
        return len(self.scales), 2 if self.readout_mitigation == "calibrated" else 0

    def widest(self, num_qubits: int | None) -> int | None:
        """Qubits of the widest circuit on a device of so many: no more than the layout names."""
        return num_qubits if self.layout is None else len(self.layout)

    def describe(self) -> dict[str, Any]:
        """The options as plain data."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def device_options(given: Mapping[str, object]) -> DeviceOptions:
    """Options from keywords; an unknown one is refused with the nearest name."""
    known = [f.name for f in fields(DeviceOptions)]
    for name in given:
        one_of(name, "options", known, BackendError)
    make: Callable[..., DeviceOptions] = DeviceOptions  # which checks each of them
    return make(**given)


def _default(options: DeviceOptions, name: str, default: str, known: tuple[str, ...]) -> None:
    value = getattr(options, name)
    if value is False or value is None:
        object.__setattr__(options, name, False)
    else:
        object.__setattr__(options, name, default if value is True else one_of(value, name, known, BackendError))


def _integers(value: object, name: str) -> tuple[int, ...] | None:
    if value is None:
        return None
    try:
        return tuple(integer(item, name, 0, 10**6, BackendError) for item in cast(Iterable[object], value))
    except TypeError:
        raise BackendError(f"Argument `{name}` must be a list of integers, but is {describe(value)}.") from None


def _scales(value: object) -> tuple[int, ...] | None:
    if value is None or value is False:
        return None
    scales = (1, 3) if value is True else _integers(value, "zne")
    assert scales is not None
    odd = all(s % 2 == 1 for s in scales)
    if not odd or len(scales) < 2 or list(scales) != sorted(set(scales)) or scales[0] != 1:
        raise BackendError(
            f"Argument `zne` must be odd ascending scale factors from 1 on, as in (1, 3, 5), but is {describe(value)}."
        )
    return scales
