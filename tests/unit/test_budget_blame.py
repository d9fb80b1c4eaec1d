"""The error budget blames what was planted: each fault alone, and each pair of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pytest
from qiskit.providers.basic_provider import BasicSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

import qml_dynamics as qd
from qml_dynamics.backends.base import check_circuits
from qml_dynamics.backends.mitigation.readout import read
from qml_dynamics.results.sampling import draw
from qml_dynamics.validation.error_parts import TERMS

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SHOTS = 400_000
FLOOR = 0.002  # total variation that no good part reaches here


def loss(w: np.ndarray) -> np.ndarray:
    """A well without symmetry, defined everywhere."""
    return 0.4 * (w[:, 0] - 0.4) ** 2 + 0.3 * np.sin(1.5 * w[:, 0])


def device(gates: bool, readout: bool) -> Any:
    model = NoiseModel(basis_gates=["cx", "rz", "sx", "x"])
    if gates:
        model.add_all_qubit_quantum_error(depolarizing_error(2e-3, 2), ["cx"])
    if readout:
        model.add_all_qubit_readout_error(ReadoutError([[0.97, 0.03], [0.06, 0.94]]))
    return qd.backend("aer", noise_model=model)


def stated(faults: tuple[str, ...], clock: str, half: float, qubits: int, duration: float, center: float) -> qd.Problem:
    """A wave in a box of this half width, a third of it with the fault of the box; on two qubits fewer with that of the grid."""
    half, qubits = half / 3 if "box" in faults else half, qubits - 2 if "grid" in faults else qubits
    grid = qd.Grid((-half, half), qubits)
    return qd.Problem(grid, loss, 0.5, clock=clock, duration=duration, initial=qd.Gaussian(center, 0.6))


def budget_with(*faults: str) -> qd.ErrorBudget:
    """A real-time run by Trotter that is good in every respect, but for these faults."""
    problem = stated(faults, "real", 6.6, 5, 1.5, 1.2)
    method = qd.Trotter(2 if "formula" in faults else 24, truncation=0.25 if "encoding" in faults else 0.0)
    backend = device("device" in faults, "readout" in faults) if {"device", "readout"} & set(faults) else "aer"
    shots = 300 if "shots" in faults else SHOTS
    return qd.error_budget(problem, method, backend=backend, shots=shots, seed=7)


def imaginary_with(*faults: str) -> qd.ErrorBudget:
    """An imaginary-time run by Schrodingerisation: its register is a part of its own."""
    problem = stated(faults, "imaginary", 4.8, 4, 1.0, 0.9)
    ancillas, box = (4, (6.0, 3.0)) if "register" in faults else (7, None)
    steps = 1 if "formula" in faults else 12
    method = qd.Schrodingerised(ancillas, steps, box=box, tolerance=0.9)
    return qd.error_budget(problem, method, backend="statevector", shots=300 if "shots" in faults else None, seed=7)


@cache
def planted(kind: str, faults: frozenset[str]) -> qd.ErrorBudget:
    """One run a set of faults, which several comparisons share."""
    return (budget_with if kind == "real" else imaginary_with)(*sorted(faults))


REAL = ("box", "grid", "formula", "encoding", "device", "readout", "shots")
IMAGINARY = ("box", "grid", "formula", "register", "shots")
QUICK = {"box", "formula", "encoding", "shots"}  # of a second or two each; the others stand in the slow part


def cases() -> list[Any]:
    """Each fault alone, and each pair of them."""
    out = []
    for kind, faults in (("real", REAL), ("imaginary", IMAGINARY)):
        for several in [(f,) for f in faults] + list(combinations(faults, 2)):
            quick = kind == "real" and len(several) == 1 and several[0] in QUICK
            marks = () if quick else (pytest.mark.slow,)
            out.append(pytest.param(kind, frozenset(several), id=f"{kind}-{'+'.join(several)}", marks=marks))
    return out


def blamed(budget: qd.ErrorBudget, before: qd.ErrorBudget) -> str:
    """The part that grew most when a fault was added to a run."""
    grown = {name: float(term.value) - float(before.terms[name].value) for name, term in budget.terms.items()}
    assert set(grown) == set(TERMS)
    # beside the root of what was there: a part that is large already moves a little with everything
    most = max(grown, key=lambda name: grown[name] / np.sqrt(FLOOR + abs(float(before.terms[name].value))))
    return most if grown[most] > FLOOR else ""


@pytest.mark.parametrize(("kind", "faults"), cases())
def test_each_fault_is_blamed_alone_and_beside_another(kind: str, faults: frozenset[str]) -> None:
    """Against the run without it: its part grew most. A wave that is cut at the seam is discontinuous, so that beside a box the error
    of the product formula in this box, and that of the grid, are larger indeed: a rank among the parts does not tell who is to blame."""
    budget = planted(kind, faults)
    for fault in faults:
        found = blamed(budget, planted(kind, faults - {fault}))
        assert found == fault, f"{fault}: {found}\n{budget}"
    assert budget.dominant in faults, str(budget)


def test_splitting_and_register_are_told_apart() -> None:
    """The formula's part is that of the split-operator method alone; the register's is what is left."""
    problem = qd.Problem(
        qd.Grid((-6.4, 6.4), 5), loss, 0.5, clock="imaginary", duration=1.0, initial=qd.Gaussian(0.9, 0.6)
    )
    budget = qd.error_budget(problem, qd.Schrodingerised(5, 4, tolerance=0.9), backend="statevector")
    alone = qd.error_budget(problem, qd.SplitStep(4))
    assert budget.formula.value == pytest.approx(float(alone.formula.value), abs=1e-12)
    assert budget.encoding.value == 0
    assert budget.register.value > 1e-4
    assert alone.register.value == 0


@pytest.mark.slow
def test_the_box_part_is_the_distance_from_a_wider_box() -> None:
    """Against a direct run in a box twice as wide; rings and waves that fill the box have none."""
    narrow = qd.Problem(
        qd.Grid((-1.5, 1.5), 5),
        lambda w: w[:, 0] ** 2 / 2,
        0.5,
        clock="real",
        duration=1.0,
        initial=qd.Gaussian(0.9, 0.3),
    )
    budget = qd.error_budget(narrow, qd.SplitStep(200))
    assert budget.dominant == "box"
    wide = qd.evolve(narrow.replace(domain=qd.Grid((-3, 3), 7)), qd.SplitStep(400, order=4))
    inside = wide.density[-1][32:96]
    assert budget.box.value == pytest.approx(budget.total.value, abs=0.02)
    assert budget.box.value >= 1 - inside.sum() - 1e-6
    shift = float(narrow.objective(wide.problem.domain.points) @ wide.density[-1])  # type: ignore[misc]
    mine = qd.evolve(narrow.replace(domain=qd.Grid((-1.5, 1.5), 6)), qd.SplitStep(400, order=4))
    assert float(budget.shifts["box"].value) == pytest.approx(
        float(mine.expectations["objective"].value[-1]) - shift, abs=1e-5
    )
    ring = narrow.replace(domain=qd.Grid((0, 2 * np.pi), 5), objective=lambda w: np.cos(w[:, 0]))
    assert "ring" in " ".join(qd.error_budget(ring, qd.SplitStep(8)).notes)
    filled = qd.error_budget(narrow.replace(initial=qd.Uniform()), qd.SplitStep(8))
    assert "fills the box" in " ".join(filled.notes)
    assert filled.box.value == 0
    walls = qd.error_budget(narrow.replace(domain=qd.Grid((-1.5, 1.5), 5, "walls")), qd.SplitStep(200))
    assert walls.dominant == "box"


@pytest.mark.slow
def test_mitigation_is_told_apart_on_a_device() -> None:
    """Off, readout is blamed whole; on, what it did is taken back, and counts by what is left."""
    problem = qd.Problem(
        qd.Grid((-4, 4), 3), loss, 0.5, clock="real", duration=0.2, initial=qd.State(np.eye(8)[1] + np.eye(8)[2])
    )
    off, on = (
        qd.error_budget(
            problem, qd.Trotter(1), backend=qd.backend("ibm:fake_manila", readout_mitigation=how), shots=400, seed=3
        )
        for how in (None, "calibrated")
    )
    assert set(on.terms) == set(off.terms) == set(TERMS)
    assert "mitigation: off." in off.notes
    assert float(off.mitigation.value) == 0
    assert float(on.mitigation.value) > 5e-3
    assert on.noise_left < off.noise_left
    assert float(on.readout.value) == pytest.approx(float(off.readout.value), abs=1e-2)
    assert np.sign(float(on.shifts["mitigation"].value)) == -np.sign(float(on.shifts["readout"].value))
    assert sum(float(s.value) for s in on.shifts.values()) == pytest.approx(float(on.total_shift.value), abs=1e-10)


@pytest.mark.parametrize("method", [qd.KoopmanVonNeumann(4), qd.HamiltonJacobi(4), None])
def test_the_classical_clock_has_no_budget_and_the_reason_is_told(method: Any) -> None:
    swing = qd.Problem(qd.Grid((-3, 3), 4), loss, 0.5, clock="classical", duration=0.5, initial=qd.Gaussian(1.0, 0.6))
    reason = (
        r"Argument `problem` must be on the real or imaginary clock, but is 'classical': the reference .* is a wave"
    )
    with pytest.raises(qd.ProblemError, match=reason) as told:
        qd.error_budget(swing, method)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("of", ["loss", "operator"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_parts_from_many_shots_have_the_error_of_sampling(of: str) -> None:
    """A device without noise that gives samples only: what its part shows is that of sampling, and stands within its error."""
    well = qd.Problem(
        qd.Grid((-3, 3), 3), lambda w: w[:, 0] ** 2, 0.4, clock="real", duration=0.5, initial=qd.Gaussian(0.5, 0.6)
    )
    spins = qd.Problem.from_operator({"ZZ": 1.0, "XI": 0.7}, clock="real", duration=0.5, initial="01")
    problem = {"loss": well, "operator": spins}[of]
    found = qd.error_budget(problem, qd.Trotter(2), backend=qd.backend(BasicSimulator()), shots=50, seed=1)
    device, exact = found.terms["device"], found.terms["formula"]
    assert 0 < float(device.value) < 3 * device.stderr < 0.1
    assert 0 < found.readout.stderr < 1e-3
    assert found.shifts["readout"].stderr > 0
    assert exact.stderr == 0
    shift = found.shifts["device"]
    assert abs(float(shift.value)) < 4 * shift.stderr
    assert shift.stderr > 0 == found.shifts["formula"].stderr
    assert found.shot_floor.value > 3 * float(device.value)


@dataclass(frozen=True)
class Misreading:
    """Perfect gates whose outcomes are misread, qubit by qubit; of its own it gives probabilities or samples alone."""

    known: bool
    name: str = "misreading"
    exact: ClassVar[bool] = False
    noisy: ClassVar[bool] = True
    seeding: ClassVar[str] = "circuit"
    max_executions: ClassVar[int] = 64 * 2_000  # so that 2,000 shots are many
    errors: ClassVar[tuple[tuple[float, float], ...]] = ((0.03, 0.08), (0.06, 0.02), (0.01, 0.04))

    def _law(self, circuits: Sequence[Any]) -> list[np.ndarray]:
        return [read(p, self.errors[: c.num_qubits]) for c, p in zip(circuits, _IDEAL.probabilities(circuits))]

    def states(self, pieces: Any, on_step: Any) -> Any:
        raise qd.BackendError("Argument `backend` must give amplitudes, but is misreading.")

    def probabilities(self, circuits: Sequence[Any]) -> list[np.ndarray]:
        if not self.known:
            raise NotImplementedError("samples alone")
        return self._law(circuits)

    def sample(self, circuits: Sequence[Any], shots: int, seeds: Sequence[int]) -> Any:
        check_circuits(circuits, shots)
        return [draw(p, shots, seed) for p, seed in zip(self._law(circuits), seeds)]

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}


_IDEAL = qd.backend("statevector")


@pytest.mark.parametrize("of", ["loss", "operator"])
def test_readout_from_a_calibration_with_shots_has_the_error_of_these(of: str) -> None:
    """Pulls of the part against the same device with known probabilities, over 40 seeds: bars neither too narrow nor too wide."""
    well = qd.Problem(qd.Grid((-3, 3), 3), loss, 0.4, clock="real", duration=0.5, initial=qd.Gaussian(0.5, 0.6))
    spins = qd.Problem.from_operator({"ZZ": 1.0, "XI": 0.7, "IY": 0.4}, clock="real", duration=0.5, initial="01")
    problem, method = {"loss": well, "operator": spins}[of], qd.Trotter(2)
    exact = qd.error_budget(problem, method, backend=Misreading(True), seed=1)
    assert float(exact.readout.value) > 0.02
    assert exact.readout.stderr == 0 == exact.shifts["readout"].stderr == exact.device.stderr
    found = [qd.error_budget(problem, method, backend=Misreading(False), seed=100 * seed) for seed in range(40)]
    for parts, true in (("terms", exact.readout), ("shifts", exact.shifts["readout"])):
        told = [getattr(budget, parts)["readout"] for budget in found]
        pulls = np.array([(float(one.value) - float(true.value)) / one.stderr for one in told])
        assert 0.75 < np.sqrt(np.mean(pulls**2)) < 1.3, parts  # 40 seeds: to 11 %, the bars to 9 %
        assert {one.shots for one in told} == {2_000}
    rest = [
        budget.shifts["device"] for budget in found
    ]  # samples of the run, beside the law that the calibration tells
    assert 0.75 < np.sqrt(np.mean([(float(one.value) / one.stderr) ** 2 for one in rest])) < 1.3
