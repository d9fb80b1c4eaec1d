"""Operators whose terms have schedules of their own: statement, files, readings, refusals, and laws known in closed form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from scipy.integrate import quad, solve_ivp

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.learning import gibbs
from qml_dynamics.model.driven_formulas import ends_of_steps
from qml_dynamics.model.drives import Product, Total, times
from qml_dynamics.model.resolution import check_resolved
from qml_dynamics.results.observables import pauli_groups
from qml_dynamics.runs.problem_file import problem_from_spec, read_problem, write_problem
from qml_dynamics.runs.problem_file.files import copy_problem
from tests.dense_terms import dense

PARTS = [
    (qd.Linear(1.0, 0.2), {"IIX": 0.7, "XII": -0.4, "III": 0.2}),
    (qd.Linear(-0.3, 1.0), {"IZZ": -0.8, "ZXI": 0.5, "XII": 0.2}),
    (qd.Oscillation(0.6, 4.0, 0.3), {"YII": 0.5, "IZZ": 0.3}),
]


def propagated(parts: list[Any], duration: float, psi: np.ndarray, strength: Any = 1.0) -> np.ndarray:
    """The wave at the end of the real clock, by DOP853 on dense matrices."""
    rows = [(schedule, dense(terms)) for schedule, terms in parts]
    s = qd.Constant(strength) if isinstance(strength, float) else strength

    def rate(t: float, y: np.ndarray) -> np.ndarray:
        """``-i H(t) psi``."""
        h = sum(each.value(t, duration) * matrix for each, matrix in rows)
        return np.asarray(-1j * s.value(t, duration) * (h @ y))

    found = solve_ivp(rate, (0.0, duration), psi.astype(complex), method="DOP853", rtol=1e-12, atol=1e-13)
    return np.asarray(found.y[:, -1])


def stated(clock: str = "real", **options: Any) -> qd.Problem:
    """The problem on three qubits, from a wave without symmetry."""
    start = np.array([0.5, 0.1 + 0.3j, -0.2, 0.4, 0.1j, 0.3, -0.35 + 0.2j, 0.25])
    return qd.Problem.from_operator(PARTS, clock=clock, duration=0.8, initial=start, **options)


def test_the_hamiltonian_is_the_sum_at_every_time() -> None:
    """Strings that several parts share, the identity, and a strength that changes its sign."""
    strength = qd.Linear(-0.5, 1.3)
    h = qd.hamiltonian(stated(strength=strength))
    for t in (0.0, 0.3, 0.8):
        wanted = strength.value(t, 0.8) * sum(s.value(t, 0.8) * dense(terms) for s, terms in PARTS)
        np.testing.assert_allclose(h.matrix(t), wanted, atol=1e-13)
        np.testing.assert_allclose(h.at(t).matrix(), wanted, atol=1e-13)
        low, high = h.bounds(t)
        levels = np.linalg.eigvalsh(wanted)
        assert low <= levels[0] < levels[-1] <= high
    assert len(h.schedules) == 5, "each shared string has a schedule of its own"
    assert np.abs(h.matrix(0.0) - h.matrix(0.8)).max() > 0.3


@pytest.mark.parametrize(
    "schedule",
    [
        qd.Oscillation(0.7, 5.0, 0.4, 0.2),
        qd.Pulse(1.3, 0.4, 0.05),
        qd.Jumps((0.5, -1.0, 2.0), (0.2, 0.7)),
        Product(qd.Linear(-1.0, 2.0), qd.Pulse(1.3, 0.4, 0.02)),
        Product(qd.Jumps((0.5, -1.0), (0.33,)), qd.Oscillation(0.7, 60.0)),
        Total(((2.0, qd.Linear(0.0, 1.0)), (-0.5, qd.Oscillation(0.7, 5.0)))),
    ],
    ids=lambda s: type(s).__name__,
)
def test_integrals_of_drives_are_those_of_their_values(schedule: Any) -> None:
    """Over pieces without a jump, by SciPy's quadrature."""
    for a, b in ((0.0, 0.19), (0.21, 0.32), (0.34, 0.45), (0.45, 0.69), (0.71, 0.8)):
        wanted = quad(lambda t: schedule.value(t, 0.8), a, b, epsabs=1e-13, epsrel=1e-12, limit=200)[0]
        assert schedule.integral(a, b, 0.8) == pytest.approx(wanted, abs=2e-12)
    whole = schedule.integral(0.0, 0.8, 0.8)
    parts = [schedule.integral(a, b, 0.8) for a, b in ((0.0, 0.25), (0.25, 0.5), (0.5, 0.8))]
    assert whole == pytest.approx(sum(parts), abs=1e-12)


