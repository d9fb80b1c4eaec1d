"""`qml_dynamics.compat.QNGOptimizer` beside PennyLane's in one run: arguments, costs and metrics after some steps."""

from __future__ import annotations

import inspect

import numpy as np
import pennylane as qml
import pytest
from pennylane import numpy as pnp

from qml_dynamics.base.errors import MethodError
from qml_dynamics.compat import QNGOptimizer
from qml_dynamics.compat.qng import Local, _of_wave, _read

OPERATOR = qml.Hamiltonian(
    [0.7, -0.4, 0.3, 0.9], [qml.Z(0) @ qml.Z(1), qml.X(1) @ qml.Y(2), qml.Y(0) @ qml.X(2), qml.X(0)]
)
DEVICE = qml.device("default.qubit", wires=4)  # one more, which their whole metric needs


@qml.qnode(DEVICE)
def layered(theta):
    for k in range(2):
        for q in range(3):
            qml.RY(theta[k, q, 0], wires=q)
            qml.RZ(theta[k, q, 1], wires=q)
        qml.CNOT([0, 1])
        qml.CNOT([1, 2])
    return qml.expval(OPERATOR)


@qml.qnode(DEVICE)
def mixed(x, fixed, y, wire=2):
    """Shared, scaled and shifted angles, several arguments of which one stands still, gates on several wires."""
    qml.Hadamard(0)
    qml.RX(fixed, 1)
    qml.Rot(x[0], x[1], 2 * x[0], wires=0)
    qml.IsingXX(x[1], wires=[0, wire])
    qml.IsingZZ(y[0], wires=[1, 2])
    qml.RX(y[1] + 0.3, wires=1)
    qml.RY(y[2], wires=2)
    qml.MultiRZ(y[0], wires=[0, 1, 2])
    qml.RY(0.3 * x[0] + y[1], wires=2)
    qml.PauliRot(y[2], "XY", wires=[0, 1])
    qml.RX(y[2], wires=1)
    return qml.expval(OPERATOR)


def starts(qnode):
    if qnode is layered:
        return (pnp.array(np.random.default_rng(3).normal(size=(2, 3, 2)), requires_grad=True),)
    fixed = pnp.array(0.4, requires_grad=False)
    return pnp.array([0.3, 0.8], requires_grad=True), fixed, pnp.array([0.5, -0.2, 0.9], requires_grad=True)


def as_tuple(args):
    return args if isinstance(args, tuple) else (args,)


@pytest.mark.parametrize("approx", [None, "block-diag", "diag"])
@pytest.mark.parametrize("qnode", [layered, mixed], ids=["layered", "mixed"])
def test_steps(qnode, approx):
    """The same arguments and costs after two steps, and the same metric of the last one."""
    ours, peer = QNGOptimizer(0.1, approx, 0.01), qml.QNGOptimizer(0.1, approx, 0.01)
    options = {} if qnode is layered else {"wire": 2}
    mine = other = starts(qnode)
    for _ in range(2):
        mine, cost = ours.step_and_cost(qnode, *as_tuple(mine), **options)
        other, expected = peer.step_and_cost(qnode, *as_tuple(other), **options)
        assert abs(cost - expected) < 1e-10
    assert ours.route == "wave"
    for a, b, before in zip(as_tuple(mine), as_tuple(other), starts(qnode)):
        assert type(a) is type(b)
        assert a.requires_grad == b.requires_grad
        np.testing.assert_allclose(a, b, atol=1e-10)
        if a.requires_grad:
            assert np.abs(a - before).max() > 1e-2
    for a, b in zip(as_tuple(ours.metric_tensor), as_tuple(peer.metric_tensor)):
        np.testing.assert_allclose(a, b, atol=1e-10)
        assert np.abs(a).max() > 0.1


def test_the_metrics_differ():
    """So that the three approximations are three cases."""
    found = {
        approx: _of_wave(_read(mixed, starts(mixed), {}), approx).metric for approx in (None, "block-diag", "diag")
    }
    assert np.abs(found[None] - found["block-diag"]).max() > 0.05
    assert np.abs(found["diag"] - found["block-diag"]).max() > 0.01


def test_signature():
    """Theirs first, then what only this one has."""
    mine = list(inspect.signature(QNGOptimizer.__init__).parameters.values())
    other = list(inspect.signature(qml.QNGOptimizer.__init__).parameters.values())
    assert [(p.name, p.default) for p in mine[: len(other)]] == [(p.name, p.default) for p in other]
    assert all(p.kind is p.KEYWORD_ONLY for p in mine[len(other) :])
    assert issubclass(QNGOptimizer, qml.QNGOptimizer)


def test_a_metric_is_kept_where_it_is_not_to_be_computed_again():
    ours, peer = QNGOptimizer(0.1, None, 0.01), qml.QNGOptimizer(0.1, None, 0.01)
    mine = other = starts(layered)[0]
    for again in (True, False):
        mine = ours.step(layered, mine, recompute_tensor=again)
        other = peer.step(layered, other, recompute_tensor=again)
    np.testing.assert_allclose(mine, other, atol=1e-10)
    fresh = ours.step(layered, starts(layered)[0])
    assert np.abs(ours.step(layered, fresh) - mine).max() > 1e-4


