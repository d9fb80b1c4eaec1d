"""Initial waves and their vectors on a domain; the circuits that prepare them are in `synthesis/states.py`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..base.errors import ProblemError, check_memory, describe, real, require
from ..base.numeric import as_numbers
from ..base.printing import printed_briefly
from .domains import Domain, Hypercube, depth, outer_product


@runtime_checkable
class Initial(Protocol):
    """An initial wave: ``vector(domain)`` is complex, of shape ``domain.shape`` and unit 2-norm."""

    def vector(self, domain: Domain) -> np.ndarray:
        """The amplitudes on the points of ``domain``."""
        ...


@dataclass(frozen=True)
class Uniform:
    """The same amplitude on every point: ``|+...+>``.

    >>> from qml_dynamics.model.domains import Hypercube
    >>> Uniform().vector(Hypercube(2)).real.tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """

    def factors(self, domain: Domain) -> list[np.ndarray]:
        """One vector an axis, whose product is the wave."""
        return [np.full(n, n**-0.5, dtype=complex) for n in domain.shape]

    def vector(self, domain: Domain) -> np.ndarray:
        """The amplitudes on the points of ``domain``."""
        _check_size(domain)
        return np.full(domain.shape, domain.size**-0.5, dtype=complex)


@printed_briefly
@dataclass(frozen=True)
class Gaussian:
    """``psi ~ exp(-sum (x - center)^2 / (4 width^2) + i momentum . x)``: width is the standard deviation of |psi|^2.

    On a periodic axis of length L it is wrapped round the ring: the sum over the images at ``center + m L``, each with its own phase,
    so that the wave is smooth at the seam whatever the momentum, and its transform is that of the Gaussian at the ring's momenta.
    Between walls it is cut.

    Args:
        center: one number for all axes or one an axis, inside the box.
        width: likewise, positive.
        momentum: likewise; the mean wave vector.
        wrapped: whether a periodic axis holds the sum over the images. False: it is cut at the seam, as files mean that were written
            before there was this option and do not name it.

    >>> from qml_dynamics.model.domains import Grid
    >>> ring = Grid((0, 2 * np.pi), 5)
    >>> law = np.abs(np.fft.fft(Gaussian(0, 0.3).vector(ring), norm="ortho")) ** 2
    >>> round(float(law @ ring.dual), 3)                       # 1 / (4 width^2)
    2.778
    """

    center: Any
    width: Any
    momentum: Any = 0.0
    wrapped: bool = field(default=True, repr=False)

    def __post_init__(self) -> None:
        require(isinstance(self.wrapped, bool), "wrapped", "be True or False", self.wrapped)
        for name in ("center", "width", "momentum"):
            given = getattr(self, name)
            plain = not isinstance(given, type) and depth(given) <= 1 and np.size(given) > 0
            require(plain, name, "be a number or one number an axis", given)
            values = tuple(real(v, name, positive=name == "width") for v in np.atleast_1d(np.asarray(given, object)))
            object.__setattr__(self, name, values)

    def factors(self, domain: Domain) -> list[np.ndarray]:
        """One unit vector an axis, whose product is the wave."""
        require(not isinstance(domain, Hypercube), "initial", "not be a Gaussian on a hypercube", describe(self))
        center, width, momentum = (_spread(getattr(self, n), domain, n) for n in ("center", "width", "momentum"))
        for c, (low, high) in zip(center, domain.bounds):  # type: ignore[union-attr]
            require(low <= c <= high, "center", f"lie in the box [{low}, {high}]", c)
        ring = self.wrapped and domain.boundary == "periodic"  # type: ignore[union-attr]
        lengths = domain.lengths  # type: ignore[union-attr]
        waves = [
            _wrapped(x - c, w, k, length) if ring else _bell(x - c, w, k)
            for x, c, w, k, length in zip(domain.axes, center, width, momentum, lengths)
        ]
        norms = [float(np.linalg.norm(wave)) for wave in waves]
        for w, norm in zip(width, norms):
            require(math.isfinite(norm) and norm > 0, "width", "be of a size that can be computed with on this grid", w)
        return [wave / norm for wave, norm in zip(waves, norms)]

    def amplitudes_at(self, x: np.ndarray, axis: int, domain: Domain) -> np.ndarray:
        """The factor of one axis at some of its coordinates, of no set norm: no table of the axis is made.

        >>> from qml_dynamics.model.domains import Grid
        >>> grid, wave = Grid((-4, 4), 5), Gaussian(0.5, 0.7, 1.3)
        >>> some = wave.amplitudes_at(grid.axes[0][3:9], 0, grid) / wave.factors(grid)[0][3:9]
        >>> bool(np.allclose(some, some[0]))
        True
        """
        c, w, k = (_spread(getattr(self, n), domain, n)[axis] for n in ("center", "width", "momentum"))
        d = np.asarray(x, dtype=float) - c
        if not (self.wrapped and domain.boundary == "periodic"):  # type: ignore[union-attr]
            return _bell(d, w, k, 0.0)
        return _wrapped(d, w, k, domain.lengths[axis], 0.0)  # type: ignore[union-attr]

    def vector(self, domain: Domain) -> np.ndarray:
        """The amplitudes on the points of ``domain``."""
        _check_size(domain)
        return outer_product(self.factors(domain)).astype(complex)


@printed_briefly
@dataclass(frozen=True)
class PointMass:
    """All amplitude on the grid point nearest to ``point``."""

    point: Any

    def __post_init__(self) -> None:
        require(depth(self.point) <= 1 and np.size(self.point) > 0, "point", "be one number an axis", self.point)
        given = np.atleast_1d(np.asarray(self.point, object))
        object.__setattr__(self, "point", tuple(real(v, "point") for v in given))

    def index(self, domain: Domain) -> tuple[int, ...]:
        """Index of the nearest point, axis by axis."""
        point = _spread(self.point, domain, "point")
        if not isinstance(domain, Hypercube):
            for c, (low, high) in zip(point, domain.bounds):
                require(low <= c <= high, "point", f"lie in the box [{low}, {high}]", c)
        return tuple(int(np.argmin(np.abs(x - c))) for x, c in zip(domain.axes, point))

    def vector(self, domain: Domain) -> np.ndarray:
        """The amplitudes on the points of ``domain``."""
        _check_size(domain)
        wave = np.zeros(domain.shape, dtype=complex)
        wave[self.index(domain)] = 1.0
        return wave


@printed_briefly
@dataclass(frozen=True, eq=False)
class State:
    """Any vector of amplitudes, of shape ``domain.shape`` or flat; it is normalised.

    >>> from qml_dynamics.model.domains import Hypercube
    >>> State([3, 4j]).vector(Hypercube(1))
    array([0.6+0.j , 0. +0.8j])
    """

    amplitudes: Any

    def __post_init__(self) -> None:
        try:
            array = as_numbers(self.amplitudes, complex)
        except Exception:  # of any kind: the person's own object makes the array
            raise ProblemError(f"Argument `amplitudes` must be numbers, but is {describe(self.amplitudes)}.") from None
        norm = np.linalg.norm(array)
        require(bool(np.isfinite(norm) and norm > 0), "amplitudes", "be finite and not all zero", describe(array))
        if abs(norm - 1) > 1e-14:  # a state that was saved and read back stays as it is, to the last bit
            array /= norm
        array.flags.writeable = False
        object.__setattr__(self, "amplitudes", array)

    def vector(self, domain: Domain) -> np.ndarray:
        """The amplitudes on the points of ``domain``."""
        fits = self.amplitudes.shape == domain.shape or self.amplitudes.shape == (domain.size,)
        shape = self.amplitudes.shape
        require(fits, "amplitudes", f"have shape {domain.shape} or ({domain.size},)", f"of shape {shape}")
        out: np.ndarray = self.amplitudes.reshape(domain.shape).copy()
        return out


_IMAGES = 13.0  # widths beyond which a Gaussian's amplitude is below 1e-18


def _bell(d: np.ndarray, width: float, momentum: float, top: float | None = None) -> np.ndarray:
    """The Gaussian at distances ``d`` from its centre; the largest amplitude 1, or that of exponent ``top``."""
    exponent = -(d**2) / (4 * width**2)
    return np.asarray(np.exp(exponent - (exponent.max() if top is None else top) + 1j * momentum * d))


def _wrapped(d: np.ndarray, width: float, momentum: float, length: float, top: float | None = None) -> np.ndarray:
    """The sum over the images on a ring; for one that is wider than the ring, the same by its few momenta (Poisson's formula)."""
    wave = np.zeros(len(d), dtype=complex)  # term by term: all of them at once are many times the wave
    if width > length:
        unit = 2 * np.pi / length
        k = unit * (np.floor(momentum / unit) + np.arange(-3, 5))
        weights = -((width * (k - momentum)) ** 2)
        for at, weight in zip(k.tolist(), np.exp(weights - weights.max()).tolist()):
            wave += weight * np.exp(1j * at * d)
        return wave if momentum else wave.real.astype(complex)
    most = int(np.ceil(2 * _IMAGES * width / length)) + 1
    nearest = np.abs(d - length * np.round(d / length)).min()
    highest = -(nearest**2) / (4 * width**2) if top is None else top
    for image in range(-most, most + 1):
        away = d - length * image
        exponent = -(away**2) / (4 * width**2) - highest
        wave += np.exp(exponent + 1j * momentum * away if momentum else exponent)
    return wave


def _check_size(domain: Domain) -> None:
    check_memory(16 * domain.size, f"A wave on {domain.num_qubits} qubits")


def _spread(values: Sequence[float], domain: Domain, name: str) -> tuple[float, ...]:
    fits = len(values) in (1, domain.ndim)
    require(fits, name, f"be one number or one for each of {domain.ndim} axes", f"of length {len(values)}")
    return tuple(values) * (domain.ndim if len(values) == 1 else 1)