@pytest.mark.parametrize(
    ("schedule", "ends"),
    [
        (Product(qd.PowerLaw(1.0, 0.5), qd.Linear(0.0, 1.0)), (60.0, 60.001, 100.0)),
        (Product(qd.PowerLaw(1.0, 0.5), qd.Linear(0.0, 1.0)), (60.0, 60.000001, 100.0)),
        (Product(qd.QHD(1e-3).diffusion, qd.Linear(0.0, 1.0)), (6.0, 6.1, 10.0)),
        (Product(qd.Pulse(1.0, -50.0, 100.0), qd.Oscillation(1.0, 300.0)), (0.0, 1.0, 1.0)),
    ],
    ids=("short", "shorter", "steep", "wide"),
)
def test_products_end_where_the_integrals_of_their_factors_cancel(schedule: Any, ends: tuple[float, ...]) -> None:
    """Differences of antiderivatives are no better than rounding on short pieces, and none is halved for that."""
    wanted = quad(lambda t: schedule.value(t, ends[2]), *ends[:2], epsabs=0, epsrel=1e-10, limit=500)[0]
    assert schedule.integral(*ends) == pytest.approx(wanted, rel=1e-9, abs=0)


def test_a_far_tail_of_a_pulse_keeps_its_digits() -> None:
    """A difference of error functions would be 0 there."""
    pulse = qd.Pulse(1.0, 0.0, 1.0)
    assert pulse.integral(8.0, 9.0, 20.0) == pytest.approx(
        quad(lambda t: pulse.value(t, 1.0), 8, 9)[0], rel=1e-9, abs=0
    )
    assert pulse.integral(-9.0, -8.0, 20.0) == pulse.integral(8.0, 9.0, 20.0) > 0


def test_equal_schedules_and_constants_are_one_operator() -> None:
    """Constant schedules are numbers; where nothing moves, the operator is a plain one, in files too."""
    plain = qd.Problem.from_operator([(2.0, {"ZZ": 1.0}), (qd.Constant(0.5), {"XI": 1.0})], clock="real", duration=1.0)
    assert dict(zip(plain.operator.labels, plain.operator.coefficients.tolist())) == {"ZZ": 2.0, "XI": 0.5}
    ramp = qd.Linear(0.0, 1.0)
    both = qd.Problem.from_operator(
        [(ramp, {"ZZ": 1.0}), (qd.Linear(0.0, 1.0), {"XI": 0.5})], clock="real", duration=1.0
    )
    h = qd.hamiltonian(both)
    assert h.commutes
    alone = qd.Problem.from_operator({"ZZ": 1.0, "XI": 0.5}, clock="real", duration=1.0, strength=ramp)
    for method in (qd.Trotter(5, order=4), qd.Krylov(), qd.Exact()):
        one, other = (qd.evolve(p, method).states[-1] for p in (both, alone))
        np.testing.assert_allclose(one, other, atol=1e-12)
    assert times(qd.Constant(1.0), ramp) is ramp


def test_an_annealing_path_ends_with_the_weight_of_the_ground_state_that_dense_matrices_give() -> None:
    """``(1 - t/T) X + (t/T) ZZ`` with fields and bonds of both signs, none of them equal: signs and the order of the qubits show."""
    path = [
        (qd.Linear(1.0, 0.0), {"XII": -1.0, "IXI": -1.2, "IIX": -0.8}),
        (qd.Linear(0.0, 1.0), {"ZZI": -1.0, "IZZ": 0.7, "ZII": 0.45, "IIZ": 0.2}),
    ]
    problem = qd.Problem.from_operator(path, clock="real", duration=7.0)
    truth = propagated(path, 7.0, np.full(8, np.sqrt(1 / 8)))
    best = int(np.diag(dense(path[1][1])).real.argmin())
    assert f"{best:03b}" == "110", "spin 0 and 1 along the bond, against the field; spin 2 against its bond"
    wanted = float(abs(truth[best]) ** 2)
    assert 0.5 < wanted < 0.97
    for method, tolerance in ((qd.Exact(), 1e-9), (qd.Krylov(1e-7), 1e-6), (qd.Trotter(60, order=4), 1e-5)):
        run = qd.evolve(problem, method)
        assert abs(run.density[-1].reshape(-1)[best] - wanted) < tolerance
    assert qd.hamiltonian(problem).ground_state(7.0)[0] == pytest.approx(run.expectations["energy"].value[-1], abs=0.5)