def test_controlled_rotations_and_phases_have_the_metric_of_the_state():
    """``CRX`` after ``RY(a)`` on its control: ``g_11 = sin^2(a/2) / 4``; and in general what their adjoint metric says.

    Their ``metric_tensor`` says 0.0720 in place of 0.0099 for the first: generators with projectors are wrong there.
    """

    @qml.qnode(qml.device("default.qubit", wires=2))
    def turned(theta):
        qml.RY(theta[0], 0)
        qml.CRX(theta[1], [0, 1])
        qml.PhaseShift(theta[2], 1)
        qml.CRZ(theta[0], [1, 0])
        return qml.expval(qml.Z(0) + qml.X(1))

    theta = pnp.array([0.4, 0.7, 0.2], requires_grad=True)
    metric = _of_wave(_read(turned, (theta,), {}), None).metric
    assert abs(metric[1, 1] - np.sin(0.2) ** 2 / 4) < 1e-12
    np.testing.assert_allclose(metric, qml.adjoint_metric_tensor(turned)(theta), atol=1e-10)
    moved = QNGOptimizer(0.1, None, 0.01).step(turned, theta)
    slope = np.asarray(qml.grad(turned)(theta))
    np.testing.assert_allclose(moved, theta - 0.1 * np.linalg.solve(metric + 0.01 * np.eye(3), slope), atol=1e-8)


@pytest.mark.parametrize("case", ["curved", "own metric", "other device", "not one mean"])
def test_what_is_not_read_goes_the_way_of_pennylane(case):
    """With PennyLane's own numbers or its own error."""
    device = qml.device("default.mixed" if case == "other device" else "default.qubit", wires=2)

    @qml.qnode(device)
    def qnode(theta):
        qml.RY(theta[0] ** 2 if case == "curved" else theta[0], 0)
        qml.CNOT([0, 1])
        qml.RX(theta[1], 1)
        return qml.probs(wires=0) if case == "not one mean" else qml.expval(qml.Z(0) @ qml.Y(1))

    theta = pnp.array([0.4, 0.7], requires_grad=True)
    options = {"metric_tensor_fn": qml.metric_tensor(qnode, approx="diag")} if case == "own metric" else {}
    ours, peer = QNGOptimizer(0.1), qml.QNGOptimizer(0.1)
    if case == "not one mean":
        with pytest.raises(TypeError, match="Grad only applies to real scalar-output"):
            ours.step(qnode, theta)
        return
    mine, other = ours.step(qnode, theta, **options), peer.step(qnode, theta, **options)
    assert ours.route == "pennylane"
    np.testing.assert_allclose(mine, other, atol=1e-12)
    assert np.abs(mine - theta).max() > 1e-3


@pytest.mark.parametrize("metric", ["shift", *(pytest.param(m, marks=pytest.mark.slow) for m in ("hadamard", "spsa"))])
def test_measured_steps(metric):
    """Estimates from circuits on the device of the QNode (with one more wire for an ancilla): near the exact ones, the same from a seed."""

    @qml.qnode(qml.device("default.qubit", wires=3 if metric == "hadamard" else 2))
    def exact(theta):
        qml.RY(theta[0], 0)
        qml.CNOT([0, 1])
        qml.RX(theta[1], 1)
        return qml.expval(qml.Z(0) + 0.5 * qml.X(0) @ qml.Y(1))

    theta = pnp.array([0.4, 0.7], requires_grad=True)
    shots = 20_000
    measured = qml.set_shots(exact, shots)
    reach = _of_wave(_read(exact, (theta,), {}), None)
    assert isinstance(reach, Local)
    found = [
        QNGOptimizer(0.1, None, 0.3, metric=metric, resamplings=50, seed=5).step_and_cost(measured, theta)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert abs(found[0][1] - reach.energy) < 5 * 1.5 / np.sqrt(shots)
    expected = theta - 0.1 * np.linalg.solve(reach.metric + 0.3 * np.eye(2), reach.gradient)
    gap = np.abs(np.asarray(found[0][0] - expected)).max()
    assert 0 < gap < 0.02  # the step itself is ten times as long
    assert np.abs(np.asarray(expected - theta)).max() > 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"approx": "block"}, "`approx`"),
        ({"lam": -1}, "`lam`"),
        ({"metric": "shift"}, "`approx` must be None with `metric`"),
        ({"metric": "exact", "approx": None}, "`metric`"),
        ({"resamplings": 1}, "`resamplings`"),
        ({"seed": -1}, "`seed`"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(MethodError, match=message):
        QNGOptimizer(**options)


def test_a_measured_metric_needs_shots():
    optimiser = QNGOptimizer(0.1, None, metric="shift")
    with pytest.raises(MethodError, match="`metric` must be None for a QNode without shots"):
        optimiser.step(layered, *starts(layered))
    with pytest.raises(MethodError, match="`metric` must be None for this QNode"):
        optimiser.step(lambda theta: theta.sum(), *starts(layered))


def test_an_observable_that_moves_is_left_to_pennylane():
    """Its derivative through the coefficients is not taken here: a step by the circuit alone would go uphill."""

    @qml.qnode(DEVICE)
    def moving(t):
        qml.RY(t[0], 0)
        qml.RX(t[1], 1)
        return qml.expval(qml.Hamiltonian([t[1], 1.0], [qml.Z(0), qml.X(1)]))

    @qml.qnode(DEVICE)
    def still(t):
        qml.RY(t[0], 0)
        qml.RX(t[1], 1)
        return qml.expval(qml.Hamiltonian([0.7, 1.0], [qml.Z(0), qml.X(1)]))

    start = pnp.array([0.4, 0.7], requires_grad=True)
    assert _read(moving, (start,), {}) is None
    assert _read(still, (start,), {}) is not None
