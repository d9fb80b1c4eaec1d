"""Imaginary time of operators as circuits, thermal states and METTS, against SciPy's exponential of dense matrices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit.providers.basic_provider import BasicSimulator
from scipy.linalg import expm

import qml_dynamics as qd
from qml_dynamics.learning.gibbs import thermal
from qml_dynamics.learning.metts.energies import energies_of
from qml_dynamics.learning.metts.statistics import error_of_chain

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

TERMS = {"III": 0.2, "IIZ": 0.7, "IZX": -0.5, "YXI": 0.4, "ZII": 0.3, "XIX": 0.25, "XYZ": -0.2}
LETTERS = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]]), "Z": np.diag([1, -1])}


def matrix(terms: dict[str, float]) -> np.ndarray:
    """By Kronecker products."""
    total = 0
    for label, c in terms.items():
        string: Any = np.eye(1)
        for letter in label:
            string = np.kron(string, LETTERS[letter])
        total = total + c * string
    return np.asarray(total)


def wave() -> np.ndarray:
    """Without symmetry."""
    rng = np.random.default_rng(1)
    psi = rng.normal(size=8) + 1j * rng.normal(size=8)
    out: np.ndarray = psi / np.linalg.norm(psi)
    return out


PSI = wave()


def miss(method: Any, strength: Any, amount: float) -> tuple[float, float, float, float]:
    """Error of the wave and of ``log_norm``, and the success probability measured and predicted."""
    problem = qd.Problem.from_operator(TERMS, clock="imaginary", duration=0.6, initial=PSI, strength=strength)
    exact = expm(-amount * matrix(TERMS)) @ PSI
    norm = float(np.linalg.norm(exact))
    run = qd.evolve(problem, method, progress=False)
    assert run.states is not None
    found = run.states[-1].reshape(-1)
    error = np.sqrt(max(0.0, 1 - abs(np.vdot(exact / norm, found)) ** 2))
    told = run.diagnostics
    return (
        float(error),
        float(run.log_norm[-1]) - float(np.log(norm)),
        float(told["success_probability"][-1]),
        float(told["success_predicted"][-1]),
    )


@pytest.mark.parametrize(("strength", "amount"), [(-0.8, -0.48), (qd.Linear(0.3, 1.2), 0.45)])
@pytest.mark.parametrize("order", [1, 2])
def test_exact_blocks_have_the_order_of_their_formula(order: int, strength: Any, amount: float) -> None:
    """Wave and ``log_norm``; also where the strength is negative or moves. The success law holds to rounding."""
    rows = [miss(qd.ProbabilisticITE(1.0, n, order, block="exact"), strength, amount) for n in (4, 8)]
    assert np.log2(rows[0][0] / rows[1][0]) == pytest.approx(order, abs=0.2)
    assert abs(rows[1][1]) < 1.2 * abs(rows[0][1]) / 2
    assert rows[1][0] > 1e-6
    for row in rows:
        assert row[2] == pytest.approx(row[3], rel=1e-9)
        assert 0.01 < row[2] < 0.9
    low = qd.ProbabilisticITE(0.9, 4, order, block="exact", floor=0.0)
    blocks = qd.evolve(
        qd.Problem.from_operator(TERMS, clock="imaginary", duration=0.6, initial=PSI, strength=strength), low
    ).diagnostics["blocks"]
    assert miss(low, strength, amount)[2] == pytest.approx(0.9 ** (2 * blocks) * rows[0][2], rel=1e-9)


@pytest.mark.parametrize(("strength", "amount"), [(qd.Linear(-0.9, -0.2), -0.33)])
def test_the_p_register_carries_the_terms_of_an_operator(strength: Any, amount: float) -> None:
    """Order two until the register's error, which its forecast bounds."""
    rows = [miss(qd.Schrodingerised(7, n), strength, amount) for n in (2, 4)]
    assert np.log2(rows[0][0] / rows[1][0]) == pytest.approx(2, abs=0.2)
    assert abs(rows[1][1]) < 1e-3
    assert rows[1][2] == pytest.approx(rows[1][3], rel=1e-3)


