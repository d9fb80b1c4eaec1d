"""Thermal laws ``<w|e^{-beta H}|w> / Z`` of a problem, by imaginary time ``beta / 2`` on one half of Bell pairs."""

from __future__ import annotations

import numpy as np

from ...backends import opened as find_backend
from ...backends.base import BackendLike
from ...base.arguments import checks_arguments
from ...base.errors import MethodError, integer, real, require
from ...base.estimate import Estimate, share_error
from ...base.interrupts import whole
from ...methods.base import Method
from ...methods.evolution import evolve
from ...methods.gate import check_ranges
from ...methods.imaginary.laws import pauli_bound
from ...methods.imaginary.options import ProbabilisticITE
from ...methods.imaginary.purification import purified
from ...methods.variational.run import bound_circuit
from ...model.axes import need_binary
from ...model.domains import Hypercube
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian, hamiltonian
from ...model.initial import State
from ...model.pauli import pauli_sum
from ...model.problem import Problem, at_time, need_waves
from ...model.schedules import Constant
from .result import GibbsResult, circuit_of, from_run, law_errors, one_seed, warn_of_seed

_PAIRS, _DENSE = 6, 10  # qubits of a register beside its partners, and of one that is diagonalised


@checks_arguments
def thermal(
    problem: Problem,
    beta: float,
    steps: int | None = None,
    backend: BackendLike | None = None,
    shots: int | None = None,
    seed: int | None = None,
    method: Method | None = None,
    time: float | None = None,
) -> GibbsResult:
    """``<w|e^{-beta H}|w> / Z`` by purification: imaginary time ``beta / 2`` on one half of Bell pairs.

    The factors of ``steps`` Strang steps are exact blocks of :class:`ProbabilisticITE` with ``m0 = 1``, so that the error is the
    splitting's, of order two; without diffusion there is none. The Hamiltonian is that at ``time``.

    Args:
        problem: of a loss or an operator; its clock and initial wave do not matter.
        beta: inverse temperature, positive.
        steps: Strang steps in ``beta / 2`` (None: 16); a method has its own.
            Of an operator without backend, method and steps the law, the energy and ``log Z`` are exact, by diagonalisation up to 10
            qubits; else the factors are the exact blocks of :class:`ProbabilisticITE`, one for each Pauli string, up to 6 qubits.
        backend: None (the same factors by the classical transform), an exact backend (blocks are projected one by one), or one
            that measures in the middle of circuits, or, for few blocks, any (one ancilla a block).
        shots, seed: as for :func:`softmax`.
        method: a method of imaginary time that runs operators on the register and its partners instead of the blocks, such as
            ``Variational(boltzmann.Purified(qubits), steps)``; up to 6 qubits.
        time: at which schedules are taken, within the duration (None: 0); to be given where terms of an operator have schedules of
            their own.

    Raises:
        ProblemError: beta is not positive, the problem is on the classical clock, an operator has too many qubits, or ``time`` is missing
            or not within the duration.

    >>> from qml_dynamics import Hypercube, Problem
    >>> spins = Problem(Hypercube(2), lambda w: w[:, 0] - 0.5 * w[:, 0] * w[:, 1], 0.0, clock="imaginary", duration=1.0)
    >>> energies = spins.objective.on(spins.domain)
    >>> bool(abs(thermal(spins, 1.2).probabilities - np.exp(-1.2 * energies) / np.exp(-1.2 * energies).sum()).max() < 1e-12)
    True
    >>> bond = Problem.from_operator({"ZZ": -1.0, "XI": 0.4, "IY": 0.3}, clock="imaginary", duration=1.0)
    >>> levels = np.linalg.eigvalsh(bond.operator.matrix())
    >>> bool(abs(thermal(bond, 1.5).log_partition - np.log(np.exp(-1.5 * levels).sum())) < 1e-12)
    True
    """
    beta = real(beta, "beta", positive=True)
    require(steps is None or method is None, "steps", "be None with a method, which has its own", steps, MethodError)
    given = steps is not None
    steps = integer(16 if steps is None else steps, "steps", 1, 10**5, MethodError)
    shots = None if shots is None else integer(shots, "shots", 1, 10**9, MethodError)
    need_binary(problem.domain, "problem")
    problem = at_time(need_waves(problem), time)
    h = hamiltonian(problem)
    check_ranges(problem.replace(clock="imaginary", duration=0.5 * beta), h, "beta")
    if isinstance(h, PauliHamiltonian) and method is None:
        if backend is None and not given and shots is None:
            warn_of_seed(seed, 3)
            return _diagonalised(h, beta)
        method = ProbabilisticITE(1.0, steps, block="exact", floor=0.0)
    if method is not None:
        return _thermal_by_method(h, beta, method, backend, shots, seed)
    assert isinstance(h, LearningHamiltonian)
    device = None if backend is None else find_backend(backend)
    if shots is None:
        warn_of_seed(seed, 3)
    seen = purified(problem, h, beta, steps, device, shots, one_seed(seed))
    law, success, kept = seen.law, seen.success, seen.kept
    d, s = h.coefficients(0.0)
    floor = d * float(h.dual.min()) + (s * float(h.zeta.min()) if s >= 0 else s * float(h.zeta.max()))
    offset = float(np.log(problem.domain.size)) - beta * floor
    error = 0.0 if shots is None else float(share_error(success, shots))
    return GibbsResult(
        law, law_errors(law, kept), float(np.log(success)) + offset, success, seen.circuit, "born", beta, 0.5 * beta,
        error / success, error, shots, kept,
    )  # fmt: skip


