"""The folders of operators: H2 to its ground energy, a quench beside free fermions, a cut by brute force, a chain on a device."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_ibm_runtime.fake_provider import FakeMontrealV2
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import qml_dynamics as qd
from qml_dynamics.runs.gallery_programs import COMPILED, check_built
from qml_dynamics.synthesis.qasm import from_qasm3

ROOT = Path(__file__).resolve().parents[2] / "circuits"


def state(folder: str, file: str) -> np.ndarray:
    return np.asarray(Statevector(from_qasm3((ROOT / folder / file).read_text(encoding="utf-8"))).data)


def mean(psi: np.ndarray, operator: SparsePauliOp) -> float:
    return float(np.vdot(psi, operator.to_matrix(sparse=True) @ psi).real)


def test_the_grown_program_has_the_ground_energy_of_hydrogen() -> None:
    problem = qd.read_problem(ROOT / "h2").problem
    matrix, psi = problem.operator.matrix(), state("h2", "ground_state.qasm")
    ground, start = float(np.linalg.eigvalsh(matrix)[0]), problem.initial.vector(problem.domain).reshape(-1)
    assert np.vdot(psi, matrix @ psi).real == pytest.approx(ground, abs=1e-9)
    assert np.vdot(start, matrix @ start).real - ground > 0.02
    assert ground == pytest.approx(-1.857275030, abs=1e-8)  # full configuration interaction
    assert abs(psi[0b0101]) ** 2 + abs(psi[0b1010]) ** 2 == pytest.approx(1, abs=1e-12)


def free_fermions(spins: int, t: float) -> tuple[float, float]:
    """Means of X and of Z Z in the critical chain, from the covariance of its Majorana operators (Pfeuty, Ann. Phys. 57, 79, 1970)."""
    generator, covariance = np.zeros((2, 2 * spins, 2 * spins))
    generator[range(2 * spins - 1), range(1, 2 * spins)] = -2.0
    covariance[range(1, 2 * spins - 1, 2), range(2, 2 * spins, 2)] = 1.0
    turn = expm((generator - generator.T) * t)
    now = np.diag(turn @ (covariance - covariance.T) @ turn.T, 1)
    return float(now[::2].mean()), float(now[1::2].mean())


def test_the_quench_is_that_of_free_fermions_to_second_order() -> None:
    """The reference to its tolerance; the program to the error of its formula, which falls fourfold with half the step."""
    file, n = qd.read_problem(ROOT / "ising_quench"), 8
    x = SparsePauliOp.from_sparse_list([("X", [q], 1 / n) for q in range(n)], n)
    zz = SparsePauliOp.from_sparse_list([("ZZ", [q, q + 1], 1 / (n - 1)) for q in range(n - 1)], n)
    law = np.array(free_fermions(n, file.problem.duration))
    exact = qd.evolve(file.problem, qd.Krylov(1e-10), save=[file.problem.duration]).states[-1].reshape(-1)
    assert [mean(exact, o) for o in (x, zz)] == pytest.approx(law, abs=1e-8)
    program = state("ising_quench", "ising_quench_10_steps.qasm")
    finer = Statevector(qd.circuits(file.problem, qd.Trotter(20))[-1]).data
    coarse, fine = (np.array([mean(psi, o) for o in (x, zz)]) - law for psi in (program, finer))
    assert 1e-4 < np.abs(coarse).max() < 4e-3
    assert coarse[0] / fine[0] == pytest.approx(4, rel=0.15)
    assert law[0] > 0.4  # from 0


def of_momenta(n: int, duration: float) -> float:
    """Probability of the ground state at the end of the ring's path: of two amplitudes for each pair of momenta, by an ordinary solver."""
    law = 1.0
    for k in (2 * np.arange(n // 2) + 1) * np.pi / n:

        def at(s: float, k: float = k) -> np.ndarray:
            """The Hamiltonian of one pair."""
            z, x = 1 - s - s * np.cos(k), s * np.sin(k)
            return 2 * np.array([[z, x], [x, -z]])

        first, last = (np.linalg.eigh(at(s))[1][:, 0] for s in (0.0, 1.0))
        moved = solve_ivp(
            lambda t, y: -1j * (at(t / duration) @ y),
            (0, duration),
            first.astype(complex),
            "DOP853",
            rtol=1e-10,
            atol=1e-12,
        )
        law *= abs(np.vdot(last, moved.y[:, -1])) ** 2
    return float(law)


def test_the_annealed_ring_ends_as_its_momenta_say() -> None:
    """The reference to its tolerance; the program to the error of its formula, which falls fourfold with half the step."""
    file = qd.read_problem(ROOT / "annealed_ring")
    law = of_momenta(6, file.problem.duration)
    both = [qd.evolve(file.problem, method).density[-1].reshape(-1)[[0, -1]] for method in (qd.Exact(), qd.Trotter(24))]
    exact, finer = (float(each.sum()) for each in both)
    assert exact == pytest.approx(law, abs=1e-8)
    program = float((np.abs(state("annealed_ring", "annealed_ring_12_steps.qasm")[[0, -1]]) ** 2).sum())
    assert 1e-3 < law - program < 0.03
    assert (law - program) / (law - finer) == pytest.approx(4, rel=0.15)
    assert 0.5 < law < 0.9  # of a uniform guess 1/32


def test_the_program_finds_the_maximum_cut() -> None:
    problem = qd.read_problem(ROOT / "maxcut").problem
    pairs = re.findall(r"x(\d)\*x(\d)", (ROOT / "maxcut" / "problem.toml").read_text(encoding="utf-8"))
    sides = 1 - 2 * (np.arange(1024)[:, None] >> np.arange(9, -1, -1) & 1)
    within = sum((sides[:, int(a)] == sides[:, int(b)]).astype(int) for a, b in pairs)
    assert len(set(pairs)) == 15
    assert min(sum(str(k) in pair for pair in pairs) for k in range(10)) == 2
    assert qd.hamiltonian(problem).zeta.reshape(-1) == pytest.approx(within)
    best = np.abs(state("maxcut", "program_12_steps.qasm")[within == within.min()]) ** 2
    assert (within.min(), len(best)) == (3, 10)
    assert best.sum() > 0.5  # of a uniform guess 0.01


def test_the_compiled_program_keeps_to_the_devices_couplings() -> None:
    text = (ROOT / "heisenberg_device" / COMPILED).read_text(encoding="utf-8")
    places = [int(q) for q in re.search(r"are its qubits ([\d, ]+)", text)[1].split(",")]  # type: ignore[index]
    edges = {frozenset(edge) for edge in FakeMontrealV2().coupling_map.get_edges()}
    used = {frozenset(places[int(q)] for q in pair) for pair in re.findall(r"cx q\[(\d)\], q\[(\d)\]", text)}
    assert used <= edges
    assert len(used) == 4  # a chain of five
    assert max(sum(q in edge for edge in edges) for q in range(27)) == 3  # heavy hexagons


@pytest.mark.slow
def test_the_budget_of_the_device_blames_its_gates() -> None:
    """As the README says: by far the largest part, along which the magnetisation falls; mitigation takes back what readout did."""
    file = qd.read_problem(ROOT / "heisenberg_device")
    device = qd.backend(file.backend, **file.backend_options)
    staggered = {f"Z{i}": 0.2 * (-1) ** i for i in range(5)}
    budget = qd.error_budget(
        file.problem,
        file.method,
        backend=device,
        shots=file.shots,
        seed=file.seed,
        observables={"staggered": staggered},
    )
    column = {name: float(each.value) for name, each in budget.observables["staggered"].items()}
    assert budget.dominant == "device"
    assert column["device"] == pytest.approx(-0.055, abs=0.01)
    assert column["readout"] < -0.004 < 0.004 < column["mitigation"]
    assert sum(v for name, v in column.items() if name != "total") == pytest.approx(column["total"], abs=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("sx q[0]", "h q[0]", "gates that the device has not: h"), ("cx q[4], q[3]", "cx q[3], q[4]", "density")],
)
def test_faults_of_the_compiled_program_are_found(tmp_path: Path, old: str, new: str, said: str) -> None:
    folder = tmp_path / "heisenberg_device"
    shutil.copytree(ROOT / "heisenberg_device", folder)
    assert check_built(folder) == []
    text = (folder / COMPILED).read_text(encoding="utf-8")
    assert old in text
    (folder / COMPILED).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert any(said in fault for fault in check_built(folder))
    (folder / COMPILED).unlink()
    assert check_built(folder)[0].startswith(f"{COMPILED}: ")
