"""Kinetic factors at integer multiples of a unit with one Fourier transform: chirp, transform, chirp.

On a ring of ``N = 2^n`` points of length L the factor ``exp(-i kappa k^2)`` is ``exp(-i pi M m^2 / N)`` in the dual basis, with
``M = 4 pi N kappa / L^2``. Where M is odd and a is its inverse modulo 2 N, it is in the weight basis

    ``U_xy = c exp(i pi a x^2 / N) exp(-2 pi i a x y / N) exp(i pi a y^2 / N)``,  ``c = (1/N) sum_m exp(-i pi M m^2 / N)``,

one transform whose angles are a times those of the usual one, where the usual way takes two and the phases between them; the chirps
are diagonal and are added to the potential's phases, whose pairs of bits are there anyway. Where M is ``2^s`` times an odd number, the
factor acts on the ``n - s`` highest bits only, as that of the odd number on a ring of ``N / 2^s`` points.

With walls the ring is that of the odd extension, of 2 N points, on which the potential is even. A twist moves the lattice of momenta
off the integers, and there is no such form. The transform's output is bit-reversed: who uses it keeps the order of the qubits.

The sum over m is a quadratic Gauss sum, and U the discrete analogue of the free propagator ``exp(i (x - y)^2 / 4 kappa)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from qiskit import QuantumCircuit

from ..model.domains import Domain, Grid
from .transforms import has_ancillas

_RELATIVE = 1e-14  # of an amount: what a person's own formula for the unit may round
_EPS = float(np.finfo(float).eps)
_CLEAR = 1e-9  # of a multiple: further from an integer it is none, whatever the rounding


@dataclass(frozen=True)
class Chirped:
    """The factor ``exp(-i pi multiple m^2 / 2^bits)`` of a ring.

    Attributes:
        bits: of the ring.
        multiple: M modulo ``2^(bits + 1)``, on which alone the factor depends.
    """

    bits: int
    multiple: int

    @cached_property
    def idle(self) -> int:
        """How many of the lowest bits it leaves alone."""
        m = self.multiple
        return min(self.bits, (m & -m).bit_length() - 1) if m else self.bits

    @property
    def active(self) -> int:
        """Bits of the transform: the highest ones."""
        return self.bits - self.idle

    @property
    def flips(self) -> bool:
        """Whether it is a move by half of the ring, which turns the highest bit over and needs no transform."""
        return self.multiple == 1 << self.bits

    @cached_property
    def inverse(self) -> int:
        """a: the odd part's inverse modulo twice the points of the active ring."""
        return pow(self.multiple >> self.idle, -1, 2 << self.active)

    @cached_property
    def phase(self) -> float:
        """The phase of c."""
        points = 1 << self.active
        m = np.arange(points, dtype=np.int64)
        turns = (self.multiple >> self.idle) * (m * m % (2 * points)) % (2 * points)
        return float(np.angle(np.exp(-1j * np.pi * turns / points).sum()))

    def chirp(self) -> dict[int, float]:
        """f with ``exp(-i f) = exp(i pi a x^2 / N)`` as a Walsh series over the active bits: coefficient of each mask.

        Each angle is reduced modulo 2 pi in integers: unreduced ones grow with N and would swamp the small terms of a potential.
        """
        points, a = 1 << self.active, self.inverse
        out = {0: 0.0}
        for j in range(self.active):
            _phase_on(out, 1 << j, np.pi * _centred(a * 4**j, 2 * points) / points)
            for i in range(j):
                _phase_on(out, 1 << j | 1 << i, 2 * np.pi * _centred(a << (i + j), points) / points)
        return out


def _centred(value: int, modulus: int) -> int:
    """The representative between ``-modulus / 2`` and ``modulus / 2``."""
    rest = value % modulus
    return rest - modulus if 2 * rest > modulus else rest


def _phase_on(series: dict[int, float], mask: int, angle: float) -> None:
    """Add ``-angle`` times the product of one or two bits to a Walsh series; an angle of 0 adds no term."""
    if not angle:
        return
    low, high = mask & -mask, mask & (mask - 1)
    share = angle / (4 if high else 2)
    for part, sign in ((0, -1), (low, 1), *(((high, 1), (mask, -1)) if high else ())):
        series[part] = series.get(part, 0.0) + sign * share


def chirped(domain: Domain, axis: int, amount: float, whole: float) -> Chirped | None:
    """The factor ``exp(-i amount k^2)`` of an axis where it is one of a multiple of the unit, else None.

    Args:
        domain, axis: of the factor.
        amount: ``int D dt``.
        whole: the same over the whole run, whose rounding an amount may have: it is a difference of ends.

    >>> from qml_dynamics import Grid
    >>> ring = Grid((-2, 2), 6)
    >>> unit = 4.0**2 / (4 * np.pi * 64)
    >>> chirped(ring, 0, 3 * unit, 30 * unit), chirped(ring, 0, 3.01 * unit, 30 * unit)
    (Chirped(bits=6, multiple=3), None)
    """
    step = unit(domain, axis)
    if step is None:
        return None
    bits = domain.qubits[axis] + has_ancillas(domain)
    multiple = amount / step
    nearest = round(multiple)
    slack = min(_CLEAR, (_RELATIVE * abs(amount) + 4 * _EPS * abs(whole)) / step)
    told = nearest and abs(nearest) * _EPS < _CLEAR  # of larger ones rounding leaves no integer
    return Chirped(bits, nearest % (2 << bits)) if told and abs(multiple - nearest) <= slack else None


def unit(domain: Domain, axis: int) -> float | None:
    """The amount ``int D dt`` of an axis at multiples of which it takes one transform; None where there is none.

    >>> from qml_dynamics import Grid
    >>> unit(Grid((-2, 2), 6), 0) == 4.0**2 / (4 * np.pi * 64), unit(Grid((-2, 2), 6, twist=0.1), 0)
    (True, None)
    """
    if not isinstance(domain, Grid) or domain.twist[axis]:
        return None
    sides = 2 if has_ancillas(domain) else 1
    return float((sides * domain.lengths[axis]) ** 2 / (4 * np.pi * sides * domain.shape[axis]))


def generalised_fourier(circuit: QuantumCircuit, qubits: Sequence[int], a: int, restore: bool = False) -> None:
    """Append the transform with kernel ``exp(-2 pi i a x y / N) / sqrt(N)``, a odd, output bit-reversed, or put in order again.

    ``n (n - 1)`` CX; the order costs one more for each pair of qubits, since a controlled phase and a swap of its qubits take three.

    >>> circuit = QuantumCircuit(4)
    >>> generalised_fourier(circuit, range(4), 3)
    >>> circuit.num_nonlocal_gates()
    6
    """
    line, n = list(qubits), len(qubits)
    for j in reversed(range(n)):
        circuit.h(line[j])
        for i in reversed(range(j)):
            points = 2 << (j - i)
            angle = -2 * np.pi * _centred(a, points) / points
            if restore and i + j == n - 1:
                _phase_and_swap(circuit, angle, line[i], line[j])
                line[i], line[j] = line[j], line[i]
            else:
                circuit.cp(angle, line[i], line[j])


def _phase_and_swap(circuit: QuantumCircuit, angle: float, a: int, b: int) -> None:
    """A controlled phase and a swap in three CX."""
    circuit.p(angle / 2, a)
    circuit.p(angle / 2, b)
    circuit.cx(a, b)
    circuit.p(-angle / 2, b)
    circuit.cx(b, a)
    circuit.cx(a, b)