@pytest.mark.parametrize("method", [qd.ProbabilisticITE(1.0, 40, block="exact"), qd.Schrodingerised(9, 40)])
@pytest.mark.parametrize("operator", [True, False])
def test_the_norm_is_right_where_the_strength_changes_its_sign(operator: bool, method: Any) -> None:
    """Each factor takes away what its own sign asks for: not the least energy of the whole integral."""
    ask: dict[str, Any] = {"strength": qd.Linear(1.0, -0.5), "clock": "imaginary", "duration": 0.8}
    if operator:
        problem = qd.Problem.from_operator({"ZZ": -1, "XI": 0.4, "IY": 0.3, "II": 0.2}, initial="01", **ask)
    else:
        tilted = qd.Gaussian(0.3, 0.6)
        problem = qd.Problem(
            qd.Grid((-2, 2), 3), lambda w: w[:, 0] ** 2 + 0.3 * w[:, 0] - 1, 0.3, initial=tilted, **ask
        )
    exact = qd.evolve(problem, qd.Exact(), save=[0, 0.5, 0.8]).log_norm
    run = qd.evolve(problem, method, backend="statevector", save=[0, 0.5, 0.8])
    assert np.abs(exact).max() > 0.02
    assert run.log_norm == pytest.approx(exact, abs=2e-3)
    assert run.diagnostics["success_predicted"] == pytest.approx(run.diagnostics["success_probability"], rel=1e-4)


def test_the_law_of_a_thermal_state_is_exact() -> None:
    """Diagonal of the density matrix (bits not mirrored), energy, ``log Z``, and the share that exact factors keep."""
    beta, h = 0.8, 1.3 * matrix(TERMS)
    problem = qd.Problem.from_operator(TERMS, clock="real", duration=9.0, strength=1.3)
    rho = expm(-beta * h)
    z = float(np.trace(rho).real)
    found = thermal(problem, beta)
    law = np.diag(rho).real / z
    assert found.probabilities.reshape(-1) == pytest.approx(law, abs=1e-12)
    assert abs(law - law.reshape(2, 2, 2).transpose().reshape(-1)).max() > 0.01
    assert found.log_partition == pytest.approx(np.log(z), abs=1e-12)
    assert found.energy is not None
    assert float(found.energy.value) == pytest.approx(np.trace(h @ rho).real / z, abs=1e-12)
    several = thermal(problem, beta, steps=24)
    assert several.success_probability == pytest.approx(found.success_probability, rel=1e-3)
    assert several.log_partition == pytest.approx(np.log(z), abs=1e-4)


ROUTES = {
    "blocks": {"backend": "statevector", "steps": 8},
    "shots": {"backend": "aer", "steps": 8, "shots": 20_000, "seed": 2},
    "krylov": {"method": qd.Krylov()},
    "register": {"method": qd.Schrodingerised(7, 8)},
    "qite": {"method": qd.QITE(4, 12)},
}


SLOW = ("qite",)


