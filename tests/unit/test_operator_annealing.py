"""`anneal` along paths of operators: dense propagators, DOP853, Landau and Zener's law, degenerate ground levels, circuits, refusals."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.sparse.linalg import expm_multiply

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.cli.anneal import Wishes, anneal_command
from qml_dynamics.learning.annealing import Annealing
from qml_dynamics.learning.annealing.operator_path import held_operator
from qml_dynamics.learning.metts import Chain
from qml_dynamics.model.resolution import check_resolved
from qml_dynamics.plotting.annealing import plot_annealing, plot_chain
from qml_dynamics.runs.problem_file import write_problem
from tests.dense_terms import PAULI, dense

UNIT = qd.Constant(1.0)
PATH = [
    (qd.Linear(1.0, 0.0), {"XII": -1.0, "IXI": -1.2, "IIX": -0.8}),
    (qd.Linear(0.0, 1.0), {"ZZI": -1.0, "IZZ": 0.7, "ZII": 0.45, "IIZ": 0.2}),
    (0.3, {"IYI": 0.4, "ZIZ": 0.2}),
]
CUT = [(0, 1, 1.0), (1, 2, 0.8), (2, 3, 1.1), (3, 0, 0.6), (0, 2, 0.5)]  # a graph on four nodes: edges and weights


def at(t: float, duration: float, strength: Any = UNIT) -> np.ndarray:
    """H(t) of the path."""
    rows = [(qd.Constant(s) if isinstance(s, float) else s, dense(terms)) for s, terms in PATH]
    return np.asarray(strength.value(t, duration) * sum(s.value(t, duration) * m for s, m in rows))


def stated(clock: str, duration: float = 3.0, **options: Any) -> qd.Problem:
    """The path, from a wave without symmetry."""
    start = np.array([0.5, 0.1 + 0.3j, -0.2, 0.4, 0.1j, 0.3, -0.35 + 0.2j, 0.25])
    return qd.Problem.from_operator(PATH, clock=clock, duration=duration, initial=start, **options)


def cut(duration: float, clock: str = "real") -> qd.Problem:
    """From fields to a maximum cut, the start in the ground state of the fields."""
    bonds = {"".join("Z" if q in (a, b) else "I" for q in range(4)): w for a, b, w in CUT}
    fields = {"".join("X" if q == k else "I" for q in range(4)): -1.0 for k in range(4)}
    path = [(qd.Linear(1.0, 0.0), fields), (qd.Linear(0.0, 1.0), bonds)]
    return qd.Problem.from_operator(path, clock=clock, duration=duration)


@pytest.mark.parametrize("clock", ["real", "imaginary"])
def test_stages_are_the_product_of_exponentials(clock: str) -> None:
    """Each at its own values, from the first to the last; a strength of the whole sum too; norm, energies and levels."""
    duration, stages, strength = 3.0, 5, qd.Linear(0.6, 1.4)
    problem = stated(clock, strength=strength)
    run = qd.anneal(problem, stages)
    assert run.states is not None
    psi, log = problem.initial.vector(problem.domain).reshape(-1), 0.0
    for i in range(stages):
        h = at(duration * i / (stages - 1), duration, strength)
        psi = expm((-1j if clock == "real" else -1.0) * duration / stages * h) @ psi
        norm = float(np.linalg.norm(psi))
        psi, log = psi / norm, log + np.log(norm)
        assert abs(np.vdot(psi, run.states[i + 1].reshape(-1))) == pytest.approx(1.0, abs=1e-12)
        assert run.log_norm[i + 1] == pytest.approx(log, abs=1e-11)
        assert run.expectations["energy"].value[i + 1] == pytest.approx(np.vdot(psi, h @ psi).real, abs=1e-11)
        levels, modes = np.linalg.eigh(h)
        assert run.diagnostics["gap"][i] == pytest.approx(levels[1] - levels[0], abs=1e-11)
        assert run.diagnostics["ground_energy"][i] == pytest.approx(levels[0], abs=1e-11)
        assert run.diagnostics["ground_fidelity"][i] == pytest.approx(abs(np.vdot(modes[:, 0], psi)) ** 2, abs=1e-10)
    assert run.diagnostics["time"] == pytest.approx([0.0, 0.75, 1.5, 2.25, 3.0])
    assert run.diagnostics["coefficients"][0].max() == pytest.approx(0.6)
    assert run.problem == problem


def test_many_stages_are_the_moving_hamiltonian() -> None:
    """Of order one in the stages, and near to DOP853 of H(t): nothing but the stages lies between."""
    duration, problem = 3.0, stated("real")
    start = problem.initial.vector(problem.domain).reshape(-1)
    answer = solve_ivp(
        lambda t, y: -1j * (at(t, duration) @ y), (0.0, duration), start, method="DOP853", rtol=1e-10, atol=1e-12
    )
    errors = []
    for stages in (20, 40, 80):
        run = qd.anneal(problem, stages, spectrum=False)
        assert run.states is not None
        overlap = abs(np.vdot(answer.y[:, -1], run.states[-1].reshape(-1)))
        errors.append(float(np.sqrt(max(0.0, 2 - 2 * overlap))))
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert rates.min() > 0.85
    assert 1e-4 < errors[-1] < 0.03


def test_a_sweep_through_a_crossing_stays_behind_as_landau_and_zener_say() -> None:
    """``H = v (t - T/2) Z / 2 + g X``: ``exp(-2 pi g^2 / v)``, by the run and by what the crossing tells of its gap and speed."""
    g, v, duration = 0.4, 1.0, 80.0
    h0 = 0.5 * v * (-duration / 2) * PAULI["Z"] + g * PAULI["X"]
    path = [(qd.Linear(-v * duration / 2, v * duration / 2), {"Z": 0.5}), (1.0, {"X": g})]
    sweep = qd.Problem.from_operator(path, clock="real", duration=duration, initial=np.linalg.eigh(h0)[1][:, 0])
    run = qd.anneal(sweep, 1500)
    law = float(np.exp(-2 * np.pi * g**2 / v))
    # the ends of the sweep leave about (2 g / (v T))^2, and amplitudes of that size interfere
    assert 1 - run.diagnostics["ground_fidelity"][-1] == pytest.approx(law, abs=2e-3)
    assert 0.3 < law < 0.4
    with pytest.warns(qd.CrossingWarning, match="leaps from '0' to '1' at t = 40 with a gap of 0.8"):
        coarse = qd.anneal(sweep, 6)
    (crossing,) = coarse.diagnostics["crossings"]
    assert (crossing["time"], crossing["gap"]) == pytest.approx((40.0, 2 * g), abs=1e-6)
    told = -np.log(
        crossing["landau_zener"]
    )  # the six values are passed in 5 / 6 of the time that the sweep takes for them
    assert told == pytest.approx(
        2 * np.pi * g**2 / (v * 6 / 5), rel=0.06
    )  # the slope is taken where it has reached 3/sqrt(10)


def test_both_sides_of_a_cut_are_its_ground_level() -> None:
    """Two basis states by symmetry: their probability is the fidelity, the gap is that to the next cut, and nothing is warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = qd.anneal(cut(40.0), 60)
    values = np.diag(dense({"".join("Z" if q in (a, b) else "I" for q in range(4)): w for a, b, w in CUT})).real
    order = np.sort(values)
    best = np.flatnonzero(values < order[0] + 1e-9)
    assert len(best) == 2
    assert best.sum() == 15  # mirror images
    share = float(run.density[-1].reshape(-1)[best].sum())
    assert share > 0.98
    assert run.diagnostics["ground_fidelity"][-1] == pytest.approx(share, abs=1e-12)
    assert run.diagnostics["gap"][-1] == pytest.approx(order[2] - order[0], abs=1e-10)
    assert run.diagnostics["ground_energy"][-1] == pytest.approx(order[0], abs=1e-12)
    decayed = qd.anneal(cut(8.0, "imaginary"), 8)
    assert float(decayed.density[-1].reshape(-1)[best].sum()) > 0.95


