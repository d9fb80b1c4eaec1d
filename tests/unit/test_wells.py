"""The search for the lowest levels: equal to dense diagonalisation, on what coarser grids show and on what they do not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.model.locally_optimal import lobpcg
from qml_dynamics.model.spectrum import ResidualWarning, lowest
from qml_dynamics.model.transforms import Transform
from qml_dynamics.model.wells import Well, lowest_levels


def _well(domain: qd.Grid | qd.Hypercube, loss: object, diffusion: float = 0.5) -> Well:
    h = qd.hamiltonian(qd.Problem(domain, loss, diffusion, clock="real", duration=1.0))  # type: ignore[arg-type]
    return h.well(diffusion, 1.0)


def _tilted(w: np.ndarray) -> np.ndarray:
    return ((w**2 - 1) ** 2).sum(axis=1) + 0.3 * w[:, 0] - 0.2 * w[:, -1] ** 3 / (1 + w[:, -1] ** 2)


GRIDS = {
    "ring": qd.Grid((-2.2, 2.5), 8),
    "walls": qd.Grid((-2.2, 2.5), 8, "walls"),
    "plane": qd.Grid([(-2.2, 2.5), (-2, 2)], (5, 3)),
    "plane between walls": qd.Grid([(-2.2, 2.5), (-2, 2)], (3, 5), "walls"),
    "flux": qd.Grid((-2.2, 2.5), 8, twist=0.3),
    "cube": qd.Hypercube(8),
}


@pytest.mark.parametrize("name", list(GRIDS))
@pytest.mark.parametrize("diffusion", [0.5, 1e-3])
def test_levels_are_those_of_dense_diagonalisation(name, diffusion, oracle):
    """The iteration from coarser grids, with all but a flux in real arithmetic; wide waves and narrow ones."""
    domain = GRIDS[name]
    well = _well(domain, _tilted, diffusion)
    wanted = diffusion * oracle.laplacian(domain) + np.diag(_tilted(oracle.coordinates(domain)))
    exact = np.linalg.eigvalsh(wanted)
    levels = lowest_levels(well, 5, 3, 1e-10)
    np.testing.assert_allclose(levels.energies[:3], exact[:3], atol=1e-12 * max(1.0, abs(exact[-1])))
    assert levels.residuals[:3].max() <= 1e-9
    assert np.iscomplexobj(levels.waves) == (name == "flux")
    misses = [np.linalg.norm(wanted @ row - e * row) for e, row in zip(levels.energies[:3], levels.waves)]
    assert max(misses) < 1e-8


@pytest.mark.parametrize("boundary", ["periodic", "walls"])
@pytest.mark.parametrize("place", [1.23, -2.01])
def test_a_narrow_well_that_no_coarser_grid_shows_is_found(boundary, place):
    """A well three points wide holds the ground state; the coarser grids see only the wide one."""
    grid = qd.Grid((-4, 4), 10, boundary)
    spacing = grid.spacing[0]

    def loss(w: np.ndarray) -> np.ndarray:
        return 0.5 * w[:, 0] ** 2 - 1e3 * np.exp(-0.5 * ((w[:, 0] - place) / (0.9 * spacing)) ** 2)

    well = _well(grid, loss)
    exact = np.linalg.eigvalsh(well.matrix())[:2]
    wide = np.linalg.eigvalsh(_well(qd.Grid((-4, 4), 6, boundary), lambda w: 0.5 * w[:, 0] ** 2).matrix())[0]
    assert exact[0] < wide - 1.0  # it is the narrow one
    levels = lowest_levels(well, 3, 1, 1e-9)
    np.testing.assert_allclose(levels.energies[0], exact[0], atol=1e-9)


def test_a_start_near_by_gives_the_same_levels():
    """Rows of another diffusion begin the search; a level that they do not hold comes in all the same."""
    grid = qd.Grid((-3, 3), 9)
    before, well = (_well(grid, _tilted, d) for d in (0.3, 0.2))
    known = lowest_levels(before, 4, 2, 1e-10)
    exact = np.linalg.eigvalsh(well.matrix())[:2]
    for start in (known.waves, known.waves[1:], known.waves[:1]):
        levels = lowest_levels(well, 4, 2, 1e-10, start)
        np.testing.assert_allclose(levels.energies[:2], exact, atol=1e-9)
    assert abs(known.energies[0] - exact[0]) > 1e-2  # the levels did move


def test_search_reaches_its_goal_from_waves_that_are_there_already():
    """Where a coarser grid resolves the waves, nothing is left to do but to look at the residual."""
    well = _well(qd.Grid((-4, 4), 10), lambda w: (w[:, 0] ** 2 - 1) ** 2)
    asked: list[int] = []

    def counted(rows: np.ndarray, energies: np.ndarray) -> np.ndarray:
        asked.append(len(rows))
        return well.precondition(rows, energies)

    coarse = well.coarser()
    assert coarse is not None
    start = well.finer(lowest_levels(coarse, 4, 2, 1e-11).waves, coarse.domain)
    levels = lobpcg(well.act, start, 2, 1e-9, counted, 100)
    assert asked == []
    assert levels.residuals[:2].max() <= 1e-9
    assert well.seen_by(coarse, levels.energies)


def test_a_residual_that_stays_is_told(monkeypatch):
    """Too few iterations for an operator without a preconditioner: said, with the residual."""
    monkeypatch.setattr("qml_dynamics.model.spectrum._MOST", 2)
    chain = [("I" * i + "ZZ" + "I" * (8 - i), -1.0) for i in range(9)]
    field = [("I" * i + "X" + "I" * (9 - i), -0.9 - 0.1 * i) for i in range(10)]
    h = qd.hamiltonian(qd.Problem.from_operator([*chain, *field], clock="real", duration=1.0))
    with pytest.warns(ResidualWarning, match=r"ended with \|\|H psi - E psi\|\| = "):
        energies, _ = lowest(h, 1, 0.0, 1e-10)
    assert energies[0] > h.bounds()[0]


@pytest.mark.parametrize("domain", [*GRIDS.values()], ids=list(GRIDS))
def test_filtered_waves_are_those_of_the_complex_transforms(domain):
    """Real waves by half a spectrum or sine transforms: equal to the plain path to 1e-12, for one wave and for a block."""
    rng = np.random.default_rng(3)
    transform = Transform(domain)
    dual = 1.0 / (1.0 + sum(np.meshgrid(*domain.dual_axes, indexing="ij")))
    block = rng.standard_normal((3, *domain.shape))
    kept = block.copy()
    plain = np.array([transform.inverse(transform.forward(w.astype(complex)) * dual) for w in block])
    out = transform.filtered(block, dual)
    assert np.abs(out - plain).max() < 1e-12 * np.abs(plain).max()
    assert np.abs(transform.filtered(block[1], dual) - plain[1]).max() < 1e-12 * np.abs(plain).max()
    assert np.abs(transform.filtered(1j * block, dual) - 1j * plain).max() < 1e-12 * np.abs(plain).max()
    assert np.iscomplexobj(out) == (not transform.real)
    np.testing.assert_array_equal(block, kept)
    assert np.abs(plain - block).max() > 0.1  # the filter does something


@pytest.mark.parametrize("domain", [*GRIDS.values()], ids=list(GRIDS))
@pytest.mark.parametrize("method", [qd.SplitStep(6), qd.SplitStep(6, order=4), qd.SplitStep(6, precision="single")])
def test_imaginary_time_in_real_arithmetic_is_that_in_complex_arithmetic(domain, method, monkeypatch):
    """States, norms and types of the saved waves, on every weight space."""
    start = qd.Uniform() if isinstance(domain, qd.Hypercube) else qd.Gaussian(0.3, 0.4)
    p = qd.Problem(domain, _tilted, 0.4, clock="imaginary", duration=0.7, initial=start)
    fast = qd.evolve(p, method, progress=False)
    monkeypatch.setattr(Transform, "real", False)
    plain = qd.evolve(p, method, progress=False)
    tol = 1e-12 if method.precision == "double" else 1e-5
    assert fast.states.dtype == plain.states.dtype
    assert np.abs(fast.states - plain.states).max() < tol
    assert np.abs(fast.log_norm - plain.log_norm).max() < 10 * tol
    assert np.abs(fast.states[-1] - fast.states[0]).max() > 1e-2


def test_a_long_series_of_imaginary_time_is_one_piece_and_exact():
    """The exact exponential of the dense matrix, where the largest energy times the time is 4e4."""
    p = qd.Problem(qd.Grid((-4, 4), 8), lambda w: (w[:, 0] ** 2 - 1) ** 2 + 0.15 * w[:, 0], 1.0, clock="imaginary",
                   duration=8.0, initial=qd.Gaussian(1.0, 0.3))  # fmt: skip
    from qml_dynamics.methods import chebyshev

    h = qd.hamiltonian(p)
    psi = p.initial.vector(p.domain)
    energies, modes = np.linalg.eigh(h.matrix())
    wanted = modes @ (np.exp(-(energies - energies[0]) * 8.0) * (modes.conj().T @ psi))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        waves, logs = chebyshev.propagated(h, psi[None], 8.0, "imaginary")
    norm = np.linalg.norm(wanted)
    assert energies[-1] * 8.0 > 4e4
    assert np.linalg.norm(waves[0] - wanted / norm) < 1e-10
    assert logs[0] == pytest.approx(np.log(norm) - 8.0 * energies[0], abs=1e-8)