@pytest.mark.parametrize("route", [pytest.param(r, marks=[pytest.mark.slow] * (r in SLOW)) for r in ROUTES])
def test_every_route_to_a_thermal_state(route: str) -> None:
    """Energy and ``log Z`` within three standard errors, beside what the steps miss."""
    terms = {"ZI": 0.7, "XY": -0.5, "IX": 0.4, "YI": 0.3}
    beta, h = 1.1, matrix(terms)
    rho = expm(-beta * h)
    z = float(np.trace(rho).real)
    found = thermal(qd.Problem.from_operator(terms, clock="imaginary", duration=1.0), beta, **ROUTES[route])  # type: ignore[arg-type]
    energy = found.energy
    assert energy is not None
    wanted = float(np.trace(h @ rho).real / z)
    assert abs(wanted) > 0.5
    steps = 0.02 if route == "qite" else 2e-3
    assert abs(float(energy.value) - wanted) < steps + 3 * float(energy.stderr)
    assert abs(found.log_partition - np.log(z)) < steps + 3 * found.log_partition_stderr
    assert found.probabilities.reshape(-1) == pytest.approx(np.diag(rho).real / z, abs=0.02)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"collapse": "alternate"},
        pytest.param({"backend": "statevector", "collapse": "alternate"}, marks=pytest.mark.slow),
        pytest.param(
            {"backend": "aer", "shots": 2000, "method": qd.ProbabilisticITE(1.0, 3, block="exact")},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_metts_of_an_operator(options: dict[str, Any], tmp_path: Path) -> None:
    """Law and thermal energy, in the computational basis and by turns in that of X; the chain is kept, and is of its operator only."""
    tau = 0.4
    problem = qd.Problem.from_operator(TERMS, clock="imaginary", duration=1.0)
    rho = expm(-2 * tau * matrix(TERMS))
    law, wanted = np.diag(rho).real / np.trace(rho).real, float(np.trace(matrix(TERMS) @ rho).real / np.trace(rho).real)
    chain = qd.metts(problem, tau, 2000, seed=3, progress=False, **options)
    assert chain.stationary is not None
    assert chain.stationary.reshape(-1) == pytest.approx(law, abs=1e-12)
    assert chain.total_variation < 2.5 * chain.expected_total_variation
    assert abs(chain.detailed_balance.value) < 4 * chain.detailed_balance.stderr
    assert chain.energy is not None
    assert 0 < float(chain.energy.stderr) < 0.1
    assert abs(float(chain.energy.value) - wanted) < 3 * float(chain.energy.stderr)
    again = type(chain).load(chain.save(tmp_path / "chain"), problem)
    assert again.energy is not None
    assert float(again.energy.value) == float(chain.energy.value)
    other = qd.Problem.from_operator({**TERMS, "ZII": 0.31}, clock="imaginary", duration=1.0)
    with pytest.raises(qd.ProblemError, match="must be that of the chain, but its operator"):
        type(chain).load(tmp_path / "chain.npz", other)


def test_errors_of_measured_energies_count_by_their_visits() -> None:
    """Each start is measured once: the error of a mean over three visits of one and one of another is ``hypot(3 a, b) / 4``."""
    spins = qd.Problem.from_operator({"ZI": 0.7, "XX": -0.5, "IX": 0.4}, clock="imaginary", duration=0.3)
    method, device = qd.ProbabilisticITE(1.0, 2, block="exact"), qd.backend("ibm:aer")

    def measured(*index: int) -> tuple[float, float]:
        """The error from the shots, in the square, and the mean."""
        rows = np.repeat(np.array(index)[None], 2, axis=0)  # two steps of as many walkers
        found = energies_of(spins, qd.hamiltonian(spins), method, device, 50, rows, 7)
        energy = found.mean(1e9)  # of so many samples that nothing is unseen
        chain = error_of_chain(found.along) if np.ptp(found.along) > 0 else 0.0
        assert float(energy.stderr) == pytest.approx(np.hypot(chain, found.measured), abs=1e-6)
        return found.measured**2, float(energy.value)

    (first, low), (second, high) = measured(0, 0, 0, 0), measured(3, 3, 3, 3)
    both, mean = measured(0, 0, 0, 3)
    assert 1e-4 < first < 0.1
    assert both == pytest.approx((9 * first + second) / 16, rel=0.25)  # the second one has other samples there
    assert mean == pytest.approx((3 * low + high) / 4, abs=4 * np.sqrt(second) / 4)
    assert abs(high - low) > 0.1


RARE = [({"Z": -1}, 0.6, 800), ({"Z": -1, "X": 0.4}, 1.2, 100), ({"ZZ": -1, "IZ": -0.2, "XI": 0.1}, 1.0, 100)]


@pytest.mark.parametrize(("terms", "tau", "samples"), RARE)
def test_thermal_energies_have_room_for_starts_that_were_not_visited(
    terms: dict[str, float], tau: float, samples: int
) -> None:
    """Of 20 chains two errors hold at least 18 truths, where walkers that all sit in one state have no spread of their own."""
    problem = qd.Problem.from_operator(terms, clock="imaginary", duration=1.0)
    h = matrix(terms)
    rho = expm(-2 * tau * h)
    wanted = float(np.trace(h @ rho).real / np.trace(rho).real)
    chains = [qd.metts(problem, tau, samples, seed=seed, progress=False) for seed in range(20)]
    energies = [chain.energy for chain in chains if chain.energy is not None]
    inside = [abs(float(e.value) - wanted) < 2 * float(e.stderr) for e in energies]
    assert sum(inside) >= 18
    assert min(float(e.stderr) for e in energies) > 1e-3
    stuck = sum(len(np.unique(chain.index)) < 2 ** len(next(iter(terms))) for chain in chains)
    assert stuck > 0, "a chain leaves a state out"


def test_energies_that_all_starts_share_are_exact() -> None:
    """Of X every bit evolves to the same energy, -tanh(2 tau)."""
    problem = qd.Problem.from_operator({"X": 1}, clock="imaginary", duration=1.0)
    energy = qd.metts(problem, 0.6, 100, seed=1, progress=False).energy
    assert energy is not None
    assert float(energy.stderr) == 0.0
    assert float(energy.value) == pytest.approx(-np.tanh(1.2), abs=1e-9)


def test_an_error_while_energies_are_measured_keeps_the_chain() -> None:
    """So few shots that some start keeps none: the samples, which had outcomes in stock, are there with the reason."""
    spin = qd.Problem.from_operator({"Z": 1.0, "X": 0.4}, clock="imaginary", duration=1.0)
    device, method = qd.backend(BasicSimulator()), qd.ProbabilisticITE(0.8, 4)
    chain = qd.metts(spin, 1.0, 4, seed=1, backend=device, shots=2, method=method, walkers=2, burn_in=0)
    assert chain.energy is None
    assert chain.samples.shape == (4, 1)
    assert chain.stop.startswith("Interrupted by an error after all 2 steps. The energies are not measured: Argument")
    assert "`shots` must be larger: none of 2 was kept" in chain.stop


def test_a_chain_without_shots_measures_each_energy_with_its_own_number_of_them() -> None:
    """4096 of each basis, and not all those that the chain has taken; more where few are kept."""
    spins = qd.Problem.from_operator({"Z": 0.7, "X": -0.5}, clock="imaginary", duration=0.3)
    method, device = qd.QITE(1, 1), qd.backend(BasicSimulator())
    chain = qd.metts(spins, 0.3, 12, seed=3, backend=device, method=method, walkers=6, burn_in=0, progress=False)
    assert chain.energy is not None
    assert chain.diagnostics["shots"] != 4096

    def along(index: np.ndarray, shots: int | None, rate: float = 1.0) -> list[float]:
        """The energies of a chain's points."""
        h = qd.hamiltonian(chain.problem)
        return energies_of(
            chain.problem, h, method, device, shots, index, chain.provenance["seed"], rate
        ).along.tolist()

    assert float(np.mean(along(chain.index, 4096))) == pytest.approx(float(chain.energy.value), abs=1e-12)
    one = chain.index[:1, :1]
    assert along(one, None, 0.01) == along(one, 10_000) != along(one, 4096)


@pytest.mark.slow
def test_six_qubits_by_every_route() -> None:
    """A random operator on six qubits: diagonalised, by exact blocks with shots, and by METTS in turned bases."""
    rng = np.random.default_rng(5)
    labels = ["".join(rng.choice(list("IXYZ"), 6)) for _ in range(14)]
    terms = {label: float(c) for label, c in zip(labels, 0.3 * rng.normal(size=14))}
    problem = qd.Problem.from_operator(terms, clock="imaginary", duration=1.0)
    beta, h = 0.9, matrix(terms)
    rho = expm(-beta * h)
    z = float(np.trace(rho).real)
    wanted = float(np.trace(h @ rho).real / z)
    assert float(thermal(problem, beta).log_partition) == pytest.approx(np.log(z), abs=1e-10)
    krylov = thermal(problem, beta, method=qd.Krylov())
    assert krylov.energy is not None
    assert float(krylov.energy.value) == pytest.approx(wanted, abs=1e-8)
    assert krylov.log_partition == pytest.approx(np.log(z), abs=1e-8)
    chain = qd.metts(problem, beta / 2, 4000, seed=4, collapse="alternate", progress=False)
    assert chain.energy is not None
    assert abs(float(chain.energy.value) - wanted) < 3 * float(chain.energy.stderr)
    shots = thermal(problem, beta, steps=4, backend="statevector", shots=40_000, seed=8)
    assert shots.energy is not None
    assert abs(float(shots.energy.value) - wanted) < 2e-3 + 3 * float(shots.energy.stderr)
    assert abs(shots.log_partition - np.log(z)) < 2e-3 + 3 * shots.log_partition_stderr
