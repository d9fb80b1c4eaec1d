"""Windings from interference of neighbouring points, and levels of a ring from Hadamard tests, by sampled circuits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ... import synthesis
from ...backends import opened as find_backend
from ...backends.base import BackendLike
from ...base.arguments import checks_arguments
from ...base.errors import MethodError, integer, require
from ...base.estimate import Estimate, share_error
from ...base.numeric import Array
from ...model.domains import Grid
from ...model.hamiltonians import LearningHamiltonian, hamiltonian
from ...model.problem import Problem
from .winding_numbers import loop_points

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_CLEAR = 6.0  # a loop's phase must be this many standard errors away from the next integer's border


@dataclass(frozen=True)
class Winding:
    """A winding number measured round a loop.

    Attributes:
        value: the integer.
        raw: the sum of the measured phase differences over 2 pi, before rounding.
        certain: whether the next integer is at least six standard errors away.
        circuits: how many were run.
    """

    value: int
    raw: Estimate
    certain: bool
    circuits: int


@checks_arguments
def measured_circulation(
    circuit: QuantumCircuit,
    domain: Grid,
    loop: Array,
    *,
    backend: BackendLike = "statevector",
    shots: int = 4000,
    seed: int = 0,
) -> Winding:
    """The winding of the wave that ``circuit`` prepares, round a loop of neighbours, from samples only.

    ``conj(psi_j) psi_{j+1}`` comes from two interference circuits a pattern of differing bits; the phases of all bonds are
    added and rounded. The loop should keep to where the wave is large.

    Args:
        circuit: unmeasured, on the qubits of ``domain``.
        domain: a periodic :class:`Grid`.
        loop: indices as in :func:`qml_dynamics.learning.ensembles.circulation`; consecutive points must be neighbours.
        backend, shots, seed: as in :func:`qml_dynamics.evolve`; shots for each circuit.

    Raises:
        ProblemError: the loop jumps. MethodError: a link was never seen: more shots, or a loop nearer to the wave.
    """
    ok = isinstance(domain, Grid) and domain.boundary == "periodic"
    require(ok, "domain", "be a periodic Grid", domain)
    fits = getattr(circuit, "num_qubits", None)
    require(fits == domain.num_qubits, "circuit", f"have {domain.num_qubits} qubits", fits)
    points = loop_points(domain, loop)
    steps = _steps(points, domain)
    device = find_backend(backend)
    count = integer(shots, "shots", 1, 10**9, MethodError)
    bonds: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    used = 0
    for axis in sorted({axis for axis, _ in steps}):
        tests = synthesis.ensembles.bond_circuits(circuit, domain, axis)
        flat = [c for _, real, imaginary in tests for c in (real, imaginary)]
        seeds = np.random.SeedSequence(seed, spawn_key=(axis,)).generate_state(len(flat), np.uint32)
        counts = device.sample(flat, count, [int(s) for s in seeds])
        frequencies = [c.histogram(domain.size) for c in counts]
        bonds[axis] = _bonds(domain, axis, tests, frequencies, count)
        used += len(flat)
    total, variance = 0.0, 0.0
    for point, (axis, direction) in zip(points, steps):
        at = list(point)
        if direction < 0:
            at[axis] = (at[axis] - 1) % domain.shape[axis]
        product, spread = (array[tuple(at)] for array in bonds[axis])
        require(abs(product) > 0, "shots", f"show the link at {tuple(at)} at least once", count, MethodError)
        total += direction * float(np.angle(product))
        variance += float(spread**2 / abs(product) ** 2)
    raw = Estimate(total / (2 * np.pi), float(np.sqrt(variance)) / (2 * np.pi), count)
    value = round(raw.value)
    certain = 0.5 - abs(raw.value - value) > _CLEAR * raw.stderr
    return Winding(value, raw, bool(certain), used)


def _steps(points: np.ndarray, domain: Grid) -> list[tuple[int, int]]:
    """The axis and direction of each step of a closed walk."""
    shape = np.array(domain.shape)
    moves = (np.roll(points, -1, axis=0) - points + shape // 2) % shape - shape // 2
    neighbours = bool((np.abs(moves).sum(axis=1) == 1).all())
    require(neighbours, "loop", "go from neighbour to neighbour", points.tolist())
    axes = np.abs(moves).argmax(axis=1)
    return [(int(a), int(m[a])) for a, m in zip(axes, moves)]


def _bonds(
    domain: Grid,
    axis: int,
    tests: Sequence[tuple[int, QuantumCircuit, QuantumCircuit]],
    frequencies: list[np.ndarray],
    shots: int,
) -> tuple[np.ndarray, np.ndarray]:
    """``conj(psi_j) psi_{j+1}`` along an axis, and the standard error of its phase times its size."""

    product = np.zeros(domain.shape, dtype=complex)
    weight = np.zeros(domain.shape)
    shape = [1] * domain.ndim
    shape[axis] = -1
    sign = synthesis.ensembles.bond_signs(domain, axis).reshape(shape)
    for number, (pattern, _, _) in enumerate(tests):
        real, imaginary = frequencies[2 * number], frequencies[2 * number + 1]
        product += synthesis.ensembles.bond_values(domain, axis, pattern, real)
        product += 1j * sign * synthesis.ensembles.bond_values(domain, axis, pattern, imaginary)
        weight += np.abs(_sums(domain, axis, pattern, real)) + np.abs(_sums(domain, axis, pattern, imaginary))
    # each part is half the difference of two multinomial frequencies: variance (p0 + p1) / 4 n, up to its square
    # two counts are the least that a frequency stands for: outcomes that were not seen are possible
    return product, np.sqrt(np.maximum(weight / 2, 2 / shots) / (4 * shots))


def _sums(domain: Grid, axis: int, pattern: int, frequencies: np.ndarray) -> np.ndarray:
    """Frequencies of both outcomes of each bond of a pattern added up."""
    table = frequencies.reshape(domain.shape)
    n = domain.shape[axis]
    j = np.arange(n)
    mine = (j ^ (j + 1) % n) == (1 << (pattern + 1)) - 1
    low = np.where(j & (1 << pattern), (j + 1) % n, j) & ~(1 << pattern)
    rows = np.moveaxis(table, axis, -1)
    return np.moveaxis(np.where(mine, rows[..., low] + rows[..., low | (1 << pattern)], 0.0), -1, axis)


@checks_arguments
def measured_levels(
    problem: Problem, modes: Sequence[int], *, backend: BackendLike = "statevector", shots: int = 10_000, seed: int = 0
) -> Estimate:
    """Energies of the plane waves ``modes`` of a free ring from Hadamard tests, values and standard errors ``(modes,)``.

    The evolution time is the problem's duration; it must be short enough that no phase passes pi. Of a diffusion that is a schedule they
    are the means over that time.

    Args:
        problem: from :func:`qml_dynamics.learning.ensembles.ring` with no potential; energies are those of its Hamiltonian.
        modes: wave numbers j.
        backend, shots, seed: shots for each of the two circuits a mode.

    Raises:
        MethodError: a phase ``E t`` could pass pi.
    """
    grid, t = problem.domain, problem.duration
    require(isinstance(grid, Grid) and grid.ndim == 1, "problem", "be on a ring", grid)
    assert isinstance(grid, Grid)
    _free(problem)
    modes = [integer(j, "modes", -(grid.size // 2), grid.size // 2 - 1, MethodError) for j in modes]
    d = problem.diffusion.integral(0.0, t, t) / t  # all that a free wave sees of its schedule
    unit = 2 * np.pi / grid.lengths[0]
    top = max(d * t * (unit * (j - grid.twist[0])) ** 2 for j in modes)
    require(top < np.pi, "duration", f"be below {t * np.pi / max(top, 1e-300):.3g} for these modes", t, MethodError)
    flat = [c for j in modes for c in synthesis.ensembles.level_circuits(grid, j, d, t)]
    seeds = np.random.SeedSequence(seed).generate_state(len(flat), np.uint32)
    count = integer(shots, "shots", 2, 10**9, MethodError)
    counts = find_backend(backend).sample(flat, count, [int(s) for s in seeds])
    means = []
    for c in counts:
        ones = (c.index >> grid.num_qubits) & 1
        means.append(1 - 2 * float(ones @ c.count / c.shots))
    cosine, sine = np.array(means[0::2]), np.array(means[1::2])
    size = cosine**2 + sine**2
    noise = [2 * share_error((1 - part) / 2, count) for part in (cosine, sine)]  # of 1 - 2 p
    spread = np.sqrt((sine * noise[0]) ** 2 + (cosine * noise[1]) ** 2) / size
    return Estimate(np.arctan2(sine, cosine) / t, spread / t, count)


def _free(problem: Problem) -> None:
    operator = hamiltonian(problem)
    free = isinstance(operator, LearningHamiltonian) and not np.any(operator.zeta)
    require(free, "problem", "be free: a plane wave is no level of a ring with a potential", "one with a potential")
