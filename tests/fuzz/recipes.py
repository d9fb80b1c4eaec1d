"""A right call of every public name: the arguments it needs, small enough that the answer is there at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import qml_dynamics as qd
from qml_dynamics.learning.growth.mlp import new_network
from qml_dynamics.model.objectives import expression
from tests.fuzz import pools

Make = Callable[[], dict[str, Any]]


def _grid(qubits: int = 3) -> qd.Grid:
    return qd.Grid((-3, 3), qubits)


def _plane(qubits: int = 3) -> qd.Grid:
    return qd.Grid([(-3, 3), (-3, 3)], qubits)


def _loss(text: str = "x0**2/2") -> qd.Objective:
    return expression(text)


def _rows(count: int = 12, columns: int = 2) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(count, columns))


def _learning() -> Any:
    return qd.ensembles.Learning(0.5, 1.0, 0.5)


def _spins() -> qd.Problem:
    return qd.Problem(qd.Hypercube(2), expression("x0-0.5*x0*x1"), 0.3, clock="imaginary", duration=0.5)


def _sde_run() -> Any:
    loss = expression("-(x0**2)/2")
    found = qd.ensembles.observe_sde(loss, [1.0], diffusion=0.2, mobility=0.7, networks=40, steps=20, progress=False)
    return found


def _mixture() -> Any:
    return qd.diffusion.gaussian_mixture([0.3, 0.7], [-1.0, 1.0], [0.2, 0.1])


def _counts() -> qd.Counts:
    return qd.Counts(np.array([1, 2, 4]), np.array([5, 4, 1]))


def _field() -> Any:
    neurons = qd.ensembles.GaussianNeurons(lambda q: np.exp(q[:, :1, None]) * np.eye(2), beta=2.0)
    return neurons.field(_grid())


def _setting(split: int) -> Any:
    rows, labels = np.linspace(-1.0, 1.0, 6)[:, None], np.array([0, 0, 1, 0, 1, 1])
    loss = qd.objectives.neuron(rows, labels, bias=False)
    return qd.descent.Setting(loss, loss, qd.Grid((-3, 3), 3), lambda w: 0.5)


def _tomls() -> dict[str, Any]:
    return {"path": pools.stored("problem")}


def _times() -> np.ndarray:
    return np.array([0.0, 0.2, 0.4])


RECIPES: Mapping[str, Make] = {
    # the root
    "Best": lambda: {"weights": (0.1,), "value": 0.1, "uniform_weights": (0.2,), "uniform_value": 0.2, "samples": 3},
    "Constant": lambda: {"value0": 1.0},
    "Counts": lambda: {"index": np.array([0, 2]), "count": np.array([3, 4])},
    "Cutoff": dict,
    "Diffusion": lambda: {"domain": qd.Grid((-6, 6), 4), "data": _mixture()},
    "DoubleBracket": lambda: {"steps": 2},
    "Estimate": lambda: {"value": 0.5, "stderr": 0.1, "shots": 10},
    "Exact": dict,
    "Gaussian": lambda: {"center": 0.0, "width": 1.0, "momentum": 0.5},
    "Geometric": lambda: {"start": 1.0, "stop": 2.0},
    "Grid": lambda: {"bounds": (-1, 1), "qubits": 3, "boundary": "periodic", "twist": 0.0},
    "Growing": lambda: {"method": qd.SplitStep(8), "start": 3},
    "Growth": dict,
    "HamiltonJacobi": lambda: {"steps": 8},
    "Hypercube": lambda: {"num_weights": 3},
    "Knots": lambda: {"values": (1.0, 2.0)},
    "KoopmanVonNeumann": lambda: {"steps": 4},
    "Krylov": dict,
    "LearningHamiltonian": lambda: {"domain": _grid(), "zeta": np.zeros(8)},
    "Linear": lambda: {"start": 1.0, "stop": 2.0},
    "MiniBatch": lambda: {"steps": 2, "batch_size": 2, "draws": 2},
    "MultiProduct": dict,
    "Objective": lambda: {"fn": lambda w: (w**2).sum(axis=1)},
    "PauliHamiltonian": lambda: {
        "domain": qd.Hypercube(2),
        "terms": qd.Problem.from_operator(np.diag([1.0, 2, 3, 4]), clock="real", duration=1.0).operator,
    },
    "PointMass": lambda: {"point": [0.0]},
    "PowerLaw": lambda: {"scale": 1.0, "power": -1.0, "offset": 1.0},
    "ProbabilisticITE": lambda: {"m0": 0.9, "steps": 2},
    "Problem": lambda: {"domain": _grid(), "objective": _loss(), "diffusion": 0.5, "clock": "real", "duration": 0.4},
    "QDrift": lambda: {"samples": 4, "draws": 2},
    "QHD": dict,
    "QITE": lambda: {"domain_width": 2, "steps": 2},
    "RandomOrder": lambda: {"steps": 2, "draws": 2},
    "SchrodingerBridge": lambda: {"end": qd.Gaussian(0.5, 0.7)},
    "Schrodingerised": lambda: {"ancilla_qubits": 4, "steps": 2},
    "SplitStep": lambda: {"steps": 4},
    "State": lambda: {"amplitudes": pools.wave()},
    "TensorTrain": lambda: {"steps": 2},
    "Trotter": lambda: {"steps": 2},
    "Uniform": dict,
    "Variational": lambda: {"ansatz": qd.ansatz.hamiltonian(1), "steps": 2},
    "anneal": lambda: {
        "problem": pools.problem("imaginary"),
        "stages": 3,
        "method": qd.SplitStep(4),
        "progress": False,
        "seed": 1,
    },
    "assert_valid_backend": lambda: {"backend": None},
    "assert_valid_method": lambda: {"method": None},
    "backend": lambda: {"name": "statevector"},
    "batch_study": lambda: {
        "problem": pools.batch_problem(),
        "method": qd.MiniBatch(2, 2, draws=2),
        "sizes": [2, 3],
        "seed": 1,
        "progress": False,
    },
    "circuits": lambda: {"problem": pools.problem(), "method": qd.Trotter(2), "times": 3},
    "compare": lambda: {"a": pools.run(), "b": pools.run()},
    "cost": lambda: {"problem": pools.problem(), "method": qd.Trotter(2), "backend": "aer", "shots": 50, "save": 3},
    "descend": lambda: {
        "problem": _loss(),
        "bounds": [(-2.0, 2.0)],
        "qubits": 3,
        "steps": 20,
        "samples": 10,
        "seed": 1,
        "progress": False,
    },
    "ensemble_view": lambda: {"trajectory": pools.run(), "samples": 10, "seed": 1},
    "error_budget": lambda: {
        "problem": pools.problem(),
        "method": qd.Trotter(2),
        "backend": "statevector",
        "shots": 50,
        "seed": 1,
        "progress": False,
    },
    "evolve": lambda: {
        "problem": pools.problem(),
        "method": qd.Trotter(2),
        "backend": "statevector",
        "shots": 50,
        "seed": 1,
        "save": 3,
        "progress": False,
    },
    "hamiltonian": lambda: {"problem": pools.problem()},
    "iterative_learning": lambda: {"problem": pools.problem("imaginary"), "start": [0.5], "tau": 0.3, "restarts": 2},
    "load": lambda: {"path": pools.stored("run")},
    "metts": lambda: {
        "problem": pools.problem("imaginary"),
        "tau": 0.4,
        "samples": 6,
        "seed": 1,
        "burn_in": 1,
        "walkers": 1,
        "progress": False,
    },
    "of_momenta": lambda: {"function": lambda k: (k**2).sum(axis=1)},
    "open_run": lambda: {"folder": pools.submitted()},
    "potential": lambda: {"loss": _loss()},
    "read_problem": _tomls,
    "submit": lambda: {
        "problem": pools.problem(),
        "method": qd.Trotter(2),
        "backend": "aer",
        "shots": 50,
        "folder": pools.fresh_folder(),
        "seed": 1,
        "quiet": True,
    },
    "taylor": lambda: {"problem": pools.problem(), "about": [0.3], "order": 2},
    "taylor_step": lambda: {"problem": pools.problem("imaginary"), "about": [0.3], "order": 2, "tau": 0.2},
    "train": lambda: {
        "circuit": pools.circuit(),
        "loss": _operator(),
        "theta0": [0.1, 0.2],
        "steps": 2,
        "seed": 1,
    },
    "write_problem": lambda: {"problem": pools.problem(), "path": str(pools.folder() / "written.toml")},
    # ansatz
    "ansatz.Bare": dict,
    "ansatz.bare": dict,
    "ansatz.CircuitAnsatz": lambda: _fields(qd.ansatz.from_circuit(pools.circuit())),
    "ansatz.HamiltonianAnsatz": lambda: {"layers": 1},
    "ansatz.HardwareEfficient": lambda: {"layers": 1},
    "ansatz.from_circuit": lambda: {"circuit": pools.circuit()},
    "ansatz.from_pennylane": lambda: {"qnode": _qnode()},
    "ansatz.hamiltonian": lambda: {"layers": 1},
    "ansatz.hardware_efficient": lambda: {"layers": 1},
    # boltzmann
    "boltzmann.BoltzmannMachine": lambda: {"visible": 2},
    "boltzmann.Purified": lambda: {"pairs": 2},
    "boltzmann.binarise": lambda: {"X": _rows()},
    "boltzmann.divergence": lambda: {"q": np.array([0.5, 0.5]), "p": np.array([0.25, 0.75])},
    "boltzmann.fit": lambda: {
        "machine": qd.boltzmann.BoltzmannMachine(2),
        "data": [0.4, 0.1, 0.1, 0.4],
        "steps": 2,
        "progress": False,
    },
    "boltzmann.law_of": lambda: {"data": [[0, 1], [0, 1], [1, 0], [1, 1]], "visible": 2},
    "boltzmann.thermal_circuit": lambda: {
        "machine": qd.boltzmann.BoltzmannMachine(2),
        "theta": [0.3, -0.2, 0.5, 0.1, 0.4],
    },
    # descent
    "descent.best_fixed": lambda: {"instances": [qd.descent.instance("levy", 2)], "steps": 2},
    "descent.chances": lambda: {
        "schedule": qd.descent.pretrained(20),
        "instances": [qd.descent.instance("levy", 3)],
        "steps": 20,
    },
    "descent.crops": lambda: {"names": ["levy"], "count": 1, "qubits": 3},
    "descent.fixed_schedules": lambda: {"steps": 3},
    "descent.functions_table": lambda: {
        "names": ["hosaki"],
        "qubits": 3,
        "steps": 20,
        "samples": 10,
        "progress": False,
    },
    "descent.instance": lambda: {"objective": "levy", "qubits": 3},
    "descent.learn_schedule": lambda: {
        "instances": [qd.descent.instance("levy", 2)],
        "steps": 3,
        "knots": 2,
        "starts": 1,
        "iterations": 2,
        "progress": False,
    },
    "descent.noise_study": lambda: {
        "settings": _setting,
        "schedule": qd.descent.pretrained(20),
        "splits": 2,
        "batch": 2,
        "shots": 4,
        "circuits": 2,
        "looks": 2,
        "progress": False,
    },
    "descent.pretrained": lambda: {"steps": 20},
    "descent.rivals": lambda: {"objective": _loss(), "bounds": [(-1, 1)], "evaluations": 20, "names": ["uniform"]},
    "descent.rivals_table": lambda: {
        "names": ["hosaki"],
        "evaluations": 50,
        "seeds": [0],
        "rival_names": ["uniform"],
        "progress": False,
    },
    "descent.shifted_bounds": lambda: {"objective": qd.objectives.rastrigin(), "qubits": 3, "cells": (0.5, 0.25)},
    "descent.split_settings": lambda: {
        "X": _rows(12, 1),
        "y": [0, 1] * 6,
        "model": lambda X, y: qd.objectives.neuron(X, y),
        "bounds": [(-1, 1)],
        "qubits": 3,
        "train": 6,
    },
    "descent.success": lambda: {
        "run": qd.evolve(
            pools.problem().replace(objective=qd.objectives.quadratic(dim=1)), qd.SplitStep(2), progress=False
        ),
        "radius": 0.1,
    },
    # diffusion
    "diffusion.energy_distance": lambda: {"x": [[0.0], [1.0]], "y": [[2.0]]},
    "diffusion.gaussian_mixture": lambda: {"weights": [0.3, 0.7], "means": [-1.0, 1.0], "variances": [0.2, 0.1]},
    "diffusion.quality": lambda: {
        "rows": _rows(20, 1),
        "domain": qd.Grid((-5, 5), 4),
        "splits": 2,
        "samples": 20,
        "steps": 3,
        "progress": False,
    },
    "diffusion.tuned_kernels": lambda: {"rows": _rows(12, 1)},
    # ensembles
    "ensembles.BinaryNeurons": lambda: {"energies": lambda q: np.repeat(q, 3, axis=1)},
    "ensembles.Exchange": lambda: {"energies": [0.0, 0.0], "hopping": 1.0, "network": 1},
    "ensembles.GaussianNeurons": lambda: {"precision": lambda q: np.exp(q[:, :1, None]) * np.eye(2)},
    "ensembles.GrandCanonical": lambda: {"energies": [0.4] * 6, "beta": 2.0, "mu_c": -1.0},
    "ensembles.Learning": lambda: {"diffusion": 0.3, "mobility": 0.8, "multiplier": 2.0},
    "ensembles.Oscillator": lambda: {"omega": 1.0},
    "ensembles.TwoSlits": lambda: {"width": 0.4, "distance": 2.0},
    "ensembles.History": lambda: {
        "domain": _grid(),
        "times": [0.0, 0.5],
        "density": np.full((2, 8), 0.125),
        "free_energy": np.zeros((2, 8)),
    },
    "ensembles.NotIdentifiable": lambda: {"reason": "no steps"},
    "ensembles.Run": lambda: {"initial": _rows(4, 1)},
    "ensembles.Steps": lambda: {
        "weights": np.zeros((2, 3, 1)),
        "gradient": np.ones((2, 3, 1)),
        "change": np.full((2, 3, 1), -0.1),
        "dt": 1.0,
    },
    "ensembles.as_potential": lambda: {"field": _field()},
    "ensembles.bridge": lambda: {
        "learning": qd.ensembles.Learning(0.1, 1.0, 1.0),
        "domain": _grid(4),
        "V": expression("0*x0"),
        "start": pools.wave(16).real,
        "end": pools.wave(16).real[::-1].copy(),
        "duration": 1.0,
        "save": 3,
        "progress": False,
        "tol": 1e-6,
    },
    "ensembles.characteristics": lambda: {
        "problem": pools.problem("classical"),
        "method": qd.HamiltonJacobi(8),
        "save": 2,
    },
    "ensembles.circulation": lambda: {
        "psi": np.exp(-2j * np.arange(8) * np.pi / 4),
        "domain": qd.Grid((0, 2 * np.pi), 3),
    },
    "ensembles.conserved": lambda: {"counts": _counts(), "total": 1},
    "ensembles.fit": lambda: {"run": _sde_run(), "tests": ()},
    "ensembles.fokker_planck": lambda: {
        "free_energy": expression("-(x0**2)/2"),
        "domain": _grid(),
        "diffusion": 0.5,
        "mobility": 1.0,
        "start": np.full(8, 0.125),
        "duration": 0.5,
        "steps": 5,
    },
    "ensembles.from_madelung": lambda: {"p": [0.36, 0.64], "S": [0.0, np.pi], "hbar": 2.0},
    "ensembles.gaussian_bridge": lambda: {
        "mean": (0.0, 2.0),
        "width": (1.0, 1.0),
        "rate": 0.5,
        "duration": 1.0,
        "t": 0.5,
    },
    "ensembles.gaussian_number": lambda: {"beta": 2.0, "stiffness": 3.0, "mu_c": -1.0},
    "ensembles.gibbs_law": lambda: {
        "free_energy": expression("-(x0**2)/2"),
        "domain": _grid(),
        "diffusion": 0.5,
        "mobility": 1.0,
    },
    "ensembles.grand_potential": lambda: {"log_partitions": [0.0, 1.0, 2.0], "beta": 2.0, "mu_c": -1.0},
    "ensembles.hbar_from_chemical_potential": lambda: {"mu_c": -2.0},
    "ensembles.hbar_max": lambda: {"diffusion": 0.3, "mobility": 0.8},
    "ensembles.hydrodynamic": lambda: {
        "p": np.abs(pools.wave()) ** 2,
        "S": np.zeros(8),
        "domain": _grid(),
        "V": _loss(),
        "hbar": 1.0,
        "duration": 0.1,
        "steps": 4,
        "save": 2,
    },
    "ensembles.madelung": lambda: {"psi": pools.wave(), "domain": _grid(), "hbar": 1.0},
    "ensembles.measured_circulation": lambda: {
        "circuit": pools.wave_circuit(),
        "domain": _plane(2),
        "loop": [(0, 0), (0, 1), (1, 1), (1, 0)],
        "shots": 200,
    },
    "ensembles.measured_levels": lambda: {"problem": qd.ensembles.ring(3, 0.25), "modes": [0, 1], "shots": 200},
    "ensembles.multipliers": lambda: {"hbar": 0.5, "diffusion": 0.3, "mobility": 0.8},
    "ensembles.number_revival": lambda: {"neurons": 3, "mu_c": -2.0, "duration": 0.5},
    "ensembles.observe_exchange": lambda: {
        "energies": [0.1, 0.5],
        "beta": 2.0,
        "mu_c": 0.2,
        "networks": 5,
        "sweeps": 3,
        "progress": False,
    },
    "ensembles.observe_sde": lambda: {
        "free_energy": expression("-(x0**2)/2"),
        "initial": [1.0],
        "diffusion": 0.1,
        "mobility": 0.5,
        "networks": 8,
        "steps": 8,
        "record": 4,
        "progress": False,
    },
    "ensembles.observe_wave": lambda: {
        "learning": qd.ensembles.Learning(0.3, 0.8, 2.0),
        "domain": _grid(),
        "V": _loss(),
        "psi": pools.wave(),
        "times": [0.1, 0.2],
    },
    "ensembles.phase_diagram": lambda: {"multipliers": [1.0, 2.0], "diffusions": [0.1, 0.25], "mobility": 1.0},
    "ensembles.plane_wave": lambda: {"grid": _grid(), "mode": 1},
    "ensembles.residuals": lambda: {"trajectory": pools.run(6), "hbar": 1.0},
    "ensembles.revival_probability": lambda: {"neurons": 3, "turns": [0.0, 0.25, 1.0]},
    "ensembles.ring": lambda: {"qubits": 3, "flux": 0.25},
    "ensembles.ring_levels": lambda: {"count": 4, "flux": 0.25},
    "ensembles.square_loop": lambda: {"center": (4, 4), "half": 2},
    "ensembles.stationary_wave": lambda: {"V": _loss(), "domain": _grid(), "hbar": 1.0, "mobility": 0.5},
    "ensembles.train_ensemble": lambda: {
        "X": _rows(6),
        "y": [0, 1] * 3,
        "networks": 5,
        "steps": 10,
        "batch": 2,
        "record": 5,
        "progress": False,
    },
    "ensembles.vortex_wave": lambda: {"grid": _plane(), "centers": [(0.1, 0.1)], "windings": [-2]},
    # formulas
    "formulas.Factor": lambda: {"kind": "kinetic", "amount": 0.5},
    "formulas.boundaries": lambda: {"duration": 1.0, "steps": 2, "saves": [0.0, 0.3, 1.0]},
    "formulas.by_name": lambda: {"name": "strang"},
    "formulas.by_order": lambda: {"order": 2},
    "formulas.factors": lambda: {
        "formula": qd.formulas.by_order(2),
        "ends": [0.0, 0.5, 1.0],
        "diffusion": qd.Constant(1.0),
        "strength": qd.Constant(1.0),
        "duration": 1.0,
    },
    "formulas.merged": lambda: {"every": [qd.formulas.Factor("kinetic", 0.5), qd.formulas.Factor("kinetic", 0.5)]},
    "formulas.multiproduct_coefficients": lambda: {"steps": [1, 2]},
    "formulas.segments": lambda: {"ends": np.array([0.0, 0.5, 1.0]), "saves": [0.0, 0.5, 1.0]},
    # gibbs
    "gibbs.sigmoid": lambda: {"z": 1.3, "beta": 1.6, "hopping": 0.5},
    "gibbs.softmax": lambda: {"energies": [0.3, 1.1, -0.4, 2.0], "beta": 1.7},
    "gibbs.thermal": lambda: {"problem": _spins(), "beta": 1.2, "steps": 4},
    # growth
    "growth.MLP": lambda: {"weights": (np.ones((2, 3)), np.ones((3, 2))), "biases": (np.zeros(2), np.zeros(3))},
    "growth.NeuronGrowth": dict,
    "growth.Recorder": dict,
    "growth.Training": dict,
    "growth.along": lambda: {"trajectory": pools.run()},
    "growth.class_data": lambda: {"source": pools.stored("table"), "target": "kind"},
    "growth.coherence": lambda: {"state": pools.wave()},
    "growth.criteria": lambda: {"psi": pools.wave(), "coarse": pools.coarse(), "fine": pools.coarse(4)},
    "growth.entropy": lambda: {"x": pools.wave(), "kind": "shannon"},
    "growth.equivariance": lambda: {"trajectory": pools.run(), "paths": np.zeros((3, 20, 1))},
    "growth.flow_values": lambda: {"sigma": [0.3, 1.7], "time": 0.5},
    "growth.from_sklearn": lambda: {"model": _sklearn().fit(_rows(), [0, 1] * 6)},
    "growth.from_torch": lambda: {
        "source": {"0.weight": np.ones((3, 2)), "0.bias": np.zeros(3), "2.weight": np.ones((1, 3))}
    },
    "growth.insert_layer": lambda: {"net": new_network([2, 3, 2], "relu"), "layer": 0},
    "growth.insert_neurons": lambda: {
        "net": new_network([2, 3, 2]),
        "layer": 0,
        "incoming": [[1.0, -1.0]],
        "bias": [0.5],
    },
    "growth.learned_layer": lambda: {"W": np.diag([1.5, 0.6]), "run": _layer_run()},
    "growth.load_recording": lambda: {"path": pools.stored("recording")},
    "growth.log_det_metric": lambda: {"ansatz": pools.circuit(), "theta": [0.1, 0.2]},
    "growth.log_volume": lambda: {"weights": np.diag([3.0, 0.5])},
    "growth.metric_volume": lambda: {"ansatz": pools.circuit(), "bounds": [(0, 1), (0, 1)], "points": 4},
    "growth.orthogonality": lambda: {"W": [[2.0, 0.0], [0.0, 1.0]]},
    "growth.orthogonality_flow": lambda: {"W": np.diag([0.3, 1.7]), "time": 0.5},
    "growth.orthogonality_gradient": lambda: {"W": [[2.0, 0.0], [0.0, 1.0]]},
    "growth.orthogonality_problem": lambda: {"W": [[2.0, 0.0], [0.0, 0.5]], "qubits": 3},
    "growth.participation": lambda: {"x": [0.5, 0.5, 0.0, 0.0]},
    "growth.polar": lambda: {"W": [[0.0, -2.0], [1.0, 0.0]]},
    "growth.purity": lambda: {"state": np.eye(4) / 4},
    "growth.record": lambda: {
        "steps_of_weights": [[np.diag([2.0, 0.5])], [np.diag([3.0, 0.5])]],
        "curves": {"loss": [1.0, 0.5]},
    },
    "growth.record_sklearn": lambda: {"model": _sklearn(), "X": _rows(12), "y": [0, 1] * 6, "epochs": 2},
    "growth.reduced": lambda: {"psi": np.array([0, 1, 0, 0]), "keep": [0]},
    "growth.refine": lambda: {"state": pools.wave(), "domain": _grid()},
    "growth.residual": lambda: {"psi": pools.wave(), "coarse": pools.coarse(), "fine": pools.coarse(4)},
    "growth.run_layer": lambda: {"W": [[3.0, 0.0], [0.0, 1.0]], "x": [1.0, 1.0]},
    "growth.singular_value_loss": dict,
    "growth.train_network": lambda: {
        "X": _rows(6),
        "y": [0, 1] * 3,
        "hidden": 2,
        "training": qd.growth.Training(epochs=2),
    },
    "growth.volumes": lambda: {"weights": [[1.0, 2.0], [2.0, 4.0]]},
    # minibatch
    "minibatch.averaged_state": lambda: {"problem": pools.batch_problem(), "method": qd.MiniBatch(2, 2, draws=2)},
    "minibatch.draw_batches": lambda: {
        "problem": pools.batch_problem(),
        "method": qd.MiniBatch(2, 2, draws=2),
        "circuit": 0,
        "count": 2,
        "seed": 7,
    },
    "minibatch.noise": lambda: {"problem": pools.batch_problem(), "method": qd.MiniBatch(2, 2, draws=2)},
    # objectives
    "objectives.batch_values": lambda: {
        "objective": pools.batch_problem().objective,
        "domain": qd.Hypercube(3),
        "index": np.array([0, 2]),
    },
    "objectives.double_well": dict,
    "objectives.expression": lambda: {"text": "x0**2"},
    "objectives.from_rows": lambda: {"fn": lambda w, i: w[:, :1] * np.arange(3)[i], "count": 3},
    "objectives.from_table": lambda: {"values": np.arange(8.0), "domain": _grid()},
    "objectives.ising": lambda: {"h": [0.1, 0.2], "J": [[0.0, 1.0], [0.0, 0.0]]},
    "objectives.load_data": lambda: {"path": pools.stored("table"), "target": "kind"},
    "objectives.network": lambda: {"X": _rows(), "y": [0, 1] * 6},
    "objectives.neuron": lambda: {"X": _rows(), "y": [0, 1] * 6},
    "objectives.perceptron": lambda: {"X": _rows(), "y": [0, 1] * 6},
    "objectives.quadratic": lambda: {"center": 0.5, "curvature": 1.0, "dim": 1},
    "objectives.qubo": lambda: {"Q": [[1.0, 0.5], [0.0, -1.0]]},
    "objectives.row_covariance": lambda: {"objective": pools.batch_problem().objective, "domain": qd.Hypercube(3)},
    "objectives.unit_box": lambda: {"objective": qd.objectives.levy()},
    "objectives.Rows": lambda: {"count": 2, "mean": lambda w, i: w[:, 0]},
    "objectives.Network": lambda: {"classes": (0, 1), "num_features": 2},
    "objectives.Neuron": lambda: {"classes": (0, 1), "num_features": 2},
    "objectives.Perceptron": lambda: {"classes": (0, 1), "num_features": 2},
    # plotting
    "plotting.plot_budget": lambda: {"budget": pools.budget()},
    "plotting.plot_density": lambda: {"trajectory": pools.run()},
    "plotting.plot_energy": lambda: {"trajectory": pools.run(), "reference": pools.run()},
    "plotting.plot_landscape": lambda: {"trajectory": pools.run(), "marks": {"a": [0.5]}},
    "plotting.plot_summary": lambda: {"trajectory": pools.run()},
    "plotting.save_figure": lambda: {"figure": _figure(), "path": str(pools.folder() / "figure.png"), "dpi": 20},
    # runs
    "runs.Checkpoint": lambda: {"folder": str(pools.folder() / "checkpoint")},
    "runs.Patience": dict,
    "runs.cancel": lambda: {"folder": pools.submitted()},
    "runs.fetch": lambda: {"folder": pools.submitted(), "wait": False},
    "runs.open_run": lambda: {"folder": pools.submitted()},
    "runs.resume": lambda: {"folder": pools.submitted()},
    "runs.status": lambda: {"folder": pools.submitted()},
    # backends
    "backends.available": dict,
    "backends.backend": lambda: {"name": "statevector"},
    "backends.capabilities": lambda: {"backend": qd.backend("statevector")},
}


def _fields(made: Any) -> dict[str, Any]:
    import dataclasses

    return {f.name: getattr(made, f.name) for f in dataclasses.fields(made) if f.init}


def _operator() -> Any:
    from qiskit.quantum_info import SparsePauliOp

    return SparsePauliOp(["ZI", "XX"], [1.0, 0.5])


@functools.cache
def _qnode() -> Any:
    import pennylane as qml

    @qml.qnode(qml.device("default.qubit", wires=2))
    def one(theta: Any = (0.1,)) -> Any:
        qml.RY(theta[0], wires=0)
        qml.CNOT(wires=[0, 1])
        return qml.expval(qml.Z(0))

    return one


def _layer_run() -> Any:
    return qd.evolve(qd.growth.orthogonality_problem(np.diag([1.5, 0.6]), qubits=3), qd.SplitStep(8), progress=False)


def _figure() -> Any:
    return qd.plotting.plot_density(pools.run())


def _sklearn() -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier((2,), random_state=0)
