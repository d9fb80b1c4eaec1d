"""The error budget of operators blames what was planted: in H2, in an Ising chain, and in methods that are wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from scipy.linalg import expm

import qml_dynamics as qd
from qml_dynamics.methods.base import Answer, Job
from qml_dynamics.model.initial_inputs import as_initial
from qml_dynamics.validation.error_parts import OPERATOR_TERMS, TERMS

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# H2 at .735 angstrom, Jordan and Wigner's encoding, with a field that makes its orbitals unequal
H2 = {
    **{
        "IIII": -0.0989,
        "IIIZ": 0.1712,
        "IIZI": 0.1912,
        "IZII": -0.2228,
        "ZIII": -0.2528,
        "IIZZ": 0.1686,
        "IZIZ": 0.1205,
    },
    **{"ZIZI": 0.1205, "ZIIZ": 0.1659, "IZZI": 0.1659, "ZZII": 0.1743},
    **{"YYXX": -0.0453, "XYYX": 0.0453, "YXXY": 0.0453, "XXYY": -0.0453},
}
ISING = {"ZZI": -1.0, "IZZ": -0.8, "XII": 0.7, "IXI": 0.5, "IIX": 0.9, "IYI": 0.2}
PROBLEMS = {
    "h2": qd.Problem.from_operator(H2, clock="real", duration=4.0, initial={"0011": 0.8, "1100": 0.5, "0101": 0.33}),
    "ising": qd.Problem.from_operator(ISING, clock="real", duration=1.0, initial="010"),
}
STEPS = {"h2": (8, 1), "ising": (24, 2)}
SHOTS = 400_000


def device(gates: float, readout: float) -> Any:
    """A device whose CX depolarises, or which misreads 1 more often than 0."""
    model = NoiseModel(basis_gates=["cx", "rz", "sx", "x"])
    if gates:
        model.add_all_qubit_quantum_error(depolarizing_error(gates, 2), ["cx"])
    if readout:
        model.add_all_qubit_readout_error(ReadoutError([[1 - readout, readout], [2 * readout, 1 - 2 * readout]]))
    return qd.backend("aer", noise_model=model)


@dataclass(frozen=True)
class TurnedStart(qd.Trotter):
    """Reads the label of its start from the other end."""

    def run(self, job: Job) -> Answer:
        """The product formula from the wrong basis state."""
        problem = job.problem
        wave = problem.initial.vector(problem.domain)
        turned = as_initial(wave.reshape((2,) * problem.domain.num_qubits).transpose().reshape(-1), problem.domain)
        from dataclasses import replace

        return qd.Trotter(self.steps).run(replace(job, problem=problem.replace(initial=turned)))


@dataclass(frozen=True)
class OrderOne(qd.Trotter):
    """Says that it is of order two, and runs Lie's formula."""

    @property
    def product_formula(self) -> Any:
        """Of order one."""
        return qd.Trotter(1, order=1).product_formula


def budget(name: str, fault: str) -> qd.ErrorBudget:
    """A run that is good in every respect, but for this fault."""
    problem, (good, few) = PROBLEMS[name], STEPS[name]
    if fault == "start":
        problem = problem.replace(initial={"0110": 0.6, "0011": 0.8} if name == "h2" else "011")
    make = {"start": TurnedStart, "order": OrderOne}.get(fault, qd.Trotter)
    method = make(few if fault in ("formula", "order") else good)
    backend = device(0.01 if fault == "device" else 0.0, 0.05 if fault == "readout" else 0.0)
    where = backend if fault in ("device", "readout") else "statevector"
    observables = {"asked": "Z" + "I" * (problem.domain.num_qubits - 2) + "X"}
    shots = 100 if fault == "shots" else SHOTS
    return qd.error_budget(problem, method, backend=where, shots=shots, seed=7, observables=observables)


CASES = [
    pytest.param("ising", "formula", "formula"),
    pytest.param("ising", "shots", "shots"),
    pytest.param("ising", "start", "start"),
    pytest.param("ising", "order", "formula"),
    pytest.param("ising", "readout", "readout", marks=pytest.mark.slow),
    pytest.param("ising", "device", "device", marks=pytest.mark.slow),
    pytest.param("h2", "formula", "formula", marks=pytest.mark.slow),
    pytest.param("h2", "shots", "shots", marks=pytest.mark.slow),
    pytest.param("h2", "start", "start", marks=pytest.mark.slow),
    pytest.param("h2", "readout", "readout", marks=pytest.mark.slow),
    pytest.param("h2", "device", "device", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "fault", "part"), CASES)
