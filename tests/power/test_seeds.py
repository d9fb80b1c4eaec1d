"""Seeds: a whole call of every method and verb is listened to. No seed is used twice, and batching does not change them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

import qml_dynamics as qd
from qml_dynamics import ensembles as en
from qml_dynamics.backends.base import Backend, Capabilities
from qml_dynamics.backends.midway import sample_midway
from qml_dynamics.conformance.cells import Cell, standard_problem
from qml_dynamics.methods.base import Stream, circuit_seed
from qml_dynamics.results.trajectory import Counts

sys.path.insert(0, str(Path(__file__).parents[1] / "matrix"))
from registry_table import TABLE, Entry

pytestmark = pytest.mark.filterwarnings("ignore")  # coarse grids and few shots


@dataclass(eq=False)
class Listener:
    """A device that gives samples only, and remembers every seed that it was handed, call by call."""

    inner: Backend = field(default_factory=lambda: qd.backend("aer"))
    calls: list[list[int]] = field(default_factory=list)

    name = "aer"
    exact = False

    @property
    def capabilities(self) -> Capabilities:
        """Samples of each circuit by its own seed, also where it measures on the way."""
        return Capabilities(exact=False, seeding="circuit", midway=True)

    def states(self, pieces: Sequence[Any], on_step: Any) -> Iterator[np.ndarray]:
        """As on a device."""
        raise NotImplementedError

    def probabilities(self, circuits: Sequence[Any]) -> list[np.ndarray]:
        """Those of the simulator."""
        return self.inner.probabilities(circuits)

    def sample(self, circuits: Sequence[Any], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """Samples of the simulator."""
        self.calls.append(list(seeds))
        assert len(seeds) == len(circuits)
        return self.inner.sample(circuits, shots, seeds)

    def sample_midway(self, circuits: Sequence[Any], shots: int, seeds: Sequence[int]) -> list[Counts]:
        """As above."""
        self.calls.append(list(seeds))
        return sample_midway(self.inner, circuits, shots, seeds)

    def describe(self) -> dict[str, Any]:
        """As the simulator."""
        return self.inner.describe()

    @property
    def seeds(self) -> list[int]:
        """All of them, in order."""
        return [int(seed) for call in self.calls for seed in call]


def repeated(seeds: Sequence[int]) -> list[int]:
    """Those that were used more than once."""
    return [seed for seed, times in Counter(seeds).items() if times > 1]


DEAR = (
    ("probabilistic_ite", 0),
    ("schrodingerised", 1),
    ("trotter", 1),
    ("trotter", 2),
)  # another entry of the method is in the quick run


def sampled_entries() -> Iterator[Any]:
    """Every entry that samples circuits, in one cell."""
    for name, entries in TABLE.items():
        for number, entry in enumerate(entries):
            facts = entry.method.facts()
            cells = [c for c in entry.cells() if c.clock in facts.clocks and c.space in facts.spaces]
            if facts.runs_on == "classical" or "shots" in entry.without:
                continue
            marks = (pytest.mark.slow,) if (name, number) in DEAR else ()
            cell = min(cells, key=lambda c: c.space != "operator")
            yield pytest.param(entry, cell, id=f"{name}-{number}", marks=marks)


SHOTS = 600  # of which a few hundredths are kept where samples are selected
OBSERVED = {
    "first": lambda w: w[:, 0],
    "string": np.kron(np.eye(4), [[0, 1], [1, 0]]),
    "other": np.kron([[1, 0], [0, -1]], np.eye(4)),
}


AHEAD = ("trotter", "multi_product", "qdrift", "mini_batch")  # circuits that are known before they run


def listened(entry: Entry, cell: Cell, **options: Any) -> Listener:
    device = Listener()
    given = {"save": 2, "shots": SHOTS, "seed": 9, "observables": operators(cell), **options}
    qd.evolve(cell.problem, entry.method, backend=device, progress=False, **given)
    return device


def operators(cell: Cell) -> dict[str, Any]:
    """Two operators and a function, where the clock has them and the register three qubits."""
    steady = cell.problem.operator is None and cell.problem.diffusion == qd.Constant(
        0.8
    )  # a bridge: functions of weights only
    fits = cell.clock != "classical" and cell.problem.domain.num_qubits == 3 and not steady
    return OBSERVED if fits else {"first": OBSERVED["first"]}


@pytest.mark.parametrize(("entry", "cell"), list(sampled_entries()))
def test_no_seed_is_used_twice_in_a_run(entry: Entry, cell: Cell) -> None:
    """Save times, bases, groups of strings, draws, evaluations: each circuit has its own."""
    device = listened(entry, cell)
    assert len(device.seeds) > 1
    assert not repeated(device.seeds)
    assert not set(listened(entry, cell, seed=10).seeds) & set(device.seeds)


@pytest.mark.parametrize(
    ("entry", "cell"),
    [p for p in sampled_entries() if p.id.split("-")[0] in AHEAD],
)
def test_a_seed_belongs_to_its_circuit_and_not_to_its_batch(entry: Entry, cell: Cell) -> None:
    """Without the observables fewer circuits are sent, and those have the seeds that they had; another save time changes none."""
    whole = listened(entry, cell).seeds
    fewer = listened(entry, cell, observables={}).seeds
    assert len(fewer) < len(whole) or not operators(cell).keys() - {"first"}
    assert set(fewer) <= set(whole)


def waves() -> Iterator[Any]:
    """Every method whose samples are drawn here from waves, on the clock and space of one of its cells."""
    for name, entries in TABLE.items():
        for number, entry in enumerate(entries):
            facts = entry.method.facts()
            cells = [c for c in entry.cells() if c.clock in facts.clocks and c.space in facts.spaces]
            if name == "schrodinger_bridge":
                continue  # its iteration asks for exact evolutions, whose samples nobody reads; on circuits: below
            if "shots" not in entry.without or name == "hamilton_jacobi":
                marks = (pytest.mark.slow,) if (name, number) in DEAR else ()
                cell = min(cells, key=lambda c: c.space != "operator")
                yield pytest.param(entry, cell, id=f"{name}-{number}", marks=marks)


@pytest.mark.parametrize(("entry", "cell"), list(waves()))
def test_no_stream_of_random_numbers_is_drawn_from_twice(
    entry: Entry, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a simulator that knows the waves: every generator that a run makes has a seed of its own."""
    seen: list[int] = []
    make: Callable[..., np.random.Generator] = np.random.default_rng

    def told(seed: Any = None) -> np.random.Generator:
        if isinstance(seed, (int, np.integer)) and seed > 1 << 32:  # small ones are constants of checks
            seen.append(int(seed))
        return make(seed)

    backend = "statevector" if entry.method.facts().runs_on != "classical" else None
    with monkeypatch.context() as patch:
        patch.setattr(np.random, "default_rng", told)
        qd.evolve(
            cell.problem, entry.method, backend=backend, shots=SHOTS, seed=9, save=2, observables=operators(cell),
            progress=False,
        )  # fmt: skip
    again = circuit_seed(
        9, Stream.BEST, 1
    )  # an answer with shots replaces one without, and its uniform points are drawn anew
    assert len(seen) > 2
    assert not [seed for seed in repeated(seen) if seed != again]


