"""`qml_dynamics.compat` beside qiskit-algorithms in one run: parameter paths, states, auxiliary operators, and what is refused."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import qiskit_algorithms as theirs
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import efficient_su2, real_amplitudes
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import Operator, Pauli, SparsePauliOp, Statevector
from qiskit.synthesis import LieTrotter, QDrift, SuzukiTrotter
from qiskit.transpiler import PassManager, generate_preset_pass_manager
from qiskit.transpiler.passes import Decompose
from qiskit_algorithms import TimeEvolutionProblem
from qiskit_algorithms.gradients import (
    FiniteDiffEstimatorGradient,
    LinCombEstimatorGradient,
    LinCombQGT,
    ReverseEstimatorGradient,
    ReverseQGT,
)
from qiskit_algorithms.time_evolvers.variational import (
    ImaginaryMcLachlanPrinciple,
    RealMcLachlanPrinciple,
    VarQTEResult,
)
from scipy.linalg import expm

from qml_dynamics import compat
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.results.trajectory import Trajectory

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

OPERATOR = SparsePauliOp(["ZZI", "IXX", "YIZ", "IIX", "III"], [0.7, -0.4, 0.3, 0.9, 0.2])
ISING = SparsePauliOp(["IZ", "ZI", "ZZ", "XI", "IX"], [0.3, -0.5, 0.8, 0.6, 0.4])
T = Parameter("t")
DRIVEN = SparsePauliOp(["ZZI", "IXX", "IIX"], np.array([0.7, -0.4 * T, 0.9 + T * T], dtype=object))
AUX = {"a": Pauli("IXZ"), "b": SparsePauliOp(["XYI", "IIZ"], [1.0, -0.5]), "zero": 0 * SparsePauliOp("ZII")}
STEPS, DT = 4, 0.05


def ridge(matrix: np.ndarray, force: np.ndarray) -> np.ndarray:
    return np.linalg.solve(matrix + 1e-3 * np.eye(len(force)), force)


def start() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    circuit.ry(0.9, 0)
    circuit.rx(0.4, 1)
    circuit.rz(0.7, 1)
    circuit.cx(1, 2)
    return circuit


def angles(circuit: QuantumCircuit) -> np.ndarray:
    return np.random.default_rng(2).normal(scale=0.8, size=circuit.num_parameters)


def both(clock: str, circuit: QuantumCircuit, problem: TimeEvolutionProblem, **options: Any) -> tuple[Any, Any, Any]:
    """Our solver, its result, and theirs by derivatives in reverse."""
    name = "VarQITE" if clock == "imaginary" else "VarQRTE"
    if clock == "imaginary":
        principle: Any = ImaginaryMcLachlanPrinciple(ReverseQGT(), ReverseEstimatorGradient())
    else:
        gradient = ReverseEstimatorGradient()
        with pytest.warns(UserWarning, match="imaginary"):
            principle = RealMcLachlanPrinciple(ReverseQGT(), gradient)
    given = (circuit, angles(circuit), principle, StatevectorEstimator())
    ours = getattr(compat, name)(*given, **options)
    return ours, ours.evolve(problem), getattr(theirs, name)(*given, **options).evolve(problem)


@pytest.mark.parametrize("clock", ["imaginary", "real"])
@pytest.mark.parametrize(
    ("circuit", "operator", "driven", "options"),
    [
        (efficient_su2(3, reps=1), OPERATOR, None, {"num_timesteps": STEPS}),
        (efficient_su2(3, reps=1), OPERATOR, None, {"num_timesteps": STEPS, "lse_solver": ridge}),
        (efficient_su2(3, reps=1), DRIVEN, T, {"num_timesteps": STEPS, "lse_solver": ridge}),
        pytest.param(
            *(efficient_su2(2, reps=1), ISING, None, {"ode_solver": "RK23", "lse_solver": ridge}),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["default solver", "ridge", "time-dependent", "scipy"],
)
def test_paths_of_parameters(clock, circuit, operator, driven, options):
    """At the same settings the same path, and the same means of auxiliary operators along it."""
    aux = AUX if operator.num_qubits == 3 else [Pauli("ZX"), Pauli("IZ")]
    problem = TimeEvolutionProblem(operator, STEPS * DT, aux_operators=aux, t_param=driven)
    _, ours, peer = both(clock, circuit, problem, **options)
    count = len(ours.times)
    np.testing.assert_allclose(ours.times, peer.times[:count], atol=1e-12)
    np.testing.assert_allclose(ours.parameter_values, peer.parameter_values[:count], atol=1e-6)
    assert np.abs(ours.parameter_values[-1] - ours.parameter_values[0]).max() > 1e-2
    assert isinstance(ours, VarQTEResult)
    keys = aux if isinstance(aux, dict) else range(2)
    for mine, other in zip(ours.observables, peer.observables):
        for key in keys:
            assert abs(mine[key][0] - other[key][0]) < 1e-6
            assert mine[key][1] == other[key][1]
    assert ours.aux_ops_evaluated == ours.observables[-1]
    state = Statevector(ours.evolved_state)
    for key in keys:
        assert abs(state.expectation_value(aux[key]) - ours.aux_ops_evaluated[key][0]) < 1e-9
    moved = [abs(ours.observables[-1][key][0] - ours.observables[0][key][0]) for key in keys]
    assert max(moved) > 1e-3


@pytest.mark.parametrize("name", ["VarQITE", "VarQRTE", "TrotterQRTE"])
def test_signatures(name):
    """The constructors take the same arguments with the same defaults, and objects of ours pass for theirs."""
    mine = inspect.signature(getattr(compat, name).__init__).parameters
    other = inspect.signature(getattr(theirs, name).__init__).parameters
    assert [(p.name, p.kind, p.default) for p in mine.values()] == [(p.name, p.kind, p.default) for p in other.values()]
    assert issubclass(getattr(compat, name), getattr(theirs, name))


def test_euler_takes_the_steps_that_were_asked_for():
    """Also where theirs takes one more by rounding; and None means steps of 0.01."""
    circuit = real_amplitudes(2, reps=1)
    solver = compat.VarQITE(circuit, dict(zip(circuit.parameters, angles(circuit))), num_timesteps=10)
    ours = solver.evolve(TimeEvolutionProblem(ISING, 0.5))
    assert len(ours.times) == 11
    assert ours.times[-1] == 0.5
    assert ours.observables == []
    assert isinstance(solver.trajectory, Trajectory)
    energy = solver.trajectory.expectations["energy"].value
    assert energy[-1] < energy[0] - 0.01
    solver.num_timesteps = None
    assert len(solver.evolve(TimeEvolutionProblem(ISING, 0.03)).times) == 4


@pytest.mark.slow
def test_a_transpiled_ansatz_moves_the_operators_along():
    """As there: Hamiltonian and auxiliary operators follow the layout."""
    manager = generate_preset_pass_manager(
        1, basis_gates=["cx", "rz", "sx", "x"], coupling_map=[[0, 1], [1, 2], [2, 3]], initial_layout=[2, 1, 3]
    )
    problem = TimeEvolutionProblem(OPERATOR, STEPS * DT, aux_operators=[Pauli("IXZ")])
    _, ours, peer = both(
        "imaginary", efficient_su2(3, reps=1), problem, num_timesteps=STEPS, lse_solver=ridge, transpiler=manager
    )
    assert ours.evolved_state.num_qubits == 4
    np.testing.assert_allclose(ours.parameter_values, peer.parameter_values[: STEPS + 1], atol=1e-6)
    assert abs(ours.observables[-1][0][0] - peer.observables[STEPS][0][0]) < 1e-6
    assert abs(ours.observables[-1][0][0]) > 1e-3


FORMULAS = {
    "lie": LieTrotter(),
    "lie twice": LieTrotter(reps=2),
    "lie reordered": LieTrotter(preserve_order=False),
    "suzuki 2": SuzukiTrotter(order=2),
    "suzuki 4": SuzukiTrotter(order=4, reps=2),
}


@pytest.mark.parametrize("name", list(FORMULAS))
@pytest.mark.parametrize(("operator", "driven"), [(OPERATOR, None), (DRIVEN, T)], ids=["constant", "time-dependent"])
def test_states_of_product_formulas(name, operator, driven):
    """The same product of exponentials, once their gates are opened; and the error of the formula is not missing in ours."""
    problem = TimeEvolutionProblem(operator, 0.8, start(), aux_operators=AUX, t_param=driven)
    opened = PassManager([Decompose() for _ in range(4)])
    given = (FORMULAS[name], StatevectorEstimator(), 3)
    ours = compat.TrotterQRTE(*given).evolve(problem)
    peer = theirs.TrotterQRTE(*given, transpiler=opened).evolve(problem)
    np.testing.assert_allclose(Statevector(ours.evolved_state).data, Statevector(peer.evolved_state).data, atol=1e-10)
    assert len(ours.observables) == len(peer.observables) == 4
    for mine, other in zip(ours.observables, peer.observables):
        assert {key: pair[0] for key, pair in mine.items()} == pytest.approx(
            {k: v[0] for k, v in other.items()}, abs=1e-10
        )
    assert abs(ours.observables[-1]["b"][0] - ours.observables[0]["b"][0]) > 1e-2
    if name == "lie" and driven is None:
        exact = Statevector(start()).evolve(Operator(_exponential(OPERATOR, 0.8)))
        assert np.linalg.norm(Statevector(ours.evolved_state).data - exact.data) > 1e-2


def _exponential(operator: SparsePauliOp, time: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(operator.to_matrix())
    return (vectors * np.exp(-1j * time * values)) @ vectors.conj().T


def test_an_estimator_with_noise_is_run_as_it_is():
    """Its precision is that of its own draws, on the circuits of each step; a barrier stands after each."""
    problem = TimeEvolutionProblem(OPERATOR, 0.8, start(), aux_operators=[Pauli("IXZ")])
    noisy = compat.TrotterQRTE(
        None, StatevectorEstimator(default_precision=0.05, seed=3), 2, insert_barriers=True
    ).evolve(problem)
    exact = compat.TrotterQRTE(None, StatevectorEstimator(), 2).evolve(problem)
    gaps = [abs(a[0][0] - b[0][0]) for a, b in zip(noisy.observables, exact.observables)]
    assert 0 < max(gaps) < 0.25
    assert noisy.evolved_state.count_ops()["barrier"] == 3


CIRCUIT = real_amplitudes(2, reps=1)
NOISY = StatevectorEstimator(default_precision=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"variational_principle": RealMcLachlanPrinciple()},
            "`variational_principle` must be an ImaginaryMcLachlanPrinciple",
        ),
        ({"variational_principle": ImaginaryMcLachlanPrinciple(LinCombQGT(NOISY))}, "has StatevectorEstimator"),
        (
            {"variational_principle": ImaginaryMcLachlanPrinciple(gradient=LinCombEstimatorGradient(NOISY))},
            "has StatevectorEstimator",
        ),
        (
            {
                "variational_principle": ImaginaryMcLachlanPrinciple(
                    gradient=FiniteDiffEstimatorGradient(StatevectorEstimator(), 1e-2)
                )
            },
            "but is 'FiniteDiffEstimatorGradient'",
        ),
        (
            {"variational_principle": ImaginaryMcLachlanPrinciple(LinCombQGT(StatevectorEstimator(), phase_fix=False))},
            "phase_fix",
        ),
    ],
)
def test_principles_that_cannot_be_honoured_are_refused_by_name(options, message):
    with pytest.raises(MethodError, match=message):
        compat.VarQITE(CIRCUIT, [0.1] * 4, **options)


@pytest.mark.parametrize(
    ("problem", "options", "message"),
    [
        (TimeEvolutionProblem(ISING, 0.1, start()), {}, "`initial_state` must be None"),
        (TimeEvolutionProblem(ISING, 0.1, aux_operators=[Pauli("ZI")]), {}, "`estimator` must be given"),
        (TimeEvolutionProblem(ISING, 0.1, param_value_map={T: 1.0}), {}, "`param_value_map` must be None"),
        (TimeEvolutionProblem(ISING, -0.1), {}, "`time` must be positive"),
        (TimeEvolutionProblem(ISING, 0.1, t_param=T), {}, "whose only parameter is t_param"),
        (TimeEvolutionProblem(OPERATOR, 0.1), {}, "`hamiltonian` must act on the 2 qubits"),
        (TimeEvolutionProblem(ISING, 0.1), {"initial_parameters": [0.1]}, "`initial_parameters` must have one entry"),
        (TimeEvolutionProblem(ISING, 0.1), {"initial_parameters": {}}, "`initial_parameters` must have a value"),
        (TimeEvolutionProblem(ISING, 0.1), {"num_timesteps": 0}, "`num_timesteps`"),
        (TimeEvolutionProblem(ISING, 0.1), {"ode_solver": 3}, "`ode_solver`"),
        (TimeEvolutionProblem(ISING, 0.1), {"lse_solver": "ridge"}, "`lse_solver`"),
        ("no problem", {}, "`evolution_problem` must be a TimeEvolutionProblem"),
    ],
)
def test_problems_that_cannot_be_run_are_refused_by_name(problem, options, message):
    given = {"initial_parameters": [0.1] * 4, **options}
    with pytest.raises(ValueError, match=message) as caught:
        compat.VarQITE(CIRCUIT, **given).evolve(problem)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (QDrift(reps=3, seed=1), "QDrift"),
        (LieTrotter(cx_structure="fountain"), "cx_structure='chain'"),
        (LieTrotter(insert_barriers=True), "insert_barriers=False"),
        (SuzukiTrotter(order=2, wrap=True), "wrap=False"),
        (SuzukiTrotter(order=2, atomic_evolution=lambda circuit, operator, time: None), "atomic_evolution None"),
        ("lie", "be a ProductFormula"),
    ],
)
def test_formulas_that_cannot_be_honoured_are_refused_by_name(formula, message):
    with pytest.raises(MethodError, match=message):
        compat.TrotterQRTE(formula)


@pytest.mark.parametrize(
    ("operator", "state", "message"),
    [
        (OPERATOR, None, "`initial_state` must be given"),
        (ISING, start(), "act on the 3 qubits"),
        (SparsePauliOp("ZZZ", [1j]), start(), "`hamiltonian` must be Hermitian"),
        (DRIVEN, start(), "no free parameter"),
        (Operator(np.eye(8)), start(), "be a Pauli or a SparsePauliOp"),
    ],
)
def test_products_that_cannot_be_made_are_refused_by_name(operator, state, message):
    with pytest.raises(ProblemError, match=message):
        compat.TrotterQRTE().evolve(TimeEvolutionProblem(operator, 0.1, state))


@pytest.mark.parametrize("wide", [{"good": Pauli("ZZ"), "bad": Pauli("ZZZ")}, [Pauli("Z")], [SparsePauliOp("IZZ")]])
@pytest.mark.parametrize("transpiled", [False, True])
@pytest.mark.parametrize("name", ["VarQITE", "VarQRTE", "TrotterQRTE"])
def test_auxiliary_operators_of_another_width_are_refused_before_the_run(name, transpiled, wide):
    circuit = real_amplitudes(2, reps=1) if name != "TrotterQRTE" else QuantumCircuit(2)
    if transpiled and name != "TrotterQRTE":  # onto a wider device: two qubits of the person's own
        circuit = generate_preset_pass_manager(0, coupling_map=[[0, 1], [1, 2]], basis_gates=["ry", "cx"]).run(circuit)
        assert circuit.num_qubits == 3
    given = (
        {} if name == "TrotterQRTE" else {"ansatz": circuit, "initial_parameters": [0.1] * 4, "num_timesteps": 10**9}
    )
    state = circuit if name == "TrotterQRTE" else None
    problem = TimeEvolutionProblem(ISING, 0.1, state, aux_operators=wide)
    with pytest.raises(
        ProblemError, match=r"`aux_operators\[.*\]` must act on the 2 qubits of the state, but is of [13] qubits"
    ):
        getattr(compat, name)(**given, estimator=StatevectorEstimator()).evolve(problem)


@pytest.mark.parametrize("start", [["a"] * 8, "mapping"])
def test_initial_parameters_that_are_no_numbers_are_refused(start):
    circuit = real_amplitudes(2, reps=1)
    given = dict.fromkeys(circuit.parameters, "a") if start == "mapping" else ["a"] * circuit.num_parameters
    with pytest.raises(MethodError, match="`initial_parameters` must be"):
        compat.VarQITE(circuit, given, num_timesteps=2).evolve(TimeEvolutionProblem(ISING, 0.1))


def test_a_transpiled_start_has_the_qubits_of_its_device():
    """Nothing lays out operators there: hamiltonian and auxiliary operators act on the qubits of the circuit as it is."""
    manager = generate_preset_pass_manager(0, coupling_map=[[0, 1], [1, 2]], basis_gates=["ry", "cx", "x"])
    bare = QuantumCircuit(2)
    bare.x(0)
    started = manager.run(bare)
    assert started.num_qubits == 3
    assert started.layout is not None
    estimator = StatevectorEstimator()
    ours = compat.TrotterQRTE(num_timesteps=2, estimator=estimator)
    wide = SparsePauliOp(["ZZI", "IXX"], [0.3, 0.7])
    found = ours.evolve(TimeEvolutionProblem(wide, 0.4, started, aux_operators=[Pauli("ZII"), Pauli("IIZ")]))
    values = [value for value, _ in found.aux_ops_evaluated]
    exact = Statevector(started).evolve(Operator(expm(-0.4j * wide.to_matrix())))
    assert values[1] == pytest.approx(exact.expectation_value(Pauli("IIZ")).real, abs=0.02)
    with pytest.raises(ProblemError, match="act on the 3 qubits of the state, but is of 2 qubits"):
        ours.evolve(TimeEvolutionProblem(wide, 0.4, started, aux_operators=[Pauli("ZI")]))