def test_each_fault_is_blamed(name: str, fault: str, part: str) -> None:
    """The largest part is that of the fault, by far; signed columns add up to the totals, and distances are no less than theirs."""
    found = budget(name, fault)
    assert found.dominant == part, str(found)
    others = [float(term.value) for which, term in found.terms.items() if which != part]
    assert float(found.terms[part].value) > 3 * max(others), str(found)
    assert set(found.terms) == set(OPERATOR_TERMS)
    for column in ({**found.shifts, "total": found.total_shift}, found.observables["asked"]):
        parts = sum(float(column[which].value) for which in OPERATOR_TERMS)
        assert parts == pytest.approx(float(column["total"].value), abs=1e-10)
    assert float(found.total.value) <= float(found.sum.value) + 1e-12
    if fault == "order":
        assert "or the order is 1" in " ".join(found.notes), found.notes
    if fault == "start":
        assert "begins in another wave" in " ".join(found.notes)


@pytest.mark.parametrize("method", [qd.Trotter(2), qd.Trotter(formula="auto", tolerance=0.05)], ids=["steps", "auto"])
def test_the_formula_part_is_the_distance_from_the_dense_propagator(method: qd.Trotter) -> None:
    """Energy, observable and infidelity of two Strang steps against SciPy's exponential, and a column's sign; those of a picked formula."""
    problem = PROBLEMS["ising"]
    found = qd.error_budget(problem, method, observables={"Y": "IYI"})
    assert problem.operator is not None
    h = problem.operator.matrix()
    exact = expm(-1j * h) @ problem.initial.vector(problem.domain).reshape(-1)
    run = qd.evolve(problem, method, observables={"Y": "IYI"})
    assert run.states is not None
    wave = run.states[-1].reshape(-1)
    y = np.kron(np.kron(np.eye(2), [[0, -1j], [1j, 0]]), np.eye(2))
    for column, operator in ((found.shifts, h), (found.observables["Y"], y)):
        shift = (wave.conj() @ operator @ wave - exact.conj() @ operator @ exact).real
        assert abs(shift) > 1e-4
        assert float(column["formula"].value) == pytest.approx(shift, abs=1e-9)
    assert found.infidelity["formula"] == pytest.approx(1 - abs(np.vdot(exact, wave)) ** 2, abs=1e-9)
    trace_distance = np.sqrt(found.infidelity["formula"])
    assert 0.1 * trace_distance < float(found.formula.value) <= trace_distance + 1e-9
    assert method.automatic or "order 2 says 4." in " ".join(found.notes)


def test_imaginary_time_has_a_budget_too() -> None:
    """Imaginary time by QITE: its formula's part goes down with its steps."""
    problem = PROBLEMS["ising"].replace(clock="imaginary", duration=0.4)
    coarse, fine = (qd.error_budget(problem, qd.QITE(3, steps)) for steps in (1, 2))
    assert coarse.dominant == "formula"
    assert float(fine.formula.value) < 0.5 * float(coarse.formula.value)
    assert float(coarse.formula.value) > 1e-5


def test_a_budget_of_an_operator_is_kept(tmp_path: Path) -> None:
    """Saved and read back to the bit; one of which a part is missing is refused."""
    found = qd.error_budget(PROBLEMS["ising"], qd.Trotter(2), observables={"Z": "ZII"})
    again = qd.ErrorBudget.load(found.save(tmp_path / "b.npz"))
    assert str(again) == str(found)
    assert {n: float(e.value) for n, e in again.terms.items()} == {n: float(e.value) for n, e in found.terms.items()}
    assert float(again.observables["Z"]["total"].value) == float(found.observables["Z"]["total"].value) != 0
    assert "energy" in str(found).splitlines()[0]
    assert set(OPERATOR_TERMS) != set(TERMS)


@pytest.mark.slow
def test_mitigation_is_told_apart() -> None:
    """On a fake device: off, readout and gates are blamed whole; on, what readout did is taken back, and counts by what is left."""
    problem = PROBLEMS["ising"].replace(duration=0.2)
    pair = {}
    for how in (None, "calibrated"):
        where = qd.backend("ibm:fake_manila", readout_mitigation=how)
        pair[how] = qd.error_budget(problem, qd.Trotter(1), backend=where, shots=400, seed=3)
    off, on = pair[None], pair["calibrated"]
    assert float(off.mitigation.value) == 0
    assert "mitigation: off." in off.notes
    assert float(on.mitigation.value) > 5e-3
    assert on.noise_left < off.noise_left
    assert np.sign(float(on.shifts["mitigation"].value)) == -np.sign(float(on.shifts["readout"].value))
    assert float(on.readout.value) == pytest.approx(float(off.readout.value), abs=1e-2)