def test_stages_that_the_gap_places_lose_less() -> None:
    """At a gap that closes to a tenth in the middle: local adiabaticity stays longer there."""
    path = [(qd.Linear(-1.0, 1.0), {"Z": 1.0}), (1.0, {"X": 0.1})]
    start = np.linalg.eigh(-PAULI["Z"] + 0.1 * PAULI["X"])[1][:, 0]
    sweep = qd.Problem.from_operator(path, clock="real", duration=60.0, initial=start)
    plain, placed = (qd.anneal(sweep, 200, adapt=adapt) for adapt in (None, "gap"))
    lost = [1 - float(run.diagnostics["ground_fidelity"][-1]) for run in (plain, placed)]
    assert lost[1] < 0.2 * lost[0] < 0.2
    near = [np.abs(run.diagnostics["time"] - 30.0) < 6.0 for run in (plain, placed)]
    assert near[1].sum() > 2.5 * near[0].sum() > 0
    assert placed.diagnostics["time"][[0, -1]].tolist() == [0.0, 60.0]


def test_circuits_and_methods_run_the_stages() -> None:
    """Strang steps at an error of their own, blocks of imaginary time, Krylov's stages to rounding; samples by their errors."""
    exact = qd.anneal(stated("real"), 4)
    assert exact.states is not None
    for method, allowed in ((None, 0.02), (qd.Trotter(4 * 100, order=4), 1e-6)):
        run = qd.anneal(stated("real"), 4, backend="statevector", method=method)
        assert run.states is not None
        pairs = zip(exact.states.reshape(5, -1), run.states.reshape(5, -1))
        off = np.array([np.linalg.norm(a * np.exp(1j * np.angle(np.vdot(a, b))) - b) for a, b in pairs])
        assert 1e-12 < off.max() < allowed
        assert run.diagnostics["ground_fidelity"] == pytest.approx(
            exact.diagnostics["ground_fidelity"], abs=2 * allowed
        )
    krylov = qd.anneal(stated("real"), 4, method=qd.Krylov(1e-11))
    assert np.abs(krylov.states - exact.states).max() < 1e-9
    short = stated("imaginary", 0.8)
    blocks, still = qd.anneal(short, 2, backend="statevector"), qd.anneal(short, 2)
    assert 1e-9 < np.abs(blocks.density - still.density).max() < 5e-3
    assert blocks.log_norm == pytest.approx(still.log_norm, abs=5e-3)
    shots = qd.anneal(stated("real"), 2, backend="statevector", shots=4000, seed=1)
    energy, known = shots.expectations["energy"], qd.anneal(stated("real"), 2).expectations["energy"]
    assert (np.abs(energy.value - known.value) < 5 * energy.stderr).all()
    assert (energy.stderr < 0.1).all()


