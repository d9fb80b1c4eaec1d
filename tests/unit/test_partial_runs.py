"""A run inside another call: an interrupt there ends that call, or gives what was whole; a piece is never read as the run's end."""

from __future__ import annotations

import ast
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.interrupts import is_partial, whole
from qml_dynamics.learning.annealing.run import anneal
from qml_dynamics.learning.descent import functions_table
from qml_dynamics.learning.diffusion import Diffusion
from qml_dynamics.learning.ensembles import Learning
from qml_dynamics.learning.gibbs import softmax, thermal
from qml_dynamics.learning.iterative import equation_path
from qml_dynamics.methods import from_waves
from qml_dynamics.sklearn import QuantumDynamicsClassifier
from tools.sources import tree_of

ROOT = Path(qd.__file__).parent
WELL = qd.Problem(qd.Grid((-4, 4), 4), lambda w: (w[:, 0] ** 2 - 1) ** 2, 0.3, clock="imaginary", duration=1.0)
FALLING = WELL.replace(diffusion=qd.Geometric(1.0, 0.1))
SPINS = qd.Problem.from_operator({"ZZ": -1.0, "XI": 0.4, "IX": 0.3}, clock="imaginary", duration=1.0)
ROWS = [[0.0], [1.0], [2.0], [3.0]]

pytestmark = pytest.mark.filterwarnings("ignore:The wave has")  # of grids as small as these

READ_AS_PIECES = {
    (
        "learning/annealing/run.py",
        "run",
    ): "a member of a portfolio: a piece of it is returned as one, and no other is begun",
    ("learning/descent/run.py", "descend"): "returns what was done, and does not keep it as the result of its folder",
    ("learning/ensembles/simulated.py", "observe_wave"): "a history of the times that were reached, and says how many",
    ("runs/sweeps/worker.py", "run_point"): "refuses a point that was interrupted",
    ("conformance/checks.py", "check_refused"): "calls that must be refused: no answer is read",
}


class Signals:
    """Sends a signal to this process where the n-th wave of any run is reached, as a person's Ctrl-C between two steps."""

    def __init__(self) -> None:
        self.left, self.number, self.sent = 0, signal.SIGINT, 0
        self._point = from_waves.Point

    def at(self, left: int, number: signal.Signals = signal.SIGINT) -> None:
        """Send it at the wave of that number from now on."""
        self.left, self.number = left, number

    def __call__(self, *parts: Any) -> Any:
        """A wave is reached."""
        self.left -= 1
        if self.left == 0:
            self.sent += 1
            signal.raise_signal(self.number)
        return self._point(*parts)


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[Signals]:
    """The sender; SIGINT interrupts, whatever the suite was started with."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    sender = Signals()
    monkeypatch.setattr(from_waves, "Point", sender)
    try:
        yield sender
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_is_whole(signals: Signals) -> None:
    """An interrupted run is none, one that its callback has stopped is, since that was asked for."""
    signals.at(2)
    piece = qd.evolve(WELL, qd.SplitStep(8))
    assert signals.sent == 1
    assert piece.times[-1] < 1
    assert is_partial(piece)
    with pytest.raises(KeyboardInterrupt):
        whole(piece)
    stopped = qd.evolve(WELL, qd.SplitStep(8), callback=lambda step, view: step == 3)
    assert 0 < stopped.times[-1] < 1
    assert whole(stopped) is stopped


def by_softmax() -> object:
    """The law of three labels by a method."""
    return softmax([0.0, 1.0, 2.0], 3.0, method=qd.SplitStep(8))


def by_thermal() -> object:
    """The law of two spins by a method."""
    return thermal(SPINS, 3.0, method=qd.ProbabilisticITE(1.0, 6, block="exact"))


def by_diffusion() -> object:
    """The forward process as circuits."""
    model = Diffusion(qd.Grid((-6, 6), 5), np.linspace(-1.0, 2.0, 30)[:, None])
    return model.run(0.8, qd.ProbabilisticITE(1.0, 6, block="exact"))


def by_classifier() -> object:
    """A fit of scikit-learn's kind."""
    return QuantumDynamicsClassifier(qubits=3, steps=20).fit(ROWS, ["no", "no", "yes", "yes"])


def by_pilot() -> object:
    """The run on which the variances of an annealing are measured."""
    return anneal(FALLING, 6, adapt="variance")


def by_path() -> object:
    """Restarts of the equation."""
    return equation_path(WELL, [0.5], 1.0, 2, 8)


