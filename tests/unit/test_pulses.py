"""A pulse of a schedule, wherever it lies, is in the answer of every method; fixed steps that cannot see it are refused."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from scipy.linalg import expm

import qml_dynamics as qd
from qml_dynamics.base.codec import method_from_spec
from qml_dynamics.base.errors import MethodError
from qml_dynamics.base.registry import METHODS
from qml_dynamics.methods.base import facts_of
from qml_dynamics.methods.exact import Exact
from qml_dynamics.model.drives import Product, Total, swing
from qml_dynamics.model.hamiltonians import hamiltonian
from qml_dynamics.model.resolution import bent, cuts, unseen

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

COUNT = 33  # knots; the pulse takes two of the 32 pieces
PLACES = (1, 26)


@dataclass(frozen=True)
class Bump:
    """``1 + height`` on a short interval, 1 elsewhere: a schedule of a person's own, which tells no kinks."""

    start: float
    length: float
    height: float

    def value(self, t: float, duration: float) -> float:
        """The coefficient at time ``t``."""
        return 1.0 + self.height * (self.start <= t < self.start + self.length)

    def integral(self, t0: float, t1: float, duration: float) -> float:
        """Exact."""
        inside = max(0.0, min(t1, self.start + self.length) - max(t0, self.start))
        return (t1 - t0) + self.height * inside


def pulse(place: int, height: float, rest: float) -> qd.Knots:
    values = np.full(COUNT, rest)
    values[place] = height
    return qd.Knots(tuple(values.tolist()))


def problem(space: str, clock: str, what: str, place: int) -> qd.Problem:
    """A loss without symmetry under a pulse that turns the wave by about one radian."""
    domain = qd.Grid((-5, 5), 4, boundary=space) if space != "hypercube" else qd.Hypercube(3)
    strength = pulse(place, 160.0, 1e-6) if what == "strength" else qd.Constant(1.0)
    diffusion = pulse(place, 60.0, 0.3) if what == "diffusion" else qd.Constant(0.3)
    start = qd.Gaussian(0.4, 1.1) if space != "hypercube" else qd.State(np.arange(1, 9) + 0.5j)
    return qd.Problem(
        domain,
        lambda w: np.sin(w[:, 0] - 0.3) + 0.2 * w[:, -1],
        diffusion,
        strength,
        clock=clock,
        initial=start,
        duration=2.0,
    )


@cache
def truth(space: str, clock: str, what: str, place: int) -> tuple[np.ndarray, float]:
    """Piece by piece with the integrals of the schedules, in steps much shorter than the pulse."""
    p = problem(space, clock, what, place)
    h = hamiltonian(p)
    kinetic, potential = h.combine, h.zeta
    size = p.domain.size
    dense_k = np.array([kinetic(row.reshape(p.domain.shape), 1.0, 0.0).reshape(-1) for row in np.eye(size)]).T
    psi, log = p.initial.vector(p.domain).reshape(-1), 0.0
    z = -1j if clock == "real" else -1.0
    ends = np.linspace(0.0, p.duration, 32 * 40 + 1).tolist()
    for a, b in zip(ends[:-1], ends[1:]):
        d, s = h.amounts(a, b)
        energies, modes = np.linalg.eigh(d * dense_k + s * np.diag(potential.reshape(-1)))
        psi = modes @ (np.exp(z * energies) * (modes.conj().T @ psi))
        norm = float(np.linalg.norm(psi))
        psi, log = psi / norm, log + (np.log(norm) if clock == "imaginary" else 0.0)
    return psi.reshape(p.domain.shape), log


def miss(run: qd.Trajectory, wave: np.ndarray) -> float:
    assert run.states is not None
    return float(1 - abs(np.vdot(run.states[-1], wave)) ** 2)


CELLS = [
    (space, clock, what)
    for space in ("periodic", "walls", "hypercube")
    for clock in ("real", "imaginary")
    for what in ("strength", "diffusion")
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("space", "clock", "what"), CELLS)
def test_krylov_and_the_dense_integrator_see_every_pulse(space: str, clock: str, what: str, place: int) -> None:
    wave, log = truth(space, clock, what, place)
    p = problem(space, clock, what, place)
    rest = {what: qd.Constant(1e-6 if what == "strength" else 0.3)}
    without = qd.evolve(p.replace(**rest), qd.Krylov(1e-8))
    assert miss(without, wave) > 1e-3, "the pulse must matter"
    for method in (qd.Krylov(1e-8), Exact()):
        run = qd.evolve(p, method)
        assert miss(run, wave) < 1e-6
        assert run.log_norm[-1] == pytest.approx(log, abs=2e-4)


WAVE_METHODS = {
    "split_step": {"steps": 400},
    "trotter": {"steps": 64},
    "multi_product": {"steps": [16, 32]},
    "schrodingerised": {"ancilla_qubits": 8, "steps": 32, "tolerance": 0.5},
    "probabilistic_ite": {"m0": 1.0, "steps": 32, "block": "exact", "floor": 1e-30},
    "qite": {"domain_width": 3, "steps": 8},
    "double_bracket": {"steps": 2},
    "growing": {"method": {"kind": "split_step", "steps": 400}, "start": 3},
}


