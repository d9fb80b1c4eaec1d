"""The error of a synthesis in Clifford gates and T as one more part of the error budget."""

from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator

import qml_dynamics as qd
from qml_dynamics.backends.synthesised import SynthesisedBackend
from qml_dynamics.synthesis.clifford_t import approximated

WELL = qd.Problem(
    qd.Grid((-4, 4), 4),
    qd.objectives.double_well(tilt=0.3),
    0.4,
    clock="real",
    duration=0.4,
    initial=qd.Gaussian(0.5, 0.6),
)
CHAIN = qd.Problem.from_operator(
    {"ZZI": -1.0, "IZZ": -1.0, "XII": 0.8, "IXI": 0.3}, clock="real", duration=1.0, initial="010"
)


def circuit() -> QuantumCircuit:
    """Rotations, a T gate, a Clifford gate and a phase."""
    out = QuantumCircuit(2, global_phase=0.4)
    out.ry(0.3, 0)
    out.t(1)
    out.cp(0.7, 0, 1)
    out.rz(np.pi / 2, 1)
    out.rx(-1.1, 1)
    return out


@pytest.mark.parametrize("error", [1e-1, 1e-3, 1e-7])
def test_all_rotations_together_keep_their_bound(error: float) -> None:
    pieces = [circuit(), circuit().inverse()]
    found = approximated(pieces, error)
    apart = [np.linalg.norm(Operator(a).data - Operator(b).data, 2) for a, b in zip(found, pieces)]
    assert 0 < sum(apart) <= error
    assert max(apart) > error / 1000  # the sequences are not finer than they need to be


def test_clifford_gates_and_t_are_left_alone() -> None:
    plain = QuantumCircuit(2)
    plain.h(0), plain.t(0), plain.cx(0, 1), plain.sdg(1), plain.rz(np.pi / 4, 1)
    assert np.abs(Operator(approximated([plain], 0.5)[0]).data - Operator(plain).data).max() < 1e-12


@pytest.mark.parametrize("problem", [WELL, CHAIN], ids=["well", "chain"])
def test_the_part_is_below_its_bound_and_falls_with_it(problem: qd.Problem, tmp_path: Path) -> None:
    method = qd.Trotter(2)
    plain = qd.error_budget(problem, method)
    assert "synthesis" not in plain.terms
    sizes = []
    for error in (1e-1, 1e-3):
        found = qd.error_budget(problem, method, synthesis_error=error)
        part = float(found.terms["synthesis"].value)
        # what tells two pure states apart is at most the distance of their waves
        assert 0 < part <= error
        assert found.infidelity["synthesis"] <= error**2
        assert {
            n: t for n, t in found.terms.items() if n not in ("synthesis", "device", "shots")
        }.keys() <= plain.terms.keys()
        assert found.terms["formula"].value == pytest.approx(plain.terms["formula"].value, abs=1e-12)
        assert sum(float(s.value) for s in found.shifts.values()) == pytest.approx(
            float(found.total_shift.value), abs=1e-12
        )
        again = qd.ErrorBudget.load(found.save(tmp_path / f"{error}.npz"))
        assert list(again.terms) == list(found.terms)
        assert again.synthesis.value == found.terms["synthesis"].value
        assert "synthesis" in str(found)
        assert "synthesis" in found.table()
        sizes.append(part)
    assert sizes[1] < sizes[0] / 5


def test_shots_are_those_of_the_synthesised_circuits() -> None:
    rough = qd.error_budget(CHAIN, qd.Trotter(2), shots=400, seed=3, synthesis_error=0.8)
    wave = qd.evolve(CHAIN, qd.Trotter(2), backend=SynthesisedBackend(error=0.8)).density[-1].reshape(-1)
    drawn = (
        qd.evolve(CHAIN, qd.Trotter(2), backend=SynthesisedBackend(error=0.8), shots=400, seed=3)
        .density[-1]
        .reshape(-1)
    )
    assert float(rough.terms["shots"].value) >= 0.5 * np.abs(wave - drawn).sum() - 1e-12
    assert list(rough.terms) == [
        "start",
        "formula",
        "encoding",
        "register",
        "synthesis",
        "readout",
        "device",
        "mitigation",
        "shots",
    ]
    assert float(rough.terms["synthesis"].value) > 1e-3


def test_what_has_no_synthesis_is_refused() -> None:
    with pytest.raises(
        qd.MethodError, match=r"`synthesis_error` must be None where no circuits are known ahead, but is 0\.001"
    ):
        qd.error_budget(WELL, qd.SplitStep(4), synthesis_error=1e-3)
    with pytest.raises(qd.MethodError, match="`synthesis_error` must be between"):
        qd.error_budget(WELL, qd.Trotter(2), synthesis_error=2.0)
    with pytest.raises(qd.MethodError, match="`synthesis_error` must be None on aer:noise=fake_manila"):
        qd.error_budget(WELL, qd.Trotter(2), backend="aer:noise=fake_manila", shots=100, synthesis_error=1e-3)
