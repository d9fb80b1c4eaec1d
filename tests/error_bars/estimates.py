"""Every estimate with a standard error: how it is drawn from a seed, and what it estimates.

One entry an experiment; `COVERS` says for each module that makes standard errors which entry holds it to account, and
`test_error_bars.py` fails where a module makes them and is not listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from qiskit.quantum_info import SparsePauliOp
from scipy.special import gammaln

import qml_dynamics as qd
from qml_dynamics.backends.mitigation.batch import Role, reduced
from qml_dynamics.backends.mitigation.readout import read
from qml_dynamics.backends.options import DeviceOptions
from qml_dynamics.base.estimate import Estimate, few_samples, share_error
from qml_dynamics.learning import ensembles
from qml_dynamics.learning.gibbs import softmax
from qml_dynamics.learning.growth.circuits import run_layer
from qml_dynamics.methods.randomised import qdrift_channel
from qml_dynamics.model.pauli import pauli_sum
from qml_dynamics.results import sampling
from qml_dynamics.results.observables import PauliGroup
from qml_dynamics.results.raw_counts import error_before_projection

Drawn = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Experiment:
    """Draws of some estimates.

    Attributes:
        draw: from a seed to values and standard errors by name.
        truth: the numbers that are estimated, exactly.
        rare: names whose outcomes are rare: their errors have room for what was not seen, and may be wider.
        dear: whether 200 draws take more than a few seconds.
        groups: names whose errors come from so few independent means that Student's factor makes them wider.
    """

    draw: Callable[[int], Drawn]
    truth: Callable[[], Mapping[str, float]]
    rare: tuple[str, ...] = ()
    dear: bool = False
    groups: Mapping[str, int] = field(default_factory=dict)

    def widening(self, name: str) -> float:
        """The mean of an error over the spread that it tells: for n normal means Student's factor times the mean of their standard
        deviation, ``sqrt(2 / (n - 1)) Gamma(n / 2) / Gamma((n - 1) / 2)`` of the true one; 1 without groups."""
        n = self.groups.get(name)
        if n is None:
            return 1.0
        return float(few_samples(n) * np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2)))


def _last(expectations: Mapping[str, Estimate]) -> dict[str, tuple[float, float]]:
    return {name: (float(e[-1].value), float(e[-1].stderr)) for name, e in expectations.items()}


def _evolved(
    make: Callable[[], qd.Problem], method: Any, shots: int, observables: Any = None, **rare: Any
) -> Experiment:
    kept = cache(make)

    def draw(seed: int) -> Drawn:
        problem = kept()
        return _last(
            qd.evolve(
                problem,
                method,
                shots=shots,
                seed=seed,
                observables=observables,
                save=[problem.duration],
                progress=False,
            ).expectations
        )

    def truth() -> Mapping[str, float]:
        problem = kept()
        exact = qd.evolve(problem, method, observables=observables, save=[problem.duration], progress=False)
        return {name: value for name, (value, _) in _last(exact.expectations).items()}

    return Experiment(draw, truth, **rare)


def _line() -> qd.Problem:
    return qd.Problem(
        qd.Grid((-4, 5), 4),
        lambda w: 0.5 * (w[:, 0] - 0.3) ** 2,
        0.5,
        duration=0.6,
        clock="real",
        initial=qd.Gaussian(1.0, 0.7),
    )


def _plane() -> qd.Problem:
    return qd.Problem(
        qd.Grid([(-2, 3), (-1.5, 1.5)], (2, 2), boundary="walls"),
        lambda w: w[:, 0] ** 2 + 0.5 * w[:, 0] * w[:, 1],
        0.4,
        clock="imaginary",
        duration=0.4,
    )


def _cube() -> qd.Problem:
    """Nearly uniform: a dual bit is odd in 2 of 100 samples."""
    return qd.Problem(
        qd.Hypercube(3), lambda w: 0.35 * (w[:, 0] - w[:, 1] * w[:, 2]), 1.0, clock="imaginary", duration=1.0
    )


def _spins() -> qd.Problem:
    return qd.Problem.from_operator(CORRELATED, clock="real", duration=0.5, initial=qd.State(TILTED))


TILTED = np.array([0.7, 0.1, 0.3, 0.63])
CORRELATED = SparsePauliOp(["ZZ", "ZI", "IZ", "XX"], [0.9, 0.6, 0.5, 0.3])  # three of one measured group


def _probabilistic() -> Experiment:
    problem = _plane().replace(duration=0.2)
    method = qd.ProbabilisticITE(1.0, 2, block="exact")

    def read(run: qd.Trajectory, sampled: bool) -> dict[str, tuple[float, float]]:
        d, out = run.diagnostics, _last(run.expectations)
        errors = (d["success_stderr"][-1], d["log_norm_stderr"][-1]) if sampled else (0.0, 0.0)
        out["success"] = (float(d["success_probability"][-1]), float(errors[0]))
        out["log_norm"] = (float(run.log_norm[-1]), float(errors[1]))
        return out

    def draw(seed: int) -> Drawn:
        return read(qd.evolve(problem, method, shots=400, seed=seed, save=[0.2], progress=False), True)

    def truth() -> Mapping[str, float]:
        return {n: v for n, (v, _) in read(qd.evolve(problem, method, save=[0.2], progress=False), False).items()}

    return Experiment(draw, truth, dear=True)


def _softmax(reading: str) -> Experiment:
    energies, beta = np.array([0.3, 1.1, -0.4, 0.9]) if reading == "born" else np.array([0.3, 1.1]), 1.2

    def draw(seed: int) -> Drawn:
        found = softmax(energies, beta, shots=600, seed=seed, reading=reading)
        out = {f"p{k}": (float(p), float(e)) for k, (p, e) in enumerate(zip(found.probabilities, found.stderr))}
        out["log Z"] = (float(found.log_partition), float(found.log_partition_stderr))
        return {**out, "success": (float(found.success_probability), float(found.success_stderr))}

    def truth() -> Mapping[str, float]:
        exact = softmax(energies, beta, reading=reading)
        out = {f"p{k}": float(p) for k, p in enumerate(exact.probabilities)}
        return {**out, "log Z": float(exact.log_partition), "success": float(exact.success_probability)}

    return Experiment(draw, truth, dear=True)


def _share(probability: float, shots: int) -> Experiment:
    def draw(seed: int) -> Drawn:
        share = np.random.default_rng(seed).binomial(shots, probability) / shots
        return {"share": (float(share), float(share_error(share, shots)))}

    return Experiment(draw, lambda: {"share": probability}, rare=("share",) if shots * probability < 16 else ())


def _layer() -> Experiment:
    """Of which nearly all samples succeed."""
    weights, x = np.array([[0.6, 0.3], [0.2, 0.8]]), np.array([0.5, 1.0])

    def draw(seed: int) -> Drawn:
        found = run_layer(weights, x, shots=300, seed=seed)
        squares = {f"square {k}": (float(e.value), float(e.stderr)) for k, e in enumerate(found.squares)}
        return {**squares, "success": (float(found.success.value), float(found.success.stderr))}

    def truth() -> Mapping[str, float]:
        exact = run_layer(weights, x)
        return {
            **{f"square {k}": float(v) for k, v in enumerate(exact.squares.value)},
            "success": float(exact.success.value),
        }

    return Experiment(draw, truth, rare=("success",), dear=True)  # two samples of 300 are lost


def _neurons() -> Experiment:
    """Twenty-one neurons, one more than are enumerated, with a coupling that two of them share."""
    e = np.linspace(-0.5, 0.8, 21)
    couplings = np.zeros((21, 21))
    couplings[0, 1] = 0.7

    def draw(seed: int) -> Drawn:
        model = ensembles.BinaryNeurons(
            lambda q: np.repeat(e[None], len(q), axis=0),
            lambda q: np.repeat(couplings[None], len(q), axis=0),
            samples=200,
            sweeps=8,
            seed=seed,
        )
        found = model.free_energy(np.zeros((1, 1)))[0]
        return {"free energy": (float(found.value), float(found.stderr))}

    def truth() -> Mapping[str, float]:
        pair = 1 + np.exp(-e[0]) + np.exp(-e[1]) + np.exp(-e[0] - e[1] - 0.7)
        return {"free energy": float(-np.log(pair) - np.logaddexp(0.0, -e[2:]).sum())}

    return Experiment(draw, truth)


def _exchange() -> Experiment:
    model = ensembles.Exchange([0.3, -0.5, 0.2], hopping=0.8, network=2, mu_c=0.6)

    def draw(seed: int) -> Drawn:
        number = model.sample(0.7, 3, [0], shots=300, seed=seed).mean_number
        return {"number": (float(number.value), float(number.stderr))}

    def truth() -> Mapping[str, float]:
        return {"number": float(model.sample(0.7, 3, [0], shots=10**9, seed=0).mean_number.value)}  # errors of 2e-5

    return Experiment(draw, truth, dear=True)


def _random_circuits() -> Experiment:
    problem = qd.Problem.from_operator(CORRELATED, clock="real", duration=0.5, initial=qd.State(TILTED))

    def draw(seed: int) -> Drawn:
        return _last(
            qd.evolve(problem, qd.QDrift(12, draws=8), shots=400, seed=seed, save=[0.5], progress=False).expectations
        )

    def truth() -> Mapping[str, float]:
        psi = problem.initial.vector(problem.domain).reshape(-1)
        mixed = (qdrift_channel(problem.operator, 0.5, 12) @ np.outer(psi, psi.conj()).reshape(-1)).reshape(4, 4)
        return {"energy": float(np.trace(mixed @ problem.operator.matrix()).real)}

    return Experiment(draw, truth, dear=True)


def _chain(tau: float, samples: int, groups: int) -> Experiment:
    """Eight walkers in two wells: their means tell the error of detailed balance, these or blocks of them that of a mean."""
    well = qd.Problem(
        qd.Grid((-2.5, 2.5), 4), lambda w: (w[:, 0] ** 2 - 1) ** 2 + 0.3 * w[:, 0], 0.5, clock="imaginary", duration=1.0
    )

    def draw(seed: int) -> Drawn:
        chain = qd.metts(well, tau, samples, seed=seed, progress=False)
        mean, balance = chain.mean(lambda w: w[:, 0]), chain.detailed_balance
        return {"mean": (mean.value, mean.stderr), "balance": (balance.value, balance.stderr)}

    def truth() -> Mapping[str, float]:
        law = qd.metts(well, tau, 32, seed=0, progress=False).stationary
        assert law is not None
        return {"mean": float(law @ well.domain.axes[0]), "balance": 0.0}

    return Experiment(draw, truth, dear=True, groups={"mean": groups, "balance": 8})


MISREAD = [(0.02, 0.05), (0.01, 0.04), (0.03, 0.06), (0.015, 0.03), (0.02, 0.03), (0.01, 0.05)]  # p(1|0), p(0|1)
READ = {name: PauliGroup(("Z", "Z"), pauli_sum({name: 1.0})) for name in ("IZ", "ZZ")}


def mitigated(law: np.ndarray, seed: int, shots: int, bases: int = 1) -> list[qd.Counts]:
    """What one job gives that reads this law in so many circuits with the planted errors, which it calibrates itself."""
    n = len(law).bit_length() - 1
    laws = [*[law] * bases, *np.eye(1 << n)[[0, -1]]]
    every: list[int] = list(range(n))
    roles: list[Role] = [{"circuit": k, "scale": 1, "qubits": every} for k in range(bases)]
    roles += [{"calibration": ones, "qubits": every} for ones in (0, 1)]
    outcomes = [sampling.draw(read(p, MISREAD[:n]), shots, 1000 * seed + k) for k, p in enumerate(laws)]
    return reduced(outcomes, roles, DeviceOptions(readout_mitigation="calibrated"))


def _mitigated() -> Experiment:
    """Away from certain outcomes, where the nearest distribution has no bias; those are in unit/backends/test_raw_counts.py."""
    law = np.array([0.4, 0.1, 0.2, 0.3])

    def draw(seed: int) -> Drawn:
        (counts,) = mitigated(law, seed, 4000)
        plain = {name: group.estimate(counts) for name, group in READ.items()}
        return {n: (v, max(e, error_before_projection([(1.0, counts, READ[n].values)]))) for n, (v, e) in plain.items()}

    return Experiment(draw, lambda: {n: float(law @ group.values(np.arange(4))) for n, group in READ.items()})


EXPERIMENTS: dict[str, Experiment] = {
    "a line": _evolved(_line, qd.SplitStep(8), 200, {"x": lambda w: w[:, 0], "p": qd.of_momenta(lambda k: k[:, 0])}),
    "walls": _evolved(_plane, qd.SplitStep(8), 200, rare=("kinetic",)),
    "rare outcomes": _evolved(_cube, qd.SplitStep(8), 100, rare=("kinetic", "energy")),
    "one measured group": _evolved(_spins, qd.Exact(), 200, {"group": CORRELATED}),
    "mitigated counts": _mitigated(),
    "a rare share": _share(0.03, 100),
    "a share": _share(0.3, 100),
    "free energies": _neurons(),
    "kept samples": _probabilistic(),
    "softmax": _softmax("born"),
    "softmax of populations": _softmax("population"),
    "a layer": _layer(),
    "exchange": _exchange(),
    "random circuits": _random_circuits(),
    "a chain": _chain(2.0, 800, groups=16),  # worth 400 independent samples
    "a slow chain": _chain(
        0.7, 800, groups=8
    ),  # at .35 they are worth 37, and the chain says that its errors are lower bounds
}

# Modules that call one of the functions of errors, or build an `Estimate` with an error: the experiments that hold them to account, or
# why there is none.
COVERS: dict[str, tuple[str, ...] | str] = {
    "backends/conformance/statistics.py": "tests of backends, which are this study for theirs",
    "base/estimate.py": ("a share", "a rare share"),
    "learning/descent/result.py": ("a share", "a rare share"),
    "learning/descent/study.py": "splits share rows, so that no seed gives an independent one: its interval is a bootstrap",
    "learning/diffusion/device.py": ("a share", "kept samples"),
    "learning/ensembles/canonical.py": ("free energies",),
    "learning/ensembles/estimators.py": "intervals of three errors by likelihood; unit/ensembles/test_fit.py",
    "learning/ensembles/exchange.py": ("exchange",),
    "learning/ensembles/fitting.py": "a unit changed; unit/ensembles/test_fit.py",
    "learning/ensembles/interference.py": "a ratio of means; unit/ensembles/test_circuits.py",
    "learning/gibbs/result.py": ("softmax", "softmax of populations"),
    "learning/gibbs/thermal_state.py": ("softmax",),
    "learning/growth/circuits.py": ("a layer",),
    "learning/metts/chain.py": ("a chain", "a slow chain"),
    "learning/metts/device.py": ("kept samples",),
    "learning/metts/energies.py": ("a chain", "a slow chain"),
    "learning/metts/statistics.py": ("a chain", "a slow chain"),
    "learning/minibatch/study.py": ("random circuits",),
    "methods/bridge/schrodinger_bridge.py": "an error with its bias in it; unit/ensembles/test_schrodinger_bridge.py",
    "methods/classical/moments.py": ("a line",),
    "methods/draws.py": ("random circuits",),
    "methods/from_samples.py": ("a line", "one measured group"),
    "methods/from_waves.py": ("a line", "one measured group"),
    "methods/imaginary/flows.py": "mean values alone, without errors",
    "methods/imaginary/laws.py": ("kept samples",),
    "methods/imaginary/run.py": ("kept samples",),
    "methods/multi_product.py": ("a line",),
    "methods/one_hot.py": ("a share", "a line"),
    "methods/variational/measured/readings.py": "room for outcomes not seen; unit/test_rare_outcomes.py",
    "methods/variational/measured/run.py": "unit/variational/test_measured.py",
    "plotting/pages/markup.py": "what a run says, printed",
    "plotting/pages/sections.py": "what a run says, printed",
    "results/observables.py": ("a line", "walls", "rare outcomes", "one measured group"),
    "results/rare.py": ("rare outcomes",),
    "results/raw_counts.py": ("mitigated counts",),
    "runs/trajectory_file.py": "what a file says",
    "validation/loss_budget.py": "sums of errors of other modules",
    "validation/compact_comparison.py": "a distance expected of equal runs, and errors of other modules",
    "validation/comparison.py": "errors of other modules",
    "validation/error_parts.py": "sums of errors of other modules",
    "validation/noise_parts.py": "a distance expected of equal runs",
    "validation/operator_budget.py": "errors of other modules",
}
