"""Directions of a wave against differences of densities of waves that were changed by a little."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.model.transforms import Transform
from qml_dynamics.validation.tangents import Arrival, nested, valleys

pytestmark = pytest.mark.filterwarnings("ignore")
STEP = 1e-4
START: dict[str, Any] = {"center": (0.6, -0.5), "width": (0.7, 0.5), "momentum": (0.8, -0.3)}


def run(clock: str, duration: float, **changed: Any) -> qd.Trajectory:
    """Two weights, unequal in everything."""
    problem = qd.Problem(
        qd.Grid([(-5, 6), (-4, 4)], (5, 4)),
        lambda w: 0.4 * w[:, 0] ** 2 + 0.2 * np.sin(w[:, 0] - w[:, 1]) + 0.3 * w[:, 1] ** 2,
        0.5,
        clock=clock,  # type: ignore[arg-type]
        duration=duration,
        initial=qd.Gaussian(**{**START, **changed}),
    )
    return qd.evolve(problem, qd.SplitStep(64), save=[duration], progress=False)


def densities(found: qd.Trajectory) -> tuple[np.ndarray, np.ndarray]:
    psi = np.array(found.states[-1], dtype=complex)  # type: ignore[index]
    return np.abs(psi) ** 2, np.abs(Transform(found.problem.domain).forward(psi)) ** 2


def alike(a: np.ndarray, b: np.ndarray) -> float:
    """The cosine of the angle between two changes; 1 for two that are nothing."""
    sizes = [float(np.linalg.norm(x)) for x in (a, b)]
    return float((a * b).sum() / (sizes[0] * sizes[1])) if min(sizes) > 1e-9 else float(max(sizes) < 1e-6)


FIELDS = {"shift": "center", "momentum": "momentum", "width": "width"}


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", list(FIELDS))
@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_a_change_of_the_start_arrives_as_it_is_told(clock: str, name: str, axis: int) -> None:
    """Against runs from packets with another centre, momentum or width along one axis."""
    pair = []
    for sign in (-1, 1):
        values = list(START[FIELDS[name]])
        values[axis] = values[axis] * (1 + sign * STEP) if name == "width" else values[axis] + sign * STEP
        pair.append(densities(run(clock, 0.5, **{FIELDS[name]: tuple(values)})))
    middle = run(clock, 0.5)
    arrival = Arrival.of(middle.problem, 0.5, middle.states[-1])  # type: ignore[index]
    told = {key: changes for key, *changes in arrival.directions()}
    if name == "width":  # a packet of another width keeps its phases: an envelope of it
        name = "envelope"
    for basis in range(2):
        wanted = pair[1][basis] - pair[0][basis]
        assert alike(wanted, told[f"{name} {axis + 1} of the start"][basis]) > 0.999
        if clock == "real":  # imaginary time leaves of all changes the same lowest excitation
            assert abs(alike(wanted, told[f"{name} {2 - axis} of the start"][basis])) < 0.9
        assert np.abs(wanted).max() > 1e-9


def test_every_direction_keeps_the_norm_and_forgets_units() -> None:
    found = run("real", 0.3)
    told = list(Arrival.of(found.problem, 0.3, found.states[-1]).directions())  # type: ignore[index]
    names = [name for name, *_ in told]
    assert len(names) == len(set(names))
    assert {"shift 1", "momentum 2", "width 1", "chirp 2", "cell 7 of 32", "shift 2 of the start"} <= set(names)
    for _, along, across in told:
        assert abs(along.sum()) < 1e-12
        assert abs(across.sum()) < 1e-12
        assert np.abs(along).sum() <= 4.0  # of a step of length 1: 2 |psi* g| less its mean


def test_a_run_that_goes_elsewhere_has_no_carried_directions() -> None:
    """A method with too large an error, or a state that was changed by hand, does not arrive."""
    found = run("real", 0.5)
    other = run("real", 0.5, momentum=(2.0, 0.0)).states[-1]  # type: ignore[index]
    names = [name for name, *_ in Arrival.of(found.problem, 0.5, other).directions()]
    assert "shift 1" in names
    assert not any("of the start" in name for name in names)


def test_wells_and_cells() -> None:
    p = np.array([0.0, 1, 5, 2, 0.5, 1, 4, 3, 2, 2.2, 1, 0])
    assert valleys(p).tolist() == [4]
    labels, count = nested((4, 2), 8)[-1]
    assert (count, sorted(labels.tolist())) == (8, list(range(8)))


@pytest.mark.parametrize("shape", [(16,), (4, 8), (2, 2, 2), (5,), (6, 6), (17, 3)])
def test_nested_blocks_of_any_shape(shape: tuple[int, ...]) -> None:
    """Each is a partition into neighbours that the next one refines; of powers of two into equal blocks."""
    found = nested(shape, 32)
    whole = np.zeros(shape, dtype=np.int64).reshape(-1)
    for labels, count in found:
        assert labels.max() < count
        sizes = np.bincount(labels, minlength=count)
        assert all(len(set(whole[labels == k])) == 1 for k in set(labels))
        if all(n & (n - 1) == 0 for n in shape):
            assert set(sizes) == {labels.size // count}
        whole = labels
    assert found[-1][1] == min(32, int(np.prod([1 << (n - 1).bit_length() for n in shape])))
