"""Waves that are entangled with qubits on which no term acts: which of them QITE moves, and which it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods.imaginary.reach import check_reach
from qml_dynamics.model.operator_sum import OperatorSum
from qml_dynamics.model.pauli import PauliSum

BELL = np.array([1.0, 0.0, 0.0, 1.0]) / np.sqrt(2)
UP = np.array([1.0, 0.0])
LETTERS = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]]), "Z": np.diag([1, -1])}
NEAR = 1e-4  # of the error of 20 steps of second order, 3e-5, some times
PAIRS = {"IIXX": 1.0, "IIZI": 0.4}  # on one half of two Bell pairs
SPLIT = {"IIX": 1.0, "IIZ": 0.5}


def on(operator: Any, wave: Any, duration: float = 0.5) -> qd.Problem:
    start = wave if hasattr(wave, "vector") else qd.State(wave)
    return qd.Problem.from_operator(operator, clock="imaginary", duration=duration, initial=start)


def matrix(operator: dict[str, float]) -> np.ndarray:
    """The operator by Kronecker products."""
    out = 0
    for label, coefficient in operator.items():
        term = np.eye(1)
        for letter in label:
            term = np.kron(term, LETTERS[letter])
        out = out + coefficient * term
    return np.asarray(out)


def all_pairs(n: int) -> np.ndarray:
    """Qubit q of the low half with qubit q of the high half."""
    return np.eye(1 << n).reshape(-1) / np.sqrt(1 << n)


def off(operator: dict[str, float], wave: np.ndarray, method: qd.QITE) -> float:
    """How far the wave and its norm are from those of ``e^{-tau H}``; 1 where the exact wave has not moved."""
    cold = expm(-0.5 * matrix(operator)) @ wave
    norm = float(np.linalg.norm(cold))
    if abs(np.vdot(wave, cold)) / norm > 0.97:
        return 1.0
    run = qd.evolve(on(operator, wave), method)
    missed = 1 - abs(np.vdot(run.states[-1].reshape(-1), cold)) / norm
    return max(missed, abs(float(run.log_norm[-1]) - np.log(norm)))


@pytest.mark.parametrize("verb", [qd.evolve, qd.circuits, qd.cost])
def test_qite_is_refused_where_no_rotation_reaches_what_the_wave_is_entangled_with(verb: Any) -> None:
    """On one half of Bell pairs every angle is 0: the wave would stay as it is, and the answer be that of tau = 0."""
    words = "`domain_width` must be at least 4 for a wave that is entangled with qubits on which the operator does not act, but is 3"
    with pytest.raises(MethodError, match=words):
        verb(on(PAIRS, all_pairs(2)), qd.QITE(3, 2))


@pytest.mark.parametrize(
    ("operator", "wave", "width"),
    [
        (PAIRS, all_pairs(2), 4),
        ({"IXX": 1.0, "IZI": 0.4}, np.kron([0.6, 0.8j], [0.96, 0.0, 0.0, 0.28]), 2),
        (SPLIT, np.kron(BELL, UP), 1),
        (SPLIT, np.kron(BELL, UP), 2),
        ({"IIIIIX": 1.0, "IIIIIZ": 0.3, "XIIIII": 0.8}, np.kron(np.kron(BELL, [1, 0, 0, 0]), BELL), 2),
        ({"IIIX": 1.0, "IIIZ": 0.3, "IXII": 0.8, "IZII": 0.2}, np.kron(BELL, BELL), 3),
    ],
    ids=["partners inside", "product", "pair outside", "pair split", "a pair at either end", "two pairs"],
)
def test_qite_moves_what_its_domains_hold_the_partners_of(operator: Any, wave: np.ndarray, width: int) -> None:
    """Idle qubits outside of a domain may be entangled with whatever they like but with the qubits of the domain's own terms."""
    assert off(operator, wave, qd.QITE(width, 20)) < NEAR


def test_every_term_needs_its_partners() -> None:
    """Of two pairs at either end each is looked at by the domain of its own term; and one on its own half alone is not enough."""
    ends = np.kron(np.kron(BELL, [1, 0, 0, 0]), BELL)
    assert off({"IIIIIX": 1.0, "IIIIIZ": 0.3}, ends, qd.QITE(2, 20)) < NEAR
    with pytest.raises(MethodError, match="`domain_width` must be at least 2 for a wave"):
        qd.evolve(on({"IIIIIX": 1.0, "XIIIII": 0.8}, ends), qd.QITE(1, 2))


def test_classical_correlation_with_an_idle_qubit_counts_too() -> None:
    """Of a GHZ wave two qubits are not entangled, but the third holds which of them is up: 0 and 2 are no product without 1."""
    ghz = np.zeros(8)
    ghz[[0, 7]] = np.sqrt(0.5)
    with pytest.raises(MethodError, match="`domain_width` must be at least 3 for a wave"):
        qd.evolve(on({"IIZ": 1.0, "IIX": 0.5}, ghz), qd.QITE(2, 2))
    assert off({"IIZ": 1.0, "IIX": 0.5}, ghz, qd.QITE(3, 20)) < NEAR