@pytest.mark.parametrize("what", ["strength", "diffusion"])
@pytest.mark.parametrize("name", sorted(WAVE_METHODS))
def test_every_method_has_the_pulse_in_its_answer(name: str, what: str) -> None:
    """The distance from the truth is much smaller than from the evolution without the pulse."""
    method = method_from_spec({"kind": name, **WAVE_METHODS[name]})
    facts = facts_of(method)
    assert facts is not None
    clock = "real" if "real" in facts.clocks else "imaginary"
    space = "periodic" if name == "growing" else "hypercube"
    p = problem(space, clock, what, 11)
    wave, _ = truth(space, clock, what, 11)
    rest = {what: qd.Constant(1e-6 if what == "strength" else 0.3)}
    blind = qd.evolve(p.replace(**rest), qd.Krylov(1e-8))
    run = qd.evolve(p, method, seed=3)
    density = run.density[-1]
    near = 0.5 * float(np.abs(density - np.abs(wave) ** 2).sum())
    far = 0.5 * float(np.abs(density - blind.density[-1]).sum())
    assert far > 0.01
    if name == "double_bracket":  # two steps of order 1/2 are far from the truth; the pulse is in them all the same
        without = qd.evolve(p.replace(**rest), method).density[-1]
        assert 0.5 * float(np.abs(density - without).sum()) > 0.01
        return
    assert near < 0.6 * far or near < 0.05, (near, far)


def test_every_method_of_the_table_is_looked_at() -> None:
    """Here, or elsewhere in this file, or it takes the steps of one that is, or constant schedules only."""
    elsewhere = {"krylov", "exact", "variational"}
    same_factors = {"tensor_train", "mini_batch", "hamilton_jacobi", "koopman_von_neumann"}
    constant_only = {"schrodinger_bridge"}
    operators_only = {"qdrift", "random_order"}  # see the pulses of tests/matrix/test_strength.py
    assert set(WAVE_METHODS) | elsewhere | same_factors | constant_only | operators_only == set(METHODS)


@pytest.mark.parametrize("what", ["strength", "diffusion"])
def test_an_adaptive_ansatz_follows_the_pulse(what: str) -> None:
    """An ansatz that reaches every wave: the wave itself is compared."""
    p = problem("hypercube", "imaginary", what, 26)
    p = p.replace(domain=qd.Hypercube(2), initial=qd.Uniform())
    method = qd.Variational(qd.ansatz.hardware_efficient(2), steps=20, integrator="rk45", tolerance=1e-6)
    exact = qd.evolve(p, Exact())
    run = qd.evolve(p, method)
    assert run.states is not None
    assert exact.states is not None
    rest = {what: qd.Constant(1e-6 if what == "strength" else 0.3)}
    blind = qd.evolve(p.replace(**rest), Exact())
    assert miss(blind, exact.states[-1]) > 1e-2
    assert miss(run, exact.states[-1]) < 1e-2 * miss(blind, exact.states[-1])


@pytest.mark.parametrize("integrator", ["euler", "rk4"])
@pytest.mark.parametrize("shots", [None, 50])
def test_fixed_steps_that_cannot_see_a_pulse_are_refused(integrator: str, shots: int | None) -> None:
    p = problem("hypercube", "imaginary", "strength", 11)
    backend = None if shots is None else "aer"
    method = qd.Variational(qd.ansatz.hamiltonian(1), steps=4, integrator=integrator)
    with pytest.raises(
        MethodError, match=r"Argument `steps` must be large enough to see all of the strength, but is 4"
    ):
        qd.evolve(p, method, backend=backend, shots=shots, seed=1)
    with pytest.raises(
        MethodError, match=r"Argument `stages` must be large enough to see all of the strength, but is 5"
    ):
        qd.anneal(p, stages=5)
    assert unseen(qd.Linear(0.0, 3.0), [0.0, 0.5, 1.0], 1.0) < 1e-12, "a smooth schedule is seen"


@pytest.mark.parametrize("start", [0.0, 0.123, 0.77])
@pytest.mark.parametrize("length", [1e-5, 1e-3])
@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_a_jump_that_no_one_tells_is_found_from_the_integral(start: float, length: float, clock: str) -> None:
    p = problem("hypercube", clock, "neither", 0).replace(duration=1.0)
    p = p.replace(strength=Bump(start, length, 1.3 / length))
    marks = cuts(hamiltonian(p))
    assert any(abs(t - start - length) < 0.1 * length for t in marks)
    wave = qd.evolve(p, qd.SplitStep(4000)).states[-1]  # type: ignore[index]
    assert miss(qd.evolve(p.replace(strength=1.0), Exact()), wave) > 1e-3
    for method in (qd.Krylov(1e-7), Exact()):
        assert miss(qd.evolve(p, method), wave) < 1e-5