def by_bridge() -> object:
    """The factors of a bridge, in the first iteration."""
    rule = Learning(diffusion=0.1, mobility=1.0, multiplier=1.0)
    problem = rule.problem(qd.Grid((-8, 8), 6), lambda w: 0 * w[:, 0], duration=1.0, initial=qd.Gaussian(-1, 0.7))
    return qd.evolve(problem, qd.SchrodingerBridge(qd.Gaussian(1, 0.7)))


@pytest.mark.parametrize(
    "verb",
    [by_softmax, by_thermal, by_diffusion, by_classifier, by_pilot, by_path, by_bridge],
    ids=lambda f: f.__name__,
)
def test_interrupt_in_a_run_inside_goes_on_to_the_caller(signals: Signals, verb: Callable[[], object]) -> None:
    """Where nothing is whole there is nothing to return; undisturbed the same call has an answer."""
    signals.at(2)
    with pytest.raises(KeyboardInterrupt):
        verb()
    assert signals.sent == 1
    assert verb() is not None


def test_interrupted_fit_is_no_fit(signals: Signals) -> None:
    model = QuantumDynamicsClassifier(qubits=3, steps=20)
    signals.at(2)
    with pytest.raises(KeyboardInterrupt):
        model.fit(ROWS, ["no", "no", "yes", "yes"])
    with pytest.raises(ValueError, match="not fitted yet"):
        model.predict(ROWS)
    assert model.fit(ROWS, ["no", "no", "yes", "yes"]).predict([[0.4], [2.6]]).tolist() == ["no", "yes"]


def test_interrupted_function_is_no_row(signals: Signals) -> None:
    """A table has the functions that are done, and ends."""
    names = ["rosenbrock", "levy", "ackley"]
    rows = functions_table(names, qubits=4, steps=40)
    signals.at(4)
    piece = functions_table(names, qubits=4, steps=40)
    assert signals.sent == 1
    assert [row.name for row in piece] == names[:1]
    assert [row.success for row in piece] == [row.success for row in rows[:1]]


def test_member_that_an_interrupt_cuts_in_its_last_stage_is_a_piece(signals: Signals) -> None:
    """Its last wave is none of the end, though there are as many as stages: the others are returned, and no more is begun."""
    options: dict[str, Any] = {"strategy": "portfolio", "method": qd.SplitStep(64), "seed": 2, "spectrum": False}
    run = anneal(FALLING, 2, restarts=1, **options)
    assert len(run.diagnostics["members"]) == 3
    signals.at(31)
    cut = anneal(FALLING, 2, restarts=1, **options)
    assert signals.sent == 1
    assert list(cut.diagnostics["members"]) == ["anneal"]
    assert cut.times[-1] == FALLING.duration


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_chain_goes_on_after_an_interrupt_in_one_of_its_waves(
    signals: Signals, tmp_path: Path, number: signal.Signals
) -> None:
    """The samples until then, of whole waves only; the folder holds no result, and the same call gives the undisturbed chain."""

    def chain(folder: Path | None) -> qd.Chain:
        return qd.metts(WELL, 1.0, 40, seed=1, walkers=2, burn_in=0, method=qd.SplitStep(4), folder=folder)

    undisturbed = chain(None)
    signals.at(14, number)
    piece = chain(tmp_path / "run")
    assert signals.sent == 1
    assert piece.stop.startswith("Interrupted from the keyboard after ")
    assert 2 <= len(piece.index) < 20
    assert np.array_equal(piece.index, undisturbed.index[: len(piece.index)])
    assert not (tmp_path / "run" / "chain.npz").exists()
    again = chain(tmp_path / "run")
    assert np.array_equal(again.index, undisturbed.index)
    assert np.array_equal(again.samples, undisturbed.samples)
    assert (tmp_path / "run" / "chain.npz").exists()


def test_interrupt_while_energies_are_measured_keeps_the_chain(signals: Signals, tmp_path: Path) -> None:
    def chain(folder: Path | None) -> qd.Chain:
        return qd.metts(SPINS, 0.5, 40, seed=1, walkers=2, burn_in=0, folder=folder)

    undisturbed = chain(None)
    assert undisturbed.energy is not None
    for folder in (None, tmp_path / "run"):
        signals.at(2)
        piece = chain(folder)
        assert piece.energy is None
        assert piece.stop == "Interrupted from the keyboard after all 20 steps. The energies are not measured."
        assert np.array_equal(piece.samples, undisturbed.samples)
        assert "energy" not in piece.diagnostics["effective_sizes"]
        assert "best: no objective" in str(piece)
    assert signals.sent == 2
    again = chain(tmp_path / "run")
    assert again.energy is not None
    assert float(again.energy.value) == float(undisturbed.energy.value)
    assert float(again.detailed_balance.value) == float(undisturbed.detailed_balance.value)