def test_a_wide_register_goes_by_krylov_spaces() -> None:
    """Ten spins: against SciPy's action of the exponential on sparse matrices; gaps by iteration."""
    n, duration, stages = 10, 1.2, 3
    bonds = {"I" * k + "ZZ" + "I" * (n - 2 - k): -1.0 - 0.05 * k for k in range(n - 1)}
    fields = {"I" * k + "X" + "I" * (n - 1 - k): -1.0 for k in range(n)}
    path = [(qd.Linear(1.0, 0.1), fields), (qd.Linear(0.1, 1.0), bonds)]
    problem = qd.Problem.from_operator(path, clock="real", duration=duration)
    run = qd.anneal(problem, stages, spectrum=False)
    assert run.states is not None
    psi = problem.initial.vector(problem.domain).reshape(-1)
    sparse = {letter: sp.csr_array(matrix) for letter, matrix in PAULI.items()}
    for i in range(stages):
        h = sp.csr_array((1 << n, 1 << n), dtype=complex)
        for schedule, terms in path:
            for label, c in terms.items():
                string = sp.csr_array(np.eye(1))
                for letter in label:
                    string = sp.kron(string, sparse[letter], format="csr")
                h = h + schedule.value(duration * i / (stages - 1), duration) * c * string
        psi = expm_multiply(-1j * duration / stages * h, psi)
    assert abs(np.vdot(psi, run.states[-1].reshape(-1))) == pytest.approx(1.0, abs=1e-9)
    assert abs(np.vdot(run.states[0].reshape(-1), run.states[-1].reshape(-1))) < 0.99
    with pytest.raises(MethodError, match="`adapt` must be None above 512 basis states"):
        qd.anneal(problem, 4, adapt="gap")


def test_a_portfolio_quenches_beside_and_starts_from_basis_states() -> None:
    """Where the last Hamiltonian moves these; elsewhere no restart is made, and one that is asked for is refused."""
    run = qd.anneal(stated("imaginary"), 3, strategy="portfolio", seed=2)
    members = run.diagnostics["members"]
    assert list(members) == ["anneal", "quench", "restart 1", "restart 2"]
    chosen = float(run.expectations["energy"].value[-1])
    assert chosen == min(float(member["energy"].value) for member in members.values())
    quench = qd.anneal(stated("imaginary"), 3, strategy="quench")
    psi = expm(-3.0 * at(3.0, 3.0)) @ quench.states[0].reshape(-1)
    assert abs(np.vdot(psi / np.linalg.norm(psi), quench.states[-1].reshape(-1))) == pytest.approx(1.0, abs=1e-12)
    assert np.ptp(quench.diagnostics["time"]) == 0
    assert list(qd.anneal(cut(3.0), 3, strategy="portfolio").diagnostics["members"]) == ["anneal", "quench"]
    with pytest.raises(MethodError, match="`restarts` must be None or 0 where the last Hamiltonian is diagonal"):
        qd.anneal(cut(3.0), 3, strategy="portfolio", restarts=2)


