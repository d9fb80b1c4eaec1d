"""Growing a grid: one more qubit an axis by spectral interpolation, and the residual of the coarse grid that decides when.

A wave on a coarse grid is a band-limited wave on a finer one. Its *spatial residual* ``r = |(H_fine P - P H_coarse) psi|``,
with P the interpolation, is the part of the fine velocity that the coarse grid misses, as McLachlan's residual is for an
ansatz; by Duhamel's formula the distance of the two waves on the real clock is at most ``int r dt``. Derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...base.arguments import checks_arguments
from ...base.errors import MethodError, ProblemError, describe, integer, require
from ...base.numeric import number_array
from ...model.domains import Domain, Grid
from ...model.hamiltonians import LearningHamiltonian
from ...model.initial import State
from ...model.problem import Problem
from ...model.resample import interpolated, restrict
from ...results.observables import edge_weight, momentum_tail

CRITERIA = ("residual", "momentum_tail", "energy")


@checks_arguments
def refine(state: npt.ArrayLike, domain: Domain, extra: int | Sequence[int] = 1) -> tuple[np.ndarray, Grid]:
    """The wave on a grid with ``extra`` more qubits an axis, by its own Fourier (walls: sine) series; unit norm.

    Norm is kept, and the energy to the order of the interpolation, which is spectral;
    the circuit is `synthesis.growth.refinement`.

    Args:
        state: amplitudes, shape ``domain.shape`` or flat.
        domain: a :class:`Grid`.
        extra: one number for all axes, or one an axis.

    Raises:
        ProblemError: no grid, a wave that does not fit it, or more qubits than a grid may have.

    >>> coarse = Grid((-8, 8), 4)
    >>> fine, domain = refine(np.exp(-coarse.axes[0] ** 2 / 4), coarse)
    >>> domain.shape, float(np.linalg.norm(fine))
    ((32,), 1.0)
    """
    require(isinstance(domain, Grid), "domain", "be a Grid", describe(domain))
    assert isinstance(domain, Grid)
    given = list(extra) if isinstance(extra, Sequence) else [extra] * domain.ndim
    require(len(given) == domain.ndim, "extra", f"be one number or one for each of {domain.ndim} axes", extra)
    more = [integer(e, "extra", 0, 30) for e in given]
    out = number_array(state, "state", complex)
    fits = out.shape in (domain.shape, (domain.size,))
    require(fits, "state", f"have shape {domain.shape}", f"of shape {out.shape}")
    fine = domain.resized(domain.bounds, [n << e for n, e in zip(domain.shape, more)])
    out = out.reshape(domain.shape)
    for axis, e in enumerate(more):
        if e:
            out = np.moveaxis(interpolated(np.moveaxis(out, axis, -1), domain.boundary, 1 << e), -1, axis)
    norm = float(np.linalg.norm(out))
    require(np.isfinite(norm) and norm > 0, "state", "be finite and not all zero", describe(state))
    return out / norm, fine


def on_grid(h: LearningHamiltonian, domain: Grid) -> LearningHamiltonian:
    """The same Hamiltonian on a coarser grid over the same box (periodic: nested points, so nothing is evaluated anew)."""
    if domain == h.domain:
        return h
    assert isinstance(h.domain, Grid)
    if domain.boundary == "periodic" and all(f >= c for f, c in zip(h.domain.qubits, domain.qubits)):
        step = tuple(slice(None, None, 1 << (f - c)) for f, c in zip(h.domain.qubits, domain.qubits))
        return replace(h, domain=domain, zeta=np.ascontiguousarray(h.zeta[step]))
    assert h.objective is not None
    try:
        return replace(h, domain=domain, zeta=h.objective.table(domain))
    except ProblemError as error:  # a table
        raise MethodError(
            "Argument `method` must not be Growing for a loss that has no values on a coarser grid: between walls the points of a "
            f"coarse grid are not among those of a finer one. {error}"
        ) from None


@checks_arguments
def residual(
    psi: np.ndarray, coarse: LearningHamiltonian, fine: LearningHamiltonian, t: float = 0.0, margin: float = 0.0
) -> float:
    """``|(H_fine P - P H_coarse) psi|`` of a wave of unit norm on the coarse grid.

    With a ``margin`` the points in that share of the box at either end of each axis do not count: where a loss jumps at the edge of
    its box, a wave that reaches it has a residual there on every grid, which no refinement mends.
    """
    assert isinstance(coarse.domain, Grid)
    extra = _extra(coarse.domain, fine.domain)
    fits = np.shape(psi) == coarse.domain.shape
    require(fits, "psi", f"have shape {coarse.domain.shape}", f"of shape {np.shape(psi)}")
    scale = 2.0 ** (0.5 * sum(extra))  # an interpolated array has so much more norm than its grid's
    wave = _raw(psi, coarse.domain, extra)
    if any(coarse.domain.twist):
        missed = fine.apply(wave, t) - _raw(coarse.apply(psi, t), coarse.domain, extra)
    else:  # both have the same kinetic energy on the modes of the coarse grid
        missed = fine.coefficients(t)[1] * (fine.zeta * wave - _raw(coarse.zeta * psi, coarse.domain, extra))
    inner = tuple(slice(int(margin * n), n - int(margin * n)) for n in missed.shape)
    out: float = float(np.linalg.norm(missed[inner])) / scale
    return out


def _raw(wave: np.ndarray, domain: Grid, extra: Sequence[int]) -> np.ndarray:
    out = np.asarray(wave, dtype=complex)
    for axis, e in enumerate(extra):
        if e:
            moved = interpolated(np.moveaxis(out, axis, -1), domain.boundary, 1 << e)
            gain = 2.0 ** (0.5 * e if domain.boundary == "walls" else e)  # back to values on points
            out = np.moveaxis(moved * gain, -1, axis)
    return out


def _extra(coarse: Grid, fine: Domain) -> list[int]:
    return [f - c for c, f in zip(coarse.qubits, fine.qubits)]


@checks_arguments
def criteria(
    psi: np.ndarray, coarse: LearningHamiltonian, fine: LearningHamiltonian, t: float = 0.0
) -> dict[str, float]:
    """What asks for a finer grid, from the wave itself.

    Returns:
        ``residual`` (see above); ``momentum_tail``, the probability of ``|k| > 0.8 k_max`` on any axis; ``energy``, the change
        of the energy on refinement; ``edge_weight``, the probability at the edge of the box, which no refinement mends.

    >>> from qml_dynamics import Problem, hamiltonian
    >>> well = Problem(Grid((-6, 6), 6), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="real", duration=1.0)
    >>> fine = hamiltonian(well)
    >>> seen = criteria(on_grid(fine, Grid((-6, 6), 3)).ground_state()[1], on_grid(fine, Grid((-6, 6), 3)), fine)
    >>> seen["residual"] > 0.01, seen["momentum_tail"] > 1e-4
    (True, True)
    """
    return {
        "residual": residual(psi, coarse, fine, t),
        "momentum_tail": tail(psi, coarse),
        "energy": energy_change(psi, coarse, fine, t),
        "edge_weight": float(edge_weight(coarse.domain, np.abs(psi)[None] ** 2)[0]),
    }


def tail(psi: np.ndarray, h: LearningHamiltonian) -> float:
    """Probability of ``|k| > 0.8 k_max`` on any axis."""
    return momentum_tail(h.domain, np.abs(h.transform.forward(np.array(psi, dtype=complex))) ** 2)


def tails(domain: Grid, spectrum: np.ndarray, coarse: Grid, share: float = 0.8) -> np.ndarray:
    """Probability of ``|k| > share k_max`` an axis, with the largest momentum of a coarser grid over the same box.

    Args:
        domain: the grid of the spectrum.
        spectrum: probabilities of the momenta, shape ``domain.shape``.
        coarse: the grid that ``k_max`` belongs to.
        share: of ``k_max``.
    """
    out = []
    for axis, (k, most) in enumerate(zip(domain.momenta, coarse.momenta)):
        line = spectrum.sum(axis=tuple(a for a in range(spectrum.ndim) if a != axis))
        out.append(float(line[np.abs(k) > share * np.abs(most).max() * (1 + 1e-12)].sum()))
    return np.array(out)


def energy_change(psi: np.ndarray, coarse: LearningHamiltonian, fine: LearningHamiltonian, t: float = 0.0) -> float:
    """How much the energy moves when the wave is interpolated."""
    assert isinstance(coarse.domain, Grid)
    wave, _ = refine(psi, coarse.domain, _extra(coarse.domain, fine.domain))
    return abs(fine.expectation(wave, t) - coarse.expectation(psi, t))


def levels(domain: Domain, start: int | Sequence[int]) -> list[Grid]:
    """The grids from ``start`` qubits an axis up to ``domain``, one more qubit an axis each, no axis above its own.

    >>> [grid.qubits for grid in levels(Grid([(0, 1), (0, 1)], (5, 3)), 3)]
    [(3, 3), (4, 3), (5, 3)]
    """
    require(isinstance(domain, Grid), "domain", "be a Grid to grow", describe(domain))
    assert isinstance(domain, Grid)
    given = list(start) if isinstance(start, Sequence) else [min(start, q) for q in domain.qubits]
    if not isinstance(start, Sequence):
        top = max(domain.qubits)
        require(start <= top, "start", f"be at most the {top} qubits of the problem's grid", start)
    require(len(given) == domain.ndim, "start", f"be one number or one for each of {domain.ndim} axes", start)
    for q, most in zip(given, domain.qubits):
        require(1 <= q <= most, "start", f"be at most the {most} qubits of the problem's grid", start)
    out = [Grid(domain.bounds, given, domain.boundary, domain.twist)]
    while out[-1] != domain:
        bits = [min(q + 1, most) for q, most in zip(out[-1].qubits, domain.qubits)]
        out.append(Grid(domain.bounds, bits, domain.boundary, domain.twist))
    return out


def coarsened(psi: np.ndarray, fine: Grid, coarse: Grid) -> tuple[np.ndarray, float]:
    """A wave read on a coarser grid, and how far its interpolation is from the wave (2-norm, up to a phase)."""
    small = restrict(psi, fine, coarse)
    back, _ = refine(small, coarse, _extra(coarse, fine))
    overlap = abs(complex(np.vdot(back, psi)))
    return small, float(np.sqrt(max(0.0, 2 - 2 * overlap)))


def restated(problem: Problem, grid: Grid) -> Problem:
    """The problem on a coarser grid; an initial wave that is an array is read there."""
    if isinstance(problem.initial, State) and problem.domain != grid:
        assert isinstance(problem.domain, Grid)
        small, _ = coarsened(problem.initial.vector(problem.domain), problem.domain, grid)
        return problem.replace(domain=grid, initial=State(small))
    return problem.replace(domain=grid)