def test_domains_joined_by_terms_are_looked_at_as_one() -> None:
    """The idle qubit 0 is the partner of 1; the term on 2 and 3 comes to it through that on 1 and 2, and its domain has 1."""
    wave = np.kron([1, 0, 0, 0], BELL)
    joined = {"IXXI": 1.0, "XXII": 0.5}
    with pytest.raises(MethodError, match="`domain_width` must be at least 4 for a wave"):
        qd.evolve(on(joined, wave), qd.QITE(3, 2))
    assert off(joined, wave, qd.QITE(4, 20)) < NEAR


def test_where_no_width_is_enough_another_method_is_named() -> None:
    """Four pairs take domains of eight qubits, above the six that there are; the method that is named runs."""
    operator = {"IIII" + label: 1.0 for label in ("XXII", "IXXI", "IIXX", "ZIII")}
    problem = on(operator, all_pairs(4))
    words = "^Argument `method` must be ProbabilisticITE or Schrodingerised for a wave that is entangled with so many qubits on which "
    with pytest.raises(
        MethodError, match=words + "the operator does not act, but is QITE, whose domains have at most 6 qubits.$"
    ):
        qd.evolve(problem, qd.QITE(6, 2))
    run = qd.evolve(problem, qd.ProbabilisticITE(1.0, 8, block="exact"))
    cold = expm(-0.5 * matrix(operator)) @ all_pairs(4)
    assert run.log_norm[-1] == pytest.approx(np.log(np.linalg.norm(cold)), abs=5e-3)


def test_amplitudes_in_single_precision_are_a_product_still() -> None:
    """Their rounding is no entanglement; an amplitude of 1e-4 is."""
    rng = np.random.default_rng(5)
    low, high = (rng.normal(size=8) + 1j * rng.normal(size=8) for _ in range(2))
    wave = np.kron(high / np.linalg.norm(high), low / np.linalg.norm(low)).astype(np.complex64)
    problem = on({"IIIXXI": 1.0, "IIIIZZ": 0.4}, wave)
    rest = wave.reshape(8, 8).astype(complex)
    assert np.linalg.svd(rest, compute_uv=False)[1] > 1e-9  # in double precision it is no product
    check_reach(problem, 3)
    bent = wave + 1e-4 * np.eye(8).reshape(-1)
    with pytest.raises(MethodError, match="`domain_width` must be at least 6"):
        check_reach(on({"IIIXXI": 1.0, "IIIIZZ": 0.4}, bent), 3)


@dataclass(frozen=True)
class OwnWave:
    """An initial wave of somebody else."""

    amplitudes: tuple[complex, ...]

    def vector(self, domain: Any) -> np.ndarray:
        return np.array(self.amplitudes, dtype=complex).reshape(domain.shape)


@pytest.mark.parametrize(
    "start",
    [OwnWave(tuple(all_pairs(2))), {"0000": 1.0, "0101": 1.0, "1010": 1.0, "1111": 1.0}],
    ids=["of a stranger", "sparse"],
)
def test_every_wave_is_looked_at(start: Any) -> None:
    """Whatever gives it, by its vector; and one of a stranger that is a product runs."""
    problem = qd.Problem.from_operator(PAIRS, clock="imaginary", duration=0.5, initial=start)
    with pytest.raises(MethodError, match="`domain_width` must be at least 4 for a wave"):
        qd.evolve(problem, qd.QITE(3, 2))
    product = OwnWave(tuple(np.eye(16)[0]))
    found = qd.evolve(on(PAIRS, product), qd.QITE(2, 20))
    cold = expm(-0.5 * matrix(PAIRS))[:, 0]
    assert found.log_norm[-1] == pytest.approx(np.log(np.linalg.norm(cold)), abs=1e-3)


@pytest.mark.parametrize("scheduled", [False, True])
def test_a_term_of_coefficient_0_acts_on_nothing(scheduled: bool) -> None:
    """The partners are as idle with it as without."""
    read = on(PAIRS, all_pairs(2)).operator
    assert isinstance(read, PauliSum)
    x, z, coefficients = (np.append(old, new) for old, new in ((read.x, 0), (read.z, 0b1100), (read.coefficients, 0.0)))
    strings = PauliSum(4, x, z, coefficients)
    assert strings.labels[-1] == "ZZII"
    problem = on(OperatorSum(((qd.Linear(1.0, 0.5), strings),)) if scheduled else strings, all_pairs(2))
    with pytest.raises(MethodError, match="`domain_width` must be at least 4 for a wave"):
        qd.evolve(problem, qd.QITE(3, 2))