@pytest.mark.parametrize("operator", [{"ZZ": 1.0, "XI": 0.5}, [(qd.Linear(0, 1), {"ZZ": 1.0, "XI": 0.5})]])
def test_an_operator_whose_ground_state_does_not_move_is_refused(operator: Any) -> None:
    """One operator times any schedule; what an operator has not is refused too."""
    still = qd.Problem.from_operator(operator, clock="real", duration=1.0)
    with pytest.raises(MethodError, match="`problem` must have an objective, or an operator whose terms have several"):
        qd.anneal(still, 3)
    with pytest.raises(MethodError, match="`adapt` must be None or 'gap' for an operator"):
        qd.anneal(stated("real"), 3, adapt="variance")
    with pytest.raises(MethodError, match="`problem` must hold its schedule 0 still within each of 3 stages"):
        qd.evolve(stated("real"), Annealing(3), save=[0.0, 1.0, 2.0, 3.0])
    pulse = [(qd.Pulse(3.0, 0.41, 0.004), {"XI": 1.0}), (1.0, {"ZZ": 1.0})]
    with pytest.raises(MethodError, match="`stages` must be large enough to see all of the schedule Pulse"):
        qd.anneal(qd.Problem.from_operator(pulse, clock="real", duration=1.0), 3)
    with pytest.raises((MethodError, ProblemError), match="`spectrum`"):
        qd.anneal(stated("real"), 3, spectrum="all")  # type: ignore[arg-type]


def test_steps_that_end_with_the_stages_resolve_them() -> None:
    """Jumps at the ends of steps are none inside, however fine the steps are; steps across them are refused."""
    held = held_operator(stated("real"), [0.0, 1.0, 2.0, 3.0])
    h = qd.hamiltonian(held)
    check_resolved(h, 3.0 * np.arange(801) / 800, "steps", 800)
    with pytest.raises(MethodError, match="`steps` must be large enough for steps that resolve"):
        check_resolved(h, np.linspace(0.0, 3.0, 4), "steps", 3)


def test_a_folder_goes_on_and_is_read(tmp_path: Path) -> None:
    """Ended by the keyboard in its fourth stage, the same call in the same folder ends as one without."""
    whole, seen = qd.anneal(stated("imaginary"), 8, observables={"x": {"XII": 1.0}}), []

    def ends(step: int, view: Any) -> None:
        """The keyboard, once."""
        seen.append(step)
        if len(seen) == 4:
            raise KeyboardInterrupt

    part = qd.anneal(stated("imaginary"), 8, observables={"x": {"XII": 1.0}}, callback=ends, folder=tmp_path / "kept")
    assert part.stop.startswith("Interrupted")
    again = [
        qd.anneal(stated("imaginary"), 8, observables={"x": {"XII": 1.0}}, folder=tmp_path / "kept") for _ in range(2)
    ]
    for run in again:
        assert np.array_equal(run.states, whole.states)
        assert np.array_equal(run.expectations["x"].value, whole.expectations["x"].value)
        assert run.diagnostics["gap"] == pytest.approx(whole.diagnostics["gap"], abs=1e-12)
    loaded = qd.load(tmp_path / "kept" / "trajectory.npz")
    assert loaded.problem.operator.labels == whole.problem.operator.labels
    assert np.array_equal(loaded.diagnostics["coefficients"], whole.diagnostics["coefficients"])
    moved = [(qd.Linear(1.0, 0.1), PATH[0][1]), *PATH[1:]]
    other = qd.Problem.from_operator(moved, clock="imaginary", duration=3.0, initial=whole.problem.initial)
    with pytest.raises(ProblemError, match=r"problem\.schedules is"):
        qd.anneal(other, 8, observables={"x": {"XII": 1.0}}, folder=tmp_path / "kept")


def test_pictures_pages_and_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Basis states, gaps over the time of the path, energies; the command anneals the file of a path and samples its end."""
    run = qd.anneal(cut(10.0), 10)
    figure = plot_annealing({"one": run, "quench": qd.anneal(cut(10.0), 10, strategy="quench")})
    states, gaps, _ = figure.axes
    assert states.get_yticklabels()[0].get_text() in ("0101", "1010")
    assert gaps.get_xlabel() == "time of the path"
    assert gaps.lines[1].get_xdata() == pytest.approx(run.diagnostics["time"])
    write_problem(cut(10.0), tmp_path / "cut.toml")
    wishes = Wishes(stages=10, clock="real", samples=40, tau=1.0, seed=1)
    assert anneal_command(tmp_path / "cut.toml", wishes, out=tmp_path / "out", as_json=False, plots=False) == 0
    assert "anneal: final energy" in capsys.readouterr().out
    saved = qd.load(tmp_path / "out" / "trajectory.npz")
    assert saved.diagnostics["ground_fidelity"] == pytest.approx(run.diagnostics["ground_fidelity"], abs=1e-12)
    assert Chain.load(tmp_path / "out" / "chain.npz").energy is not None
    with pytest.raises(MethodError, match="`chain` must be one of a loss"):
        plot_chain(qd.metts(cut(10.0), 0.5, 20, seed=1, time=10.0))
    page = qd.report(tmp_path / "out", tmp_path / "page.html").read_text(encoding="utf-8")
    assert "The stages of the annealing" in page
    assert "time of the path" in page
    assert "units of the energy" in page
