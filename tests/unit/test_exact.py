"""`Exact` in imaginary time: starts without overlap with the lowest levels."""

import warnings

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.methods.exact import OverlapWarning

BONDS = [(pair, [i, i + 1], 1.0) for i in range(3) for pair in ("XX", "YY", "ZZ")]
CHAIN = SparsePauliOp.from_sparse_list(BONDS, 4)  # all spins up: the highest level, 3, alone in its sector


def chain(initial: object, duration: float) -> qd.Problem:
    return qd.Problem.from_operator(CHAIN, clock="imaginary", duration=duration, initial=initial)


@pytest.mark.parametrize("duration", [1.0, 50.0, 300.0])
def test_levels_without_overlap_do_not_make_the_others_underflow(duration: float) -> None:
    """``exp(-H tau)`` of an eigenstate: the state, and the norm ``exp(-3 tau)``; relative to the lowest level it is below 1e-308."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", OverlapWarning)
        run = qd.evolve(chain("0000", duration), qd.Exact())
    assert run.expectations["energy"].value[-1] == pytest.approx(3.0, abs=1e-10)
    assert run.log_norm[-1] == pytest.approx(-3.0 * duration, rel=1e-10)
    lower = qd.evolve(chain("0101", duration), qd.Exact())
    assert lower.expectations["energy"].value[-1] < -2.0  # the same time moves another start


def test_overlaps_that_are_rounding_are_told() -> None:
    """A product of turned spins has total spin 2, in which the energy is 3; the eigenvectors' rounding grows by exp(9.46 tau)."""
    one = np.array([np.cos(0.3), np.sin(0.3)])
    turned = np.kron(np.kron(one, one), np.kron(one, one))
    with pytest.warns(OverlapWarning, match="t = 10 grew from overlaps"):
        grown = qd.evolve(chain(turned, 10.0), qd.Exact())
    assert grown.expectations["energy"].value[-1] < 2.9
    assert qd.evolve(chain(turned, 1.0), qd.Krylov()).expectations["energy"].value[-1] == pytest.approx(3.0, abs=1e-9)


def test_rounding_of_close_levels_is_told_once() -> None:
    """An odd wave in an even well: the even ground level takes over from an overlap of 1e-13, the rounding of H over a gap of 1."""
    grid = qd.Grid((-4, 4), 8)
    w = grid.points[:, 0]
    odd = w * np.exp(-(w**2) / 2)
    odd = odd - np.roll(odd[::-1], 1)  # on the points, of which the left end has no partner
    well = qd.Problem(
        grid, lambda v: v[:, 0] ** 2, 0.5, clock="imaginary", duration=40.0, initial=odd / np.linalg.norm(odd)
    )
    with pytest.warns(OverlapWarning) as told:
        qd.evolve(well, qd.Exact(), save=40)
    assert len([each for each in told if each.category is OverlapWarning]) == 1
