"""Right calls of the methods that people call on the library's objects; ``self`` is the object."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import qml_dynamics as qd
from qml_dynamics.learning.growth.mlp import new_network
from qml_dynamics.model.objectives import expression
from tests.fuzz import pools


def _rows(columns: int = 2) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(6, columns))


@functools.cache
def _diffusion() -> qd.Diffusion:
    mixture = qd.diffusion.gaussian_mixture([0.3, 0.7], [-1.0, 1.0], [0.2, 0.1])
    return qd.Diffusion(qd.Grid((-6, 6), 4), mixture)


@functools.cache
def _trained() -> Any:
    return qd.boltzmann.fit(qd.boltzmann.BoltzmannMachine(2), [0.4, 0.1, 0.1, 0.4], steps=2, progress=False)


@functools.cache
def _neuron() -> qd.Objective:
    return qd.objectives.neuron(_rows(), [0, 1] * 3)


@functools.cache
def _exchange() -> Any:
    return qd.ensembles.Exchange([0.0, 0.4], hopping=1.0, network=1)


@functools.cache
def _characteristics() -> Any:
    return qd.ensembles.characteristics(pools.problem("classical"), qd.HamiltonJacobi(8), save=2)


def _loss() -> qd.Objective:
    return expression("x0**2/2")


def _grid() -> qd.Grid:
    return qd.Grid((-3, 3), 3)


def _open() -> Any:
    return qd.open_run(pools.submitted())


def _machine() -> Any:
    return qd.boltzmann.BoltzmannMachine(2)


@functools.cache
def _learned() -> qd.Trajectory:
    """A run of a neuron on two features."""
    problem = qd.Problem(qd.Grid([(-3, 3)] * 2, 2), _neuron(), 0.2, clock="imaginary", duration=0.5)
    return qd.evolve(problem, qd.SplitStep(4), seed=0, progress=False)


@functools.cache
def _posterior() -> qd.Chain:
    return qd.metts(_learned().problem, tau=0.5, samples=8, seed=0, progress=False)


THETA = (0.3, -0.2, 0.5, 0.1, 0.4)
MEMBERS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "Counts.histogram": lambda: {"self": qd.Counts(np.array([0, 2]), np.array([3, 4])), "size": 4},
    "Diffusion.circuit": lambda: {"self": _diffusion(), "t": 0.3},
    "Diffusion.density": lambda: {"self": _diffusion(), "points": np.zeros((2, 1)), "t": 0.2},
    "Diffusion.forward": lambda: {"self": _diffusion(), "t": 0.3},
    "Diffusion.paths": lambda: {"self": _diffusion(), "n": 5, "seed": 1, "steps": 4, "progress": False},
    "Diffusion.problem": lambda: {"self": _diffusion(), "t": 0.3},
    "Diffusion.sample": lambda: {"self": _diffusion(), "n": 5, "seed": 1, "steps": 4, "progress": False},
    "Grid.momenta_at": lambda: {"self": _grid(), "index": np.array([0, 2])},
    "Grid.points_at": lambda: {"self": _grid(), "index": np.array([0, 2])},
    "Grid.refined": lambda: {"self": _grid(), "extra": 1},
    "Hypercube.points_at": lambda: {"self": qd.Hypercube(3), "index": np.array([0, 2])},
    "LearningHamiltonian.bounds": lambda: {"self": pools.coarse(), "t": 0.1},
    "LearningHamiltonian.expectation": lambda: {"self": pools.coarse(), "psi": pools.wave(), "t": 0.1},
    "LearningHamiltonian.ground_state": lambda: {"self": pools.coarse(), "t": 0.1},
    "LearningHamiltonian.lowest": lambda: {"self": pools.coarse(), "count": 2, "t": 0.1},
    "LearningHamiltonian.matrix": lambda: {"self": pools.coarse(), "t": 0.1},
    "Objective.gradient": lambda: {"self": _loss(), "points": np.zeros((2, 1))},
    "Objective.on": lambda: {"self": _loss(), "domain": _grid()},
    "Objective.predict": lambda: {"self": _neuron(), "w": np.ones(2), "X": _rows()},
    "Objective.score": lambda: {"self": _neuron(), "w": np.ones(2), "X": _rows(), "y": [0, 1] * 3},
    "Problem.from_operator": lambda: {"operator": np.diag([1.0, 2, 3, 4]), "clock": "real", "duration": 1.0},
    "Problem.replace": lambda: {"self": pools.problem(), "duration": 0.5, "diffusion": 0.4, "clock": "imaginary"},
    "Chain.predict": lambda: {"self": _posterior(), "X": _rows(), "weights": "vote"},
    "Chain.predict_interval": lambda: {"self": _posterior(), "X": _rows(), "level": 0.8},
    "Chain.score": lambda: {"self": _posterior(), "X": _rows(), "y": [0, 1] * 3},
    "Trajectory.predict": lambda: {"self": _learned(), "X": _rows(), "weights": "mean", "reading": "born", "time": 0.5},
    "Trajectory.predict_interval": lambda: {"self": _learned(), "X": _rows(), "level": 0.8},
    "Trajectory.predict_proba": lambda: {"self": _learned(), "X": _rows(), "weights": "best"},
    "Trajectory.predictor": lambda: {"self": _learned(), "weights": "mean", "reading": "population"},
    "Trajectory.score": lambda: {"self": _learned(), "X": _rows(), "y": [0, 1] * 3},
    "Trajectory.save": lambda: {"self": pools.run(), "path": str(pools.folder() / "saved.npz")},
    "boltzmann.BoltzmannFit.sample": lambda: {"self": _trained(), "shots": 20, "seed": 1},
    "boltzmann.BoltzmannMachine.gradient": lambda: {"self": _machine(), "theta": THETA, "data": [0.4, 0.1, 0.1, 0.4]},
    "boltzmann.BoltzmannMachine.hamiltonian": lambda: {"self": _machine(), "theta": THETA},
    "boltzmann.BoltzmannMachine.law": lambda: {"self": _machine(), "theta": THETA},
    "boltzmann.BoltzmannMachine.marginal": lambda: {"self": _machine(), "law": np.full(4, 0.25)},
    "descent.Learned.over": lambda: {"self": qd.descent.pretrained(20), "spread": 2.0, "edge": 1.5},
    "diffusion.Scale.fit": lambda: {"rows": _rows()},
    "diffusion.Scale.from_box": lambda: {"self": qd.diffusion.Scale.fit(_rows()), "rows": _rows()},
    "diffusion.Scale.to_box": lambda: {"self": qd.diffusion.Scale.fit(_rows()), "rows": _rows()},
    "ensembles.Characteristics.density": lambda: {"self": _characteristics(), "index": -1},
    "ensembles.Exchange.circuit": lambda: {"self": _exchange(), "duration": 0.5, "steps": 2, "occupied": [0]},
    "ensembles.Exchange.problem": lambda: {"self": _exchange(), "duration": 0.5, "occupied": [0]},
    "ensembles.Exchange.sample": lambda: {
        "self": _exchange(),
        "duration": 0.5,
        "steps": 2,
        "occupied": [0],
        "shots": 50,
        "seed": 1,
    },
    "ensembles.Learning.problem": lambda: {
        "self": qd.ensembles.Learning(0.1, 1.0, 1.0),
        "domain": _grid(),
        "V": _loss(),
        "duration": 0.5,
    },
    "ensembles.Oscillator.level": lambda: {"self": qd.ensembles.Oscillator(1.0), "n": 1, "grid": qd.Grid((-6, 6), 5)},
    "ensembles.Oscillator.problem": lambda: {
        "self": qd.ensembles.Oscillator(1.0),
        "grid": qd.Grid((-6, 6), 5),
        "duration": 0.5,
    },
    "ensembles.Oscillator.superposition_mean": lambda: {"self": qd.ensembles.Oscillator(1.0), "t": 0.5},
    "ensembles.TwoSlits.fringe_spacing": lambda: {"self": qd.ensembles.TwoSlits(0.4, 2.0), "t": 0.5},
    "ensembles.TwoSlits.spread": lambda: {"self": qd.ensembles.TwoSlits(0.4, 2.0), "t": 0.5},
    "ensembles.TwoSlits.density": lambda: {"self": qd.ensembles.TwoSlits(0.4, 2.0), "x": np.arange(3.0), "t": 0.5},
    "ensembles.TwoSlits.wave": lambda: {"self": qd.ensembles.TwoSlits(0.4, 2.0), "grid": qd.Grid((-6, 6), 5)},
    "growth.MLP.probabilities": lambda: {"self": new_network([2, 3, 2]), "X": _rows()},
    "growth.MLP.score": lambda: {"self": new_network([2, 3, 2]), "X": _rows(), "y": np.array([0, 1] * 3)},
    "growth.Recording.save": lambda: {
        "self": qd.growth.record([[np.eye(2)], [np.eye(2) * 2]]),
        "path": str(pools.folder() / "recorded.npz"),
    },
    "objectives.Neuron.predict": lambda: {"self": _neuron().model, "w": np.ones(2), "X": _rows()},
    "runs.Checkpoint.save": lambda: {
        "self": qd.runs.Checkpoint(pools.folder() / "kept"),
        "step": 1,
        "arrays": {"theta": np.ones(2)},
    },
    "runs.Run.fetch": lambda: {"self": _open(), "wait": False},
    "runs.Run.resume": lambda: {"self": _open()},
    "runs.Run.status": lambda: {"self": _open(), "ask": False},
}