def well(clock: str = "imaginary") -> qd.Problem:
    grid = qd.Grid([(-2.0, 2.0), (-1.0, 1.5)], (1, 2))
    start = qd.Gaussian((0.3, 0.2), (0.8, 0.5))
    return qd.Problem(grid, lambda w: w[:, 0] ** 2 + 0.5 * w[:, 1], 0.3, clock=clock, initial=start, duration=0.3)


def trained(optimizer: str, **options: Any) -> Callable[[Listener], Any]:
    circuit = QuantumCircuit(2)
    x, theta = ParameterVector("x", 1), ParameterVector("t", 2)
    circuit.ry(x[0], 0)
    circuit.ry(theta[0], 0)
    circuit.cx(0, 1)
    circuit.ry(theta[1], 1)
    data = np.array([[0.1], [0.5], [-0.7]])

    def run(device: Listener) -> Any:
        return qd.train(
            circuit, "cross_entropy", [0.2, 0.4], features=data, labels=np.array([0, 1, 0]), inputs=[x[0]], steps=2,
            optimizer=optimizer, backend=device, shots=50, seed=4, **options,
        )  # fmt: skip

    return run


def circled(device: Listener) -> Any:
    grid = qd.Grid([(0.0, 1.0), (0.0, 1.0)], 2)
    circuit = QuantumCircuit(4)
    circuit.h(range(4))
    loop = [(0, 0), (1, 0), (1, 1), (0, 1)]
    return en.measured_circulation(circuit, grid, loop, backend=device, shots=400, seed=3)


def levelled(device: Listener) -> Any:
    return en.measured_levels(en.ring(3, 0.2, duration=0.05), [-1, 0, 2], backend=device, shots=100, seed=3)


def chained(device: Listener) -> Any:
    return qd.metts(well(), 0.3, 12, backend=device, walkers=3, burn_in=1, shots=8, seed=5, progress=False)


def chained_spins(device: Listener) -> Any:
    """The energies of an operator are measured from each point of the chain."""
    spins = qd.Problem.from_operator({"ZI": 0.7, "XX": -0.5, "IX": 0.4}, clock="imaginary", duration=1.0)
    method = qd.ProbabilisticITE(1.0, 2, block="exact")
    return qd.metts(
        spins, 0.3, 8, backend=device, method=method, walkers=2, burn_in=1, shots=40, seed=5, progress=False
    )


def annealed(device: Listener) -> Any:
    method = qd.Trotter(4)
    return qd.anneal(
        well("real"), 2, "portfolio", backend=device, method=method, shots=40, seed=5, restarts=1, progress=False
    )


def bridged(device: Listener) -> Any:
    problem = well().replace(diffusion=0.8, initial=qd.Uniform())
    method = qd.SchrodingerBridge(qd.Gaussian((0.0, 0.3), (1.2, 0.9)), qd.ProbabilisticITE(1.0, 1, block="exact"))
    return qd.evolve(problem, method, backend=device, shots=600, seed=5, save=3, progress=False)


VERBS: dict[str, Callable[[Listener], Any]] = {
    "train, adam": trained("adam"),
    "train, spsa": trained("spsa"),
    "train, natural by shifts": trained("natural", metric="shift"),
    "train, natural by tests": trained("natural", metric="hadamard"),
    "train, natural by chance": trained("natural", metric="spsa"),
    "circulation": circled,
    "levels": levelled,
    "metts": chained,
    "metts of an operator": chained_spins,
    "anneal": annealed,
    "bridge": bridged,
}


@pytest.mark.parametrize("verb", list(VERBS))
def test_no_seed_is_used_twice_in_a_verb(verb: str) -> None:
    device = Listener()
    VERBS[verb](device)
    assert len(device.seeds) > 3
    assert not repeated(device.seeds)


def test_the_listener_would_hear_it() -> None:
    """Negative control: one seed for two bases is a repetition."""
    device = Listener()
    problem = standard_problem("walls", "real")
    qd.evolve(problem, qd.Trotter(2), backend=device, shots=20, seed=1, progress=False)
    assert repeated([*device.seeds, device.seeds[0]]) == [device.seeds[0]]
    assert not repeated(device.seeds)