def _diagonalised(h: PauliHamiltonian, beta: float) -> GibbsResult:
    """``<w|e^{-beta H}|w> / Z``, the energy and ``log Z`` from all levels of an operator."""
    require(h.num_qubits <= _DENSE, "problem", f"have at most {_DENSE} qubits without a method", h.num_qubits)
    energies, modes = np.linalg.eigh(h.matrix(0.0))
    weights = np.exp(-beta * (energies - energies[0]))
    z = float(weights.sum())
    law = (np.abs(modes) ** 2) @ weights / z
    log_z = float(np.log(z)) - beta * float(energies[0])
    success = float(np.exp(log_z - np.log(h.domain.size) + beta * pauli_bound(h.at(0.0))))
    return GibbsResult(
        law.reshape(h.domain.shape), np.zeros(h.domain.shape), log_z, success, None, "born", beta, 0.5 * beta,
        energy=Estimate(float(weights @ energies) / z),
    )  # fmt: skip


def _thermal_by_method(
    h: Hamiltonian,
    beta: float,
    method: Method,
    backend: BackendLike | None,
    shots: int | None,
    seed: int | None,
) -> GibbsResult:
    """The law of the register from ``evolve`` of ``H (x) 1`` on Bell pairs; the register is the low half of the qubits."""
    n, size = h.num_qubits, h.domain.size
    require(n <= _PAIRS, "problem", f"have at most {_PAIRS} qubits with a method", n)
    wide = (h.at(0.0) if isinstance(h, PauliHamiltonian) else pauli_sum(h.matrix(0.0))).on(2 * n)
    pairs = State(np.eye(size).reshape(-1))
    problem = Problem(
        Hypercube(2 * n), None, Constant(0.0), clock="imaginary", duration=0.5 * beta, initial=pairs, operator=wide
    )
    run = whole(evolve(problem, method, backend=backend, shots=shots, seed=seed, save=[0.5 * beta]))
    law = run.density[-1].reshape(size, size).sum(axis=0).reshape(h.domain.shape)
    made = circuit_of(problem, method)
    if made is None:
        made = bound_circuit(run)
    return from_run(run, law, beta, size, made, shots)