class Tired:
    """A bowl whose single points, as polish and rivals ask them, are interrupted at the one of that number."""

    def __init__(self, when: int) -> None:
        self.when, self.asked = when, 0

    def __call__(self, w: np.ndarray) -> np.ndarray:
        self.asked += len(w) == 1
        if len(w) == 1 and self.asked == self.when:
            raise KeyboardInterrupt
        out: np.ndarray = ((w - 0.3) ** 2).sum(axis=1)
        return out


@pytest.mark.parametrize(
    ("when", "polished", "rivals", "undone"),
    [(5, 1, 0, "the polish"), (20, 2, 0, "the polish"), (70, 3, 1, "the classical optimisers")],
)
def test_interrupt_after_a_descent_keeps_what_is_done(
    when: int, polished: int, rivals: int, undone: str, tmp_path: Path
) -> None:
    """The run may have taken hours: it stays, with as much of polish and rivals as is done, and is not taken for the whole."""

    def found(bowl: Tired, folder: Path | None = None) -> qd.descent.Descent:
        names = ["differential_evolution", "grid_lbfgsb", "uniform"]
        box = [(-1, 1), (-1, 1)]
        return qd.descend(bowl, bounds=box, qubits=4, steps=50, seed=1, compare=names, folder=folder)

    piece = found(Tired(when), tmp_path / "run")
    assert len(piece.polished) == polished
    assert len(piece.rivals) == rivals
    assert (piece.end is None) == (rivals == 0)
    assert piece.evaluations.polish > 0
    assert piece.trajectory.stop.startswith("Interrupted from the keyboard after the run. Reached the end")
    assert piece.trajectory.stop.endswith(f"Not done: {undone}.")
    assert piece.trajectory.stop in str(piece)
    assert is_partial(piece.trajectory)
    assert not (tmp_path / "run" / "descent.npz").exists()
    undisturbed = found(Tired(-1))
    assert np.array_equal(piece.trajectory.states[-1], undisturbed.trajectory.states[-1])
    assert piece.polished[: polished - 1] == undisturbed.polished[: polished - 1] or polished == 3
    assert len(found(Tired(-1), tmp_path / "run").rivals) == len(undisturbed.rivals) == 3
    assert (tmp_path / "run" / "descent.npz").exists()


def functions_that_evolve(tree: ast.Module) -> Iterator[tuple[str, ast.AST, ast.Call]]:
    """Every call of ``evolve`` by its name, with the function of a module or a class that it stands in."""

    def walk(node: ast.AST, name: str, scope: ast.AST) -> Iterator[tuple[str, ast.AST, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            inner = isinstance(child, ast.FunctionDef)
            if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id == "evolve":
                yield name, scope, child
            yield from walk(child, child.name if inner else name, child if inner else scope)

    yield from walk(tree, "", tree)


def asks_for_the_whole(scope: ast.AST, call: ast.Call) -> bool:
    """``whole(evolve(...))``, or ``name = evolve(...)`` and ``whole(name)`` in the same function."""
    names = {
        target.id
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign) and node.value is call
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    asked = [
        node.args[0]
        for node in ast.walk(scope)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "whole"
    ]
    return any(given is call or (isinstance(given, ast.Name) and given.id in names) for given in asked)


def test_every_run_inside_another_call_is_asked_whether_it_is_whole() -> None:
    """``evolve`` answers an interrupt with a piece: who calls it asks for the whole, or stands above with what becomes of the piece."""
    seen: dict[tuple[str, str], bool] = {}
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        if place.startswith("cli/") or "evolve(" not in path.read_text(encoding="utf-8"):
            continue  # commands read the signal itself
        for name, scope, call in functions_that_evolve(tree_of(path)):
            seen[place, name] = seen.get((place, name), True) and asks_for_the_whole(scope, call)
    assert len(seen) > 20
    assert {where for where, asks in seen.items() if not asks} == set(READ_AS_PIECES)


def test_the_rule_sees_a_run_that_is_not_asked() -> None:
    text = "def f():\n run = evolve(p)\n return {}\ndef g():\n return [whole(evolve(p)) for p in q]\n"
    for read, wanted in (("run", [False, True]), ("whole(run)", [True, True])):
        found = functions_that_evolve(ast.parse(text.format(read)))
        assert [asks_for_the_whole(scope, call) for _, scope, call in found] == wanted
