"""At the edge of numbers: whatever method is asked, an answer is finite, not negative and of norm 1, or is refused in one line."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

import qml_dynamics as qd
from qml_dynamics.base.codec import method_from_spec
from qml_dynamics.base.errors import MethodError, ProblemError, QMLDynamicsError
from qml_dynamics.base.registry import EXAMPLES, METHODS
from qml_dynamics.methods.base import Answer, Job
from qml_dynamics.methods.gate import check_answer
from qml_dynamics.methods.job import convert
from tests.texts import planned

CHEAP: dict[str, dict[str, Any]] = {  # fewer steps than the examples of the table have
    "split_step": {"steps": 10},
    "trotter": {"steps": 2},
    "multi_product": {"steps": [1, 2]},
    "qdrift": {"samples": 4, "draws": 2},
    "random_order": {"steps": 2, "draws": 2},
    "mini_batch": {"steps": 2, "batch_size": 2, "draws": 2},
    "schrodingerised": {"ancilla_qubits": 5, "steps": 2},
    "probabilistic_ite": {"m0": 0.8, "steps": 2},
    "qite": {"domain_width": 3, "steps": 1},
    "double_bracket": {"steps": 1},
    "variational": {"ansatz": {"kind": "hardware_efficient", "layers": 1}, "steps": 2},
    "growing": {"method": {"kind": "split_step", "steps": 8}, "start": 2},
    "schrodinger_bridge": {"max_iterations": 5},
    "hamilton_jacobi": {"steps": 10},
    "koopman_von_neumann": {"steps": 2, "momentum_qubits": 4},
}
EXTREMES: dict[str, dict[str, float]] = {
    "a loss of 1e300": {"loss": 1e300},
    "a loss of 1e100": {"loss": 1e100},
    "a loss of 1e-300": {"loss": 1e-300},
    "a loss of nan": {"loss": float("nan")},
    "a loss of inf": {"loss": float("inf")},
    "a duration of 1e10": {"duration": 1e10},
    "a duration of 1e300": {"duration": 1e300},
    "a duration of 5e-324": {"duration": 5e-324},
    "a diffusion of 1e300": {"diffusion": 1e300},
    "a diffusion of 1e20": {"diffusion": 1e20},
    "a diffusion of 1e-300": {"diffusion": 1e-300},
    "a box of 1e200": {"box": 1e200},
    "a box of 1e-200": {"box": 1e-200},
}


def _problem(
    clock: str, loss: float = 1.0, duration: float = 1.0, diffusion: float = 0.5, box: float = 1.0
) -> qd.Problem:
    def rows(w: np.ndarray, index: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.asarray(loss * (w / box - 0.1 * index) ** 2)

    objective = qd.objectives.from_rows(rows, 4)
    return qd.Problem(qd.Grid((-2 * box, 2 * box), 3), objective, diffusion, clock=clock, duration=duration)


def _answer(name: str, clock: str, extreme: dict[str, float]) -> qd.Trajectory | str:
    """The run, or the refusal."""
    method = method_from_spec({"kind": name, **EXAMPLES[name], **CHEAP.get(name, {})})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", qd.base.errors.EdgeWeightWarning)
        warnings.simplefilter("ignore", qd.base.errors.MomentumTailWarning)
        try:
            return qd.evolve(_problem(clock, **extreme), method, seed=1)
        except QMLDynamicsError as error:
            return str(error)


@pytest.mark.parametrize("extreme", EXTREMES)
@pytest.mark.parametrize("name", METHODS)
def test_every_method_answers_with_numbers_or_refuses_in_one_line(name: str, extreme: str) -> None:
    clocks = method_from_spec({"kind": name, **EXAMPLES[name]}).facts().clocks & {"real", "imaginary", "classical"}
    assert clocks
    for clock in sorted(clocks):
        found = _answer(name, clock, EXTREMES[extreme])
        if isinstance(found, str):
            assert "\n" not in found
            assert "`" in found  # it names an argument or the objective
            assert "nan" not in EXTREMES[extreme] or "finite" in found
            continue
        assert np.isfinite(found.density).all()
        assert found.density.sum() == pytest.approx(len(found.times), rel=1e-6)
        assert found.density.min() >= 0 or name == "multi_product"
        assert np.isfinite(found.expectations["energy"].value).all()


@pytest.mark.parametrize(
    ("extreme", "argument"),
    [
        ("a loss of 1e300", "`objective`"),
        ("a loss of nan", "must be finite, but is nan"),
        ("a duration of 1e300", "`duration`"),
        ("a diffusion of 1e300", "`diffusion`"),
        ("a box of 1e-200", "`diffusion`"),
    ],
)
def test_a_refusal_names_the_argument_for_cost_and_circuits_too(extreme: str, argument: str) -> None:
    problem = _problem("real", **EXTREMES[extreme])
    for call in planned(problem):
        with pytest.raises(ProblemError, match=argument):
            call()


SPINS = {"XX": 0.3, "ZI": 0.7, "IX": 0.2}
FAST = qd.Oscillation(1e18, 2 * np.pi)  # of which a whole period has no integral


@pytest.mark.parametrize(
    ("argument", "stated"),
    [
        ("operator", lambda: qd.Problem.from_operator(SPINS, clock="real", duration=1.0, strength=1e20)),
        ("operator", lambda: qd.Problem.from_operator(SPINS, clock="real", duration=1.0, strength=FAST)),
        ("operator", lambda: qd.Problem.from_operator([(FAST, SPINS), (1, {"YY": 1})], clock="real", duration=1.0)),
        ("objective", lambda: _problem("real").replace(strength=FAST)),
    ],
)
def test_a_strength_beyond_phases_is_refused_with_opposite_signs_too(
    argument: str, stated: Callable[[], qd.Problem]
) -> None:
    """The same under a strength that phases can hold is taken."""
    problem = stated()
    with pytest.raises(
        ProblemError, match=f"`{argument}` must have .* below 1e\\+15, but is of [0-9.]*e\\+(17|18|19|20)"
    ):
        qd.evolve(problem)
    assert convert(problem.replace(strength=1e-5), qd.Exact()).h.strength == qd.Constant(1e-5)


def test_large_coefficients_under_a_small_strength_are_those_of_their_product() -> None:
    options: dict[str, Any] = {"clock": "real", "duration": 1.0, "initial": "01"}
    large = qd.Problem.from_operator({k: 1e20 * c for k, c in SPINS.items()}, strength=1e-20, **options)
    asked: dict[str, Any] = {"observables": {"z": {"ZI": 1}}}
    wanted = qd.evolve(qd.Problem.from_operator(SPINS, **options), qd.Exact(), **asked).expectations["z"].value[-1]
    assert abs(wanted - 1) > 0.01
    for method in (qd.Exact(), qd.Krylov(), qd.Trotter(200)):
        found = qd.evolve(large, method, **asked).expectations["z"].value[-1]
        assert found == pytest.approx(wanted, abs=1e-4)


def test_paths_that_are_thrown_out_of_reach_are_refused_and_finer_steps_help() -> None:
    start = qd.Gaussian(0.5, 0.3)
    swing = qd.Problem(
        qd.Grid((-4, 4), 4), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="classical", duration=1e10, initial=start
    )
    with pytest.raises(MethodError, match="Argument `steps` must be larger for a duration of 1e\\+10: by t = 1e\\+09"):
        qd.evolve(swing, qd.HamiltonJacobi(10))
    period = swing.replace(duration=2 * np.pi)
    back = qd.evolve(period, qd.HamiltonJacobi(200), observables={"x": lambda w: w[:, 0]})
    assert back.expectations["x"].value[-1] == pytest.approx(back.expectations["x"].value[0], abs=1e-3)


def _job_and_answer() -> tuple[Job, Answer]:
    job = convert(_problem("real"), qd.SplitStep(4), seed=1)
    return job, job.method.run(job)


BROKEN: dict[str, Any] = {
    "density nan": lambda a: {"density": a.density * np.nan},
    "density negative": lambda a: {"density": a.density + np.array([-0.5, 0.5] + 6 * [0.0])},
    "density of sum 2": lambda a: {"density": 2 * a.density},
    "density of another shape": lambda a: {"density": a.density[:, :4]},
    "times backwards": lambda a: {"times": a.times[::-1].copy()},
    "wave of norm 2": lambda a: {"states": 2 * a.states},
    "wave inf": lambda a: {"states": a.states + np.inf},
    "log_norm nan": lambda a: {"log_norm": a.log_norm + np.nan},
    "energy nan": lambda a: {"expectations": {"energy": qd.Estimate(np.array([np.nan, 0.0]))}},
    "error negative": lambda a: {"expectations": {"energy": qd.Estimate(np.zeros(2), np.array([-1.0, 0.0]), 10)}},
}


@pytest.mark.parametrize("fault", BROKEN)
def test_no_answer_becomes_a_trajectory_that_is_no_probability(fault: str) -> None:
    job, answer = _job_and_answer()
    assert check_answer(job, answer) is answer
    with pytest.raises(MethodError) as refused:
        check_answer(job, dataclasses.replace(answer, **BROKEN[fault](answer)))
    assert "\n" not in str(refused.value)
    assert "Argument `" in str(refused.value)


def test_an_error_of_a_persons_own_callback_is_left_as_it_is() -> None:
    class Mine(ArithmeticError):
        pass

    def callback(step: int, view: Any) -> None:
        raise Mine("stop here")

    with pytest.raises(Mine, match="stop here"):
        qd.evolve(_problem("real"), qd.SplitStep(4), callback=callback)


def _chain(reading: str) -> Callable[[qd.Problem, float], Any]:
    return lambda problem, tau: qd.metts(problem, tau, 20, seed=1, reading=reading).stationary


LAWS: dict[str, Callable[[qd.Problem, float], Any]] = {
    "metts": _chain("born"),
    "metts by population": _chain("population"),
    "thermal": lambda problem, beta: qd.gibbs.thermal(problem, beta, 4).probabilities,
}


@pytest.mark.parametrize("time", [0.5, 1e10, 1e300, 1e-300])
@pytest.mark.parametrize("name", LAWS)
def test_thermal_laws_are_laws_or_refused(name: str, time: float) -> None:
    refused: list[str] = []
    for extreme in EXTREMES.values():
        sizes = {"loss": 1.0, "diffusion": 0.5, "box": 1.0, **extreme}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                problem = _problem("imaginary", **{key: sizes[key] for key in ("loss", "diffusion", "box")})
                law = LAWS[name](problem, time)
            except QMLDynamicsError as error:
                refused.append(str(error))
                continue
        assert np.isfinite(law).all()
        assert law.min() >= 0
        assert law.sum() == pytest.approx(1, abs=1e-6)
    assert all("Argument `" in said or "objective" in said for said in refused)
    assert not any("`duration`" in said for said in refused)  # which these calls do not have
    assert 0 < len(refused) <= len(EXTREMES)
    assert len(refused) < len(EXTREMES) or time == 1e300


def _turn() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    return circuit


@pytest.mark.parametrize("optimizer", ["natural", "adam", "spsa"])
def test_training_whose_angles_run_away_is_refused(optimizer: str) -> None:
    bit, start = np.diag([1.0, -1.0]), [0.3]
    assert np.isfinite(qd.train(_turn(), bit, start, steps=2, optimizer=optimizer, seed=1).loss).all()
    with pytest.raises(MethodError, match=r"`learning_rate` must be of a size .* an angle has become"):
        qd.train(_turn(), bit, start, steps=2, optimizer=optimizer, learning_rate=1e200, seed=1)


def test_operators_whose_squares_are_no_numbers_are_refused() -> None:
    for large in (1e200 * np.diag([1.0, -1.0]), SparsePauliOp(["Z"], [1e200])):
        with pytest.raises(ProblemError, match=r"`(operator|loss)` must have entries below 1e\+150, but is of 1e\+200"):
            qd.train(_turn(), large, [0.3], steps=2)


def test_a_result_that_is_no_law_is_not_made() -> None:
    good = {"stderr": np.zeros(2), "log_partition": 0.0, "success_probability": 0.5, "circuit": _turn()}
    rest = {"reading": "born", "beta": 1.0, "tau": 0.5}
    made = qd.gibbs.GibbsResult(np.array([1.0 + 1e-12, -1e-12]), **good, **rest)  # type: ignore[arg-type]
    assert made.probabilities.min() == 0
    for law in ([np.nan, 1.0], [0.7, 0.7], [1.5, -0.5]):
        with pytest.raises(MethodError, match="`beta` must be of a size that can be computed with, but the law"):
            qd.gibbs.GibbsResult(np.array(law), **good, **rest)  # type: ignore[arg-type]
    with pytest.raises(MethodError, match="log_partition is not finite"):
        qd.gibbs.GibbsResult(np.array([0.5, 0.5]), **{**good, "log_partition": np.inf}, **rest)  # type: ignore[arg-type]
    machine, kl = qd.boltzmann.BoltzmannMachine(1), np.array([0.1, np.nan])
    with pytest.raises(MethodError, match="the distance to the data is not finite"):
        qd.boltzmann.BoltzmannFit(machine, np.zeros(2), np.array([0.5, 0.5]), kl, 1, "", "exact")