def test_a_resonant_drive_turns_a_spin_by_its_area() -> None:
    """``H = w/2 Z + W cos(w t) X``, W far below w: the spin turns by ``W t`` about an axis of the frame that turns along, up to W / w."""
    w, drive = 1.0, 0.05
    duration = np.pi / drive  # half a turn: from one pole to the other
    parts = [(1.0, {"Z": w / 2}), (qd.Oscillation(drive, w), {"X": 1.0})]
    problem = qd.Problem.from_operator(parts, clock="real", duration=duration, initial="0")
    steps = 8 * round(duration * w / (2 * np.pi))
    run = qd.evolve(problem, qd.Trotter(steps, order=6), save=[duration / 2, duration])
    assert run.density[1].reshape(-1)[1] == pytest.approx(1.0, abs=drive**2 / w**2)
    assert run.density[0].reshape(-1)[1] == pytest.approx(0.5, abs=drive / w)
    truth = propagated([(qd.Constant(1.0), {"Z": w / 2}), parts[1]], duration, np.array([1.0, 0.0]))
    assert np.linalg.norm(run.states[-1].reshape(-1) - truth) < 1e-6


def test_a_quench_inside_a_step_keeps_the_order() -> None:
    """Steps are cut at jumps, so that each piece is smooth."""
    bonds = {"ZZI": -1.0, "IZZ": 0.7, "ZII": 0.3}
    parts = [(qd.Constant(1.0), bonds), (qd.Jumps((0.2, 1.5), (0.37,)), {"XII": -0.9, "IXI": 0.4, "IIX": 0.8})]
    psi = np.array([0.8, 0.6j, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    problem = qd.Problem.from_operator(parts, clock="real", duration=1.0, initial=psi)
    truth = np.asarray(qd.evolve(problem, qd.Exact()).states[-1]).reshape(-1)
    errors = []
    for steps in (10, 20):
        run = qd.evolve(problem, qd.Trotter(steps, order=4))
        errors.append(float(np.linalg.norm(run.states[-1].reshape(-1) - truth)))
    assert errors[1] > 1e-10
    assert np.log2(errors[0] / errors[1]) > 3.5


@pytest.mark.parametrize(
    ("schedule", "method", "told"),
    [
        (qd.Pulse(3.0, 0.41, 0.004), qd.Trotter(8), "`steps`.*Pulse"),
        (qd.Pulse(3.0, 0.41, 0.004), qd.QDrift(8, draws=2), "`samples`.*Pulse"),
        (qd.Pulse(3.0, 0.41, 0.004), qd.MultiProduct((2, 4)), "`steps`.*Pulse"),
        (qd.Pulse(3.0, 0.41, 0.004), qd.RandomOrder(8, draws=2), "`steps`.*Pulse"),
        (qd.Oscillation(3.0, 16 * np.pi), qd.Trotter(8), "`steps`.*Oscillation"),
        (qd.Oscillation(3.0, 32 * np.pi, np.pi / 2), qd.Trotter(8, order=4), "`steps`.*Oscillation"),
        (qd.Jumps((0.0, 2.0), (0.3,)), qd.MultiProduct((2, 4)), "`steps`.*Jumps"),
        (
            qd.Jumps((0.0, 2.0), (0.3,)),
            qd.Variational(qd.ansatz.hamiltonian(layers=1), 4, integrator="rk4"),
            "`integrator`.*jumps",
        ),
    ],
)
def test_steps_that_do_not_resolve_a_schedule_are_refused(schedule: Any, method: Any, told: str) -> None:
    """Naming it and the argument, in one line."""
    parts = [(1.0, {"ZZ": 1.0}), (schedule, {"XI": 1.0})]
    problem = qd.Problem.from_operator(parts, clock="real", duration=1.0)
    with pytest.raises(MethodError, match=told) as refused:
        qd.evolve(problem, method)
    assert "\n" not in str(refused.value)
    check_resolved(qd.hamiltonian(problem), ends_of_steps(qd.hamiltonian(problem), 400, []), "steps", 400)  # enough


def test_steps_up_to_each_saved_time_resolve_the_schedules() -> None:
    """A jump at the end of a step up to the duration may be inside one up to a saved time."""
    parts = [(1.0, {"ZZI": 1.0, "IZZ": 0.7}), (qd.Jumps((0.0, 1.5), (0.3,)), {"XII": 1.0, "IXI": 0.5, "IYI": 0.8})]
    problem = qd.Problem.from_operator(parts, clock="real", duration=1.0)
    method = qd.MultiProduct((10, 20))
    with pytest.raises(MethodError, match=r"`steps`.*saved time 0\.7: between t = 0\.28"):
        qd.evolve(problem, method, save=[0.7])
    truth = qd.evolve(problem, qd.Exact(), save=[0.6, 1.0]).density
    assert np.abs(qd.evolve(problem, method, save=[0.6, 1.0]).density - truth).max() < 1e-4


def test_eight_steps_a_period_and_coarse_steps_of_one_schedule_are_not_refused() -> None:
    """What is resolved, and what needs no resolution since the operators commute."""
    drive = [(1.0, {"ZZ": 1.0}), (qd.Oscillation(1.0, 2 * np.pi), {"XI": 1.0})]
    assert len(qd.circuits(qd.Problem.from_operator(drive, clock="real", duration=2.0), qd.Trotter(16))) == 2
    pulse = qd.Problem.from_operator(
        {"ZX": 1.0, "XI": 0.5}, clock="real", duration=1.0, strength=qd.Pulse(3.0, 0.4, 0.001)
    )
    assert len(qd.circuits(pulse, qd.Trotter(2))) == 2


def test_files_keep_terms_with_their_schedules(tmp_path: Path) -> None:
    """There and back, from labels, from files, and with a strength; the folder takes the files along."""
    problem = stated(strength=qd.Linear(1.0, -0.5))
    back = read_problem(write_problem(problem, tmp_path / "problem.toml")).problem
    assert "[[operator.terms]]" in (tmp_path / "problem.toml").read_text()
    for (s, one), (other_s, other) in zip(problem.operator.parts, back.operator.parts, strict=True):
        assert s == other_s
        assert (one.labels, one.coefficients.tolist()) == (other.labels, other.coefficients.tolist())
    folder = tmp_path / "by_file"
    folder.mkdir()
    (folder / "bonds.txt").write_text("(-1.0) [Z0 Z1] + (0.5) [Z1 Z2]")
    (folder / "problem.toml").write_text(
        '[[operator.terms]]\nlabels = ["X0", "X1", "X2"]\ncoefficients = [-1, -0.9, -0.8]\nschedule = "linear"\n'
        'params = {start = 1, stop = 0}\n[[operator.terms]]\nfile = "bonds.txt"\nschedule = "linear"\nparams = {start = 0, stop = 1}\n'
        '[[operator.terms]]\nlabels = ["ZII"]\ncoefficients = [0.3]\nvalue = 2.0\n[evolution]\nclock = "real"\nduration = 3.0\n'
    )
    read = read_problem(folder)
    assert read.problem.operator.parts[1][1].labels == ["IZZ", "ZZI"]
    assert read.problem.operator.parts[2][1].coefficients.tolist() == [0.6]
    (tmp_path / "copy").mkdir()
    copied = read_problem(copy_problem(read, tmp_path / "copy" / "problem.toml"))
    assert (tmp_path / "copy" / "bonds.txt").is_file()
    np.testing.assert_allclose(qd.hamiltonian(copied.problem).matrix(1.0), qd.hamiltonian(read.problem).matrix(1.0))


@pytest.mark.parametrize(
    ("head", "first", "second", "wires", "labels"),
    [
        ("", "[X0]", "0.5 [Z0 Y2]", None, [["XII"], ["ZIY"]]),
        ("num_qubits = 4", "[X0 Z1]", "[Y1]", None, [["XZII"], ["IYII"]]),
        ("", "X('a') Z('b')", "X('b')", ("a", "b"), [["XZ"], ["IX"]]),
        ('wires = ["b", "a"]', "X('a') Z('b')", "X('b')", ("b", "a"), [["ZX"], ["XI"]]),
    ],
)
def test_files_of_terms_are_texts_as_in_python(
    tmp_path: Path, head: str, first: str, second: str, wires: Any, labels: list[list[str]]
) -> None:
    """Widened to the largest index, with the labels of their wires; one file alone keeps its own."""
    (tmp_path / "first.txt").write_text(first)
    (tmp_path / "second.txt").write_text(second)
    clock = '[evolution]\nclock = "real"\nduration = 1.0\n'
    (tmp_path / "problem.toml").write_text(
        f'[operator]\n{head}\n[[operator.terms]]\nfile = "first.txt"\nschedule = "linear"\nparams = {{start = 1, stop = 0}}\n'
        f'[[operator.terms]]\nfile = "second.txt"\n{clock}'
    )
    found = read_problem(tmp_path).problem
    assert found.wires == wires
    assert [terms.labels for _, terms in found.operator.parts] == labels
    (tmp_path / "problem.toml").write_text(f'[operator]\n{head}\nfile = "first.txt"\n{clock}')
    assert read_problem(tmp_path).problem.wires == wires


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        (
            [{"labels": ["ZZ"], "coefficients": [1.0], "schedule": "lineer"}],
            r"schedule must be one of .*Did you mean `linear`",
        ),
        ([{"labels": ["ZZ"], "coefficients": [1.0], "params": {"start": 1}}], "params without one"),
        (
            [{"labels": ["ZZ"], "coefficients": [1.0], "schedule": "linear", "params": {"start": 1}}],
            "params must hold start, stop",
        ),
        ([{"labels": ["ZZ"]}], "labels and coefficients must be given, or a file"),
        ([{"labels": ["ZZ"], "coefficients": [1.0]}, {"labels": ["ZZZ"], "coefficients": [1.0]}], "act on 3 qubits"),
        ([{"label": ["ZZ"]}], "has no key `label`"),
        ([], "at least one term"),
    ],
)
def test_terms_of_a_file_that_do_not_fit_are_named(terms: list[Any], told: str) -> None:
    """In one line, with the section."""
    spec = {"operator": {"terms": terms}, "evolution": {"clock": "real", "duration": 1.0}}
    with pytest.raises(ProblemError, match=told) as refused:
        problem_from_spec(spec)
    assert str(refused.value).startswith("[operator")
    assert "\n" not in str(refused.value)