def test_the_fourth_order_of_chin_holds_the_integral_of_a_pulse() -> None:
    p = problem("periodic", "real", "strength", 11)
    p = p.replace(domain=qd.Grid((-8, 8), 6))
    wave = qd.evolve(p, qd.SplitStep(4000)).states[-1]  # type: ignore[index]
    coarse = qd.evolve(p, qd.SplitStep(100, formula="chin4a"))
    blind = qd.evolve(p.replace(strength=1e-6), qd.SplitStep(400))
    assert miss(coarse, wave) < 0.2 * miss(blind, wave)


WIDTHS = (1e-3, 1e-6, 1e-9, 1e-11)


@pytest.mark.parametrize("center", [0.3141, 0.5, 0.77])
@pytest.mark.parametrize("width", WIDTHS)
def test_products_hold_a_pulse_of_any_width(width: float, center: float) -> None:
    """Of area 1 beside a line: ``1 + center``; over parts of the time too, whichever of both comes first."""
    pulse = qd.Pulse(1 / (width * np.sqrt(2 * np.pi)), center, width)
    for pair in ((qd.Linear(1.0, 2.0), pulse), (pulse, qd.Linear(1.0, 2.0))):
        product = Product(*pair)
        rough = 1e-15 / width  # the integral of the pulse alone is known to the rounding of the times
        assert product.integral(0.0, 1.0, 1.0) == pytest.approx(1 + center, abs=1e-9 + rough)
        halves = product.integral(0.0, center, 1.0), product.integral(center, 1.0, 1.0)
        assert halves == pytest.approx((0.5 * (1 + center),) * 2, abs=1e-9 + 2 * width + rough)
        assert swing(product, 1.0) == pytest.approx(1 + center, abs=1e-6)


@pytest.mark.parametrize("length", [1e-5, 1e-8])
def test_products_hold_what_only_the_integral_of_a_schedule_tells(length: float) -> None:
    """A short bump of a schedule that says nothing of it."""
    start = 0.3141
    product = Product(qd.Linear(1.0, 2.0), Bump(start, length, 1 / length))
    assert product.integral(0.0, 1.0, 1.0) == pytest.approx(1.5 + 1 + start, abs=1e-5)


def test_two_pulses_that_cancel_are_seen_where_they_are_told() -> None:
    """One in each direction within one of the pieces that are compared with the integral, which is 0 there; between them the wave moves."""
    width, first, second = 1e-6, 0.4999, 0.5059
    up, down = (qd.Pulse(1 / (width * np.sqrt(2 * np.pi)), center, width) for center in (first, second))
    pair = Total(((1.0, up), (-1.0, down)))
    still, turned = {"ZZ": 3.0, "ZI": 2.0}, {"XI": 0.9, "IY": 0.5}
    start = np.array([1.0, 0.0, 0.5j, 0.0])
    p = qd.Problem.from_operator([(qd.Constant(1.0), still), (pair, turned)], clock="real", duration=1.0, initial=start)
    h = hamiltonian(p)
    h0, v = (qd.Problem.from_operator(o, clock="real", duration=1.0).operator.matrix() for o in (still, turned))
    steps = [(h0, first), (v, 1.0), (h0, second - first), (v, -1.0), (h0, 1 - second)]
    wave = start / np.linalg.norm(start)
    for matrix, amount in steps:
        wave = expm(-1j * amount * matrix) @ wave
    straight = expm(-1j * h0) @ (start / np.linalg.norm(start))
    away = 1 - abs(np.vdot(wave, straight)) ** 2
    assert away > 1e-5  # the pulses do something
    assert {first, second} <= {round(t, 12) for t in cuts(h)}
    assert unseen(pair, [0.0, 0.25, 0.5, 0.75, 1.0], 1.0) == pytest.approx(2.0, abs=1e-3)
    assert bent(pair, [0.49, 0.51], 1.0)[0] > 1e5
    for method in (qd.Krylov(1e-10), qd.Exact()):
        found = qd.evolve(p, method, progress=False).states[-1].reshape(-1)
        assert 1 - abs(np.vdot(found, wave)) ** 2 < 1e-3 * away, method
    with pytest.raises(MethodError, match=r"^Argument `steps` must be large enough for steps that resolve"):
        qd.evolve(p, qd.Trotter(8), progress=False)


@pytest.mark.parametrize("method", [qd.Krylov(), qd.Exact()], ids=["krylov", "exact"])
def test_what_no_pieces_of_time_show_is_refused(method: object) -> None:
    """200,000 periods, each of which turns the wave by 5 radians and back: more than any list of pieces holds."""
    fast = 2 * np.pi * 200_000
    p = qd.Problem.from_operator(
        [(1.0, {"Z": 1.3}), (qd.Oscillation(0.8 * fast, fast), {"X": 1.0})], clock="real", duration=1.0, initial="0"
    )
    with pytest.raises(
        MethodError, match=r"^Argument `problem` must have schedules that 40,000 pieces [^\n]* but has a "
    ):
        qd.evolve(p, method, progress=False)
