"""At the edge of numbers: whatever method is asked, an answer is finite, not negative and of norm 1, or is refused in one line."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError, QMLDynamicsError
from qml_dynamics.base.registry import EXAMPLES, METHODS, method_from_spec
from qml_dynamics.methods.base import Answer, Job
from qml_dynamics.methods.gate import check_answer
from qml_dynamics.methods.job import convert

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
    calls = [
        lambda: qd.evolve(problem, qd.SplitStep(4)),
        lambda: qd.cost(problem, qd.Trotter(2)),
        lambda: qd.circuits(problem, qd.Trotter(2)),
        lambda: qd.error_budget(problem, qd.Trotter(2)),
    ]
    for call in calls:
        with pytest.raises(ProblemError, match=argument):
            call()


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