def test_samples_and_estimates_measure_the_operator_of_their_time() -> None:
    """The energy of each saved time is that of its own H(t), with errors that say so; cost counts what is sent."""
    problem, saves = stated(), [0.0, 0.5, 0.8]
    exact = qd.evolve(problem, qd.Trotter(12), save=saves).expectations["energy"].value
    assert np.ptp(exact) > 0.2
    noisy = qd.evolve(problem, qd.Trotter(12), save=saves, backend="aer", shots=4000, seed=5).expectations["energy"]
    assert (np.abs(noisy.value - exact) < 5 * noisy.stderr).all()
    assert (np.abs(exact - exact[0])[1:] > 3 * noisy.stderr[1:]).all(), "the operator of another time would show"
    assert (noisy.stderr < 0.05).all()
    price = qd.cost(problem, qd.Trotter(12), save=saves, shots=4000, backend="aer")
    assert price.two_qubit_gates > 0
    groups = len(pauli_groups(qd.hamiltonian(problem).terms))
    assert price.circuits == len(saves) * (1 + groups), "one for the weights and one for each basis of the strings"


def test_shots_of_a_run_that_a_callback_ends_measure_the_operator_of_that_time() -> None:
    """Of a register that rests, t Z at t = 0.5, which is no saved time, without a spread: samples say what the wave does."""
    problem = qd.Problem.from_operator({"Z": 1}, clock="real", duration=1.0, initial="0", strength=qd.Linear(0, 1))
    for shots in (None, 1000):
        run = qd.evolve(
            problem, qd.Trotter(10), backend="statevector", shots=shots, callback=lambda step, view: step == 5
        )
        assert run.times.tolist() == [0.0, 0.5]
        assert run.expectations["energy"].value.tolist() == pytest.approx([0.0, 0.5], abs=1e-12)


