"""The engine against dense matrix exponentials and finite differences, for every kind of gate and every way to store rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods.variational.engine import tangent, threads
from qml_dynamics.methods.variational.engine.gates import (
    Angles,
    Curved,
    Diagonal,
    Dual,
    Fixed,
    Gate,
    PauliRotation,
    Program,
    Rotation,
    pauli_matrix,
)
from qml_dynamics.methods.variational.engine.locals import embed
from qml_dynamics.methods.variational.engine.runs import transform_rows
from qml_dynamics.methods.variational.engine.tangent import Engine
from qml_dynamics.model.domains import Grid, Hypercube

CX = np.eye(4, dtype=complex)[[0, 3, 2, 1]]
HADAMARD = np.array([[1, 1], [1, -1]], dtype=complex) / np.sqrt(2)


def unitary(rng: np.random.Generator, d: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d)))[0]


def hermitian(rng: np.random.Generator, d: int) -> np.ndarray:
    a = rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))
    return (a + a.conj().T) / 2


def random_gate(rng: np.random.Generator, kind: int, n: int, domain: Grid | Hypercube, slot: int) -> Gate:
    pair = tuple(rng.permutation(n)[:2].tolist())
    if kind == 0:
        return Fixed(pair, CX)
    if kind == 1:
        return PauliRotation(1 << pair[0], 1 << pair[0], 0.5, slot)
    if kind == 2:
        return PauliRotation(1 << pair[0], (1 << pair[0]) | (1 << pair[1]), 0.5, slot)
    if kind == 3:
        return Fixed(pair[:1], HADAMARD)
    if kind == 4:
        return Fixed(pair, unitary(rng, 4))
    if kind in (5, 6):
        few = pair[: kind - 4]
        return Rotation(few, hermitian(rng, 1 << len(few)), slot)
    if kind == 7:
        return PauliRotation(int(rng.integers(1 << n)), int(rng.integers(1 << n)), 0.5, slot)
    if kind == 8:
        return Diagonal(rng.normal(size=1 << n), slot)
    if kind == 9:
        return Dual(domain.dual.reshape(-1) / domain.dual.max(), slot)
    if kind == 10:
        return Rotation(pair, np.diag(rng.normal(size=4)).astype(complex), slot)
    return Fixed(tuple(rng.permutation(n)[: min(n, 5)].tolist()), unitary(rng, 1 << min(n, 5)))


def random_program(seed: int, real: bool = False, shared: bool = False) -> Program:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 6))
    domain = [Grid([(-2, 3), (0, 1)], (n - 2, 2)), Grid((-2, 1), n, boundary="walls"), Hypercube(n)][seed % 3]
    gates: list[Gate] = []
    slot = 0
    for _ in range(24):
        gates.append(random_gate(rng, int(rng.integers(4 if real else 12)), n, domain, slot))
        slot += not isinstance(gates[-1], Fixed)
    angles, count = Angles.direct(slot), slot
    if shared:
        count = slot // 2 + 1
        rows = [
            {int(k): float(rng.normal()) for k in rng.permutation(count)[: rng.integers(0, 3)]} for _ in range(slot)
        ]
        angles = Angles.affine(rng.normal(size=slot).tolist(), rows, count)
    start = rng.normal(size=1 << n) + (0 if real else 1j) * rng.normal(size=1 << n)
    wave = (start / np.linalg.norm(start)).astype(complex) if seed % 2 else None
    return Program(n, tuple(gates), angles, rng.normal(size=count), ("a",) * count, wave, domain)


def dense_state(program: Program, theta: np.ndarray) -> np.ndarray:
    n, (phi, _) = program.num_qubits, program.angles(theta)
    psi = np.eye(1 << n, dtype=complex)[0] if program.start is None else program.start.copy()
    for gate in program.gates:
        if isinstance(gate, Fixed):
            psi = embed(gate.matrix, gate.qubits, n) @ psi
        elif isinstance(gate, Rotation):
            psi = embed(expm(-1j * phi[gate.slot] * gate.generator), gate.qubits, n) @ psi
        elif isinstance(gate, PauliRotation):
            psi = expm(-1j * phi[gate.slot] * gate.scale * pauli_matrix(gate.x, gate.z, range(n))) @ psi
        elif isinstance(gate, Diagonal):
            psi = np.exp(-1j * phi[gate.slot] * gate.values) * psi
        else:
            dual = transform_rows(program.domain, psi[None]) * np.exp(-1j * phi[gate.slot] * gate.values)
            psi = transform_rows(program.domain, dual, inverse=True)[0]
    return psi


def slope(program: Program, theta: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """By differences of order four: their step may be so wide that rounding, divided by it, stays below 1e-9."""
    h, at = 1e-3, [dense_state(program, theta + k * 1e-3 * direction) for k in (-2, -1, 1, 2)]
    return (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h)


def check(program: Program) -> None:
    theta = program.theta0
    engine = Engine(program)
    psi = dense_state(program, theta)
    np.testing.assert_allclose(engine.state(theta), psi, atol=1e-12)
    slopes = np.array([slope(program, theta, d) for d in np.eye(len(theta))]).reshape(len(theta), -1)
    tangents = slopes - np.outer(slopes @ psi.conj(), psi)
    rng = np.random.default_rng(3)
    v = rng.normal(size=psi.size) + 1j * rng.normal(size=psi.size)
    v -= np.vdot(psi, v) * psi
    engine.forward(theta)
    found = engine.geometry(v)
    scale = max(1.0, float(np.abs(tangents).max()) ** 2)
    np.testing.assert_allclose(found.metric, (tangents.conj() @ tangents.T).real, atol=1e-8 * scale)
    np.testing.assert_allclose(found.force, (tangents.conj() @ v).real, atol=1e-8 * scale)
    x = rng.normal(size=len(theta))
    np.testing.assert_allclose(engine.push_forward(x)[0], x @ tangents, atol=1e-7 * scale)
    np.testing.assert_allclose(engine.push_forward(x)[1], np.vdot(psi, x @ slopes).imag, atol=1e-7 * scale)
    np.testing.assert_allclose(engine.cross(v[None])[0], (v.conj() @ tangents.T).real, atol=1e-7 * scale)
    assert np.abs(found.metric).max() > 1e-3


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("shared", [False, True])
def test_geometry_equals_finite_differences(seed: int, shared: bool) -> None:
    program = random_program(seed, shared=shared)
    check(program)
    assert len(program.theta0) > 0


@pytest.mark.parametrize("seed", range(6))
def test_real_ansatz_runs_in_real_arithmetic(seed: int) -> None:
    program = random_program(seed, real=True)
    assert Engine(program).rows.dtype == float
    check(program)


@pytest.mark.parametrize("seed", range(8))
def test_rows_in_pieces_and_gram_in_pieces(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tangent, "_TWIN", 1)
    monkeypatch.setattr(tangent, "_PIECE", 64)
    monkeypatch.setattr(threads, "_controller", lambda: None)
    monkeypatch.setattr(threads, "_SINGLE", 2000)
    program = random_program(seed, shared=bool(seed % 2))
    assert not Engine(program).twin
    check(program)


def test_curved_angles_by_the_chain_rule() -> None:
    bend = Curved(
        1, (0, 1), lambda t: float(np.sin(t[0]) * t[1]), lambda t: [float(np.cos(t[0]) * t[1]), float(np.sin(t[0]))]
    )
    flat = Angles.affine([0.3, 0.0], [{0: 2.0}, {0: 0.0, 1: 0.0}], 2)
    angles = Angles(2, flat.constant, flat.slot, flat.parameter, flat.weight, (bend,))
    gates = (PauliRotation(0b01, 0b01, 0.5, 0), Fixed((0, 1), CX), PauliRotation(0b10, 0b00, 0.5, 1))
    program = Program(2, gates, angles, np.array([0.7, -1.1]), ("a", "b"))
    check(program)
    moved = dense_state(program, np.array([0.7, -0.6])) - dense_state(program, program.theta0)
    assert np.linalg.norm(moved) > 0.01  # the curved angle depends on the second parameter


def test_a_parameter_without_effect_has_no_row_in_the_metric() -> None:
    gates = (PauliRotation(1, 1, 0.5, 0),)
    program = Program(1, gates, Angles.affine([0.0], [{1: 3.0}], 2), np.array([0.4, 0.2]), ("idle", "used"))
    engine = Engine(program)
    engine.forward(program.theta0)
    metric = engine.geometry(np.zeros(2, dtype=complex)).metric
    np.testing.assert_allclose(metric, [[0, 0], [0, 9 / 4]], atol=1e-11)
    assert metric.shape == (2, 2)


def test_too_large_an_ansatz_is_refused_before_it_is_allocated() -> None:
    gates = tuple(PauliRotation(1, 1, 0.5, s) for s in range(4000))
    program = Program(29, gates, Angles.direct(4000), np.zeros(4000), ("t",) * 4000)
    with pytest.raises(MethodError, match="4000 parameters on 29 qubits needs"):
        Engine(program)