def test_what_has_no_time_for_a_moving_operator_says_so() -> None:
    """Thermal states and chains are those of one Hamiltonian; a choice between circuits is not made in imaginary time."""
    problem = stated("imaginary")
    calls = (lambda t: gibbs.thermal(problem, 1.0, time=t), lambda t: qd.metts(problem, tau=0.5, samples=10, time=t))
    for call in calls:
        with pytest.raises(ProblemError, match=r"`time` must be given, between 0 and 0\.8, where terms have schedules"):
            call(None)
        for wrong in (-0.1, 0.81):
            with pytest.raises(ProblemError, match=r"`time` must be between 0 and the duration, 0\.8"):
                call(wrong)
    with pytest.raises(MethodError, match="`method` must be given"):
        qd.evolve(problem, backend="statevector")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([(qd.Linear(0, 1), {"ZZ": 1.0}), (1.0, {"ZZZ": 1.0})], r"`operator\[0\]\[1\]` must act on 3 qubits"),
        ([(qd.Linear(0, 1), {"ZQ": 1.0})], r"`operator\[0\]\[1\]`"),
        ([(qd.Linear(0, 1), "Q0")], r"`operator\[0\]\[1\]`"),
        ([(qd.Linear, {"ZZ": 1.0})], "`operator`"),
    ],
)
def test_terms_that_cannot_be_read_are_named_by_their_place(given: Any, told: str) -> None:
    """In Python as in files."""
    with pytest.raises(ProblemError, match=told) as refused:
        qd.Problem.from_operator(given, clock="real", duration=1.0)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("first", "second", "options", "wires", "labels"),
    [
        ("X('a') @ Z('b')", "X('b') @ Z('a')", {}, ("a", "b"), ["XZ", "ZX"]),
        ("X('b')", {"X('a')": 1.0}, {"wires": ["a", "b"]}, ("a", "b"), ["IX", "XI"]),
        (qml.X("a") @ qml.Z(0), "Y0 @ X3", {}, ("a", 0, 3), ["XZI", "IYX"]),
        (qml.X(1) @ qml.Z(0), qml.X(0), {}, (1, 0), ["XZ", "IX"]),
        (qml.X(2) @ qml.Y(3), "Z0 Z1", {}, None, ["IIXY", "ZZII"]),
        (qml.X(1) @ qml.Z(0), "Z0 Y1", {}, None, ["ZX", "ZY"]),
        (qml.Z(0) @ qml.X(1), {"YZ": 1.0}, {}, None, ["ZX", "YZ"]),
        ("X0", "Y0 Z2", {}, None, ["XII", "YIZ"]),
        (qml.X(0), "Z2", {"num_qubits": 4}, None, ["XIII", "IIZI"]),
    ],
)
def test_terms_share_one_order_of_wires(first: Any, second: Any, options: Any, wires: Any, labels: list[str]) -> None:
    """Each part acts on the wires that it names, whichever way the other ones write theirs."""
    parts = [(qd.Linear(1.0, 0.0), first), (qd.Linear(0.0, 1.0), second)]
    problem = qd.Problem.from_operator(parts, clock="real", duration=1.0, **options)
    assert problem.wires == wires
    assert [terms.labels for _, terms in problem.operator.parts] == [[label] for label in labels]


@pytest.mark.parametrize("first", [qml.X("a") @ qml.Z("b"), "X('a') Z('b')", qml.X(1) @ qml.Z(0)])
def test_terms_by_place_beside_labels_are_refused(first: Any) -> None:
    with pytest.raises(ProblemError, match=r"`operator\[1\]\[1\]` must name its wires as `operator\[0\]\[1\]` does"):
        qd.Problem.from_operator([(qd.Linear(1, 0), first), (qd.Linear(0, 1), {"XZ": 1.0})], clock="real", duration=1.0)


def test_a_budget_of_a_driven_operator_blames_the_formula() -> None:
    """Coarse steps of order two against the exact reference; half of the step divides the error by four."""
    budget = qd.error_budget(stated(), qd.Trotter(4), backend="statevector", observables={"Y": "YII"})
    assert budget.dominant == "formula"
    assert any("4" in note and note.startswith("formula:") for note in budget.notes)
    shifted = qd.error_budget(stated(), qd.Trotter(8, order=4), backend="statevector", shots=200, seed=1)
    assert shifted.dominant == "shots"
