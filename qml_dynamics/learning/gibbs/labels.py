"""Softmax ``e^{-beta E_i} / Z`` and (quantum) sigmoid by one uniformly controlled rotation of an ancilla."""

from __future__ import annotations

import numpy as np

from ... import synthesis
from ...backends.base import BackendLike
from ...base.arguments import checks_arguments
from ...base.errors import MethodError, ProblemError, describe, one_of, real, require
from ...base.interrupts import whole
from ...base.numeric import Array, as_numbers
from ...methods.base import Method
from ...methods.evolution import evolve
from ...model.domains import Hypercube
from ...model.initial import State
from ...model.objectives.tables import from_table
from ...model.problem import Problem
from ...model.schedules import Constant
from .result import GibbsResult, Outcomes, circuit_of, from_run

READINGS = ("born", "population")
LABELS = 1 << 12


@checks_arguments
def softmax(
    energies: Array,
    beta: float,
    backend: BackendLike | None = None,
    shots: int | None = None,
    seed: int | None = None,
    reading: str = "born",
    method: Method | None = None,
) -> GibbsResult:
    """``softmax(-beta E)`` by one uniformly controlled rotation of an ancilla.

    Args:
        energies: finite numbers, one a label, at most 4096. A number of labels that is no power of two takes the next larger
            register, whose other states have no amplitude.
        beta: inverse temperature of the returned law in either reading, not negative.
        backend: a name or an object (None: ``"statevector"``).
        shots: samples, of which the kept ones give the law; None: exact probabilities.
        seed: of the samples; without shots it takes no part, with an ``UnusedArgumentWarning``.
        reading: ``"born"`` (``beta = 2 tau``) or ``"population"`` (``beta = tau``).
        method: an imaginary-time method, to have the law from :func:`evolve` on the label register instead; Born reading.

    Raises:
        ProblemError: no energies, an energy that is not a finite number, a negative beta.
        MethodError: no sample was kept, or the method does not fit.

    Source: quantum dynamic equation of learning, arXiv:2407.19890; uniformly controlled rotations, Mottonen et al., Phys.
    Rev. Lett. 93, 130502 (2004), arXiv:quant-ph/0404089.

    >>> softmax([0.3, 1.1, -0.4, 2.0], 1.7).probabilities.round(6).tolist()
    [0.217424, 0.055804, 0.714689, 0.012084]
    """
    levels, beta, reading = (
        _levels(energies),
        real(beta, "beta", nonnegative=True),
        one_of(reading, "reading", READINGS),
    )
    if method is not None:
        require(reading == "born", "reading", "be 'born' with a method", reading, MethodError)
        return _by_method(levels, beta, method, backend, shots, seed)
    lowest = float(levels.min())
    circuit = synthesis.gibbs.softmax_circuit(beta * (levels - lowest))
    law = Outcomes(circuit, len(levels), backend, shots, seed)
    offset = np.log(len(levels)) - beta * lowest
    return law.result(law.born(), reading, beta, _tau(beta, reading), offset)


@checks_arguments
def sigmoid(
    z: float,
    beta: float = 1.0,
    hopping: float = 0.0,
    backend: BackendLike | None = None,
    shots: int | None = None,
    seed: int | None = None,
    reading: str = "born",
) -> GibbsResult:
    """Two labels with energies 0 and -z: ``p_1 = sigmoid(beta z)``; with hopping D the quantum sigmoid.

    ``H = diag(0, -z) - D X`` from the uniform start. With ``a = sqrt(D^2 + z^2 / 4)``, ``nx = D / a``, ``nz = z / (2 a)``,
    ``c = cosh(a tau)``, ``s = sinh(a tau)``: ``p_1 = 1/2 [1 + (2 c s nz + 2 s^2 nx nz) / (c^2 + s^2 + 2 c s nx)]`` in the Born
    reading, which saturates at ``1/2 (1 + z / sqrt(z^2 + 4 D^2))``. In the population reading the law is ``psi / sum psi`` at
    ``tau = beta``: square roots of the kept frequencies.

    ``log_partition`` is ``log (2 <+|e^{-beta H}|+>)`` in the Born reading and ``log sum psi`` over ``sqrt(2) psi`` in the other; both are
    ``log (1 + e^{beta z})`` without hopping.

    Args:
        z: any finite number.
        beta: not negative.
        hopping: D, not negative.
        backend, shots, seed, reading: as for :func:`softmax`.

    >>> round(float(sigmoid(1.3, 1.6, hopping=0.5).probabilities[1]), 6)
    0.80318
    """
    z, beta = real(z, "z"), real(beta, "beta", nonnegative=True)
    d, reading = real(hopping, "hopping", nonnegative=True), one_of(reading, "reading", READINGS)
    if d == 0:
        return softmax([0.0, -z], beta, backend, shots, seed, reading)
    tau = 0.5 * beta if reading == "born" else beta
    a = float(np.hypot(d, 0.5 * z))
    circuit = synthesis.gibbs.two_level_circuit(0.5 * z, d, 2 * a * tau)
    law = Outcomes(circuit, 2, backend, shots, seed)
    top = tau * (a + 0.5 * z)  # minus the lower energy, times tau
    if reading == "born":
        return law.result(law.born(), reading, beta, tau, np.log(2.0) + 2 * top)
    return law.population(beta, tau, top)


def _tau(beta: float, reading: str) -> float:
    return 0.5 * beta if reading == "born" else beta


def _levels(energies: Array) -> np.ndarray:
    try:
        levels = as_numbers(energies)
    except Exception:  # of any kind: the person's own object makes the array
        raise ProblemError(f"Argument `energies` must be numbers, but is {describe(energies)}.") from None
    require(levels.ndim == 1 and levels.size > 0, "energies", "be a list of at least one number", energies)
    require(levels.size <= LABELS, "energies", f"have at most {LABELS} labels", levels.size)
    bad = np.flatnonzero(~np.isfinite(levels))
    require(
        not bad.size, "energies", "be finite", f"of entry {levels[bad[0]] if bad.size else 0} at {bad[:1].tolist()}"
    )
    with np.errstate(over="ignore"):
        reach = float(levels.max() - levels.min())
    require(bool(np.isfinite(reach)), "energies", "differ by a finite number", energies)
    return levels


def _by_method(
    levels: np.ndarray, beta: float, method: Method, backend: BackendLike | None, shots: int | None, seed: int | None
) -> GibbsResult:
    """The law from ``evolve`` on the label register: no hopping, ``tau = beta / 2``, uniform over the labels."""
    require(beta > 0, "beta", "be positive with a method", beta)
    bits = max(1, (len(levels) - 1).bit_length())
    padded = np.full(1 << bits, levels.max())
    padded[: len(levels)] = levels
    cube = Hypercube(bits)
    start = np.zeros(1 << bits)
    start[: len(levels)] = 1.0
    problem = Problem(
        cube, from_table(padded, cube), Constant(0.0), clock="imaginary", duration=0.5 * beta, initial=State(start)
    )  # fmt: skip
    run = whole(evolve(problem, method, backend=backend, shots=shots, seed=seed, save=[0.5 * beta]))
    law = run.density[-1].reshape(-1)[: len(levels)]
    return from_run(run, law, beta, len(levels), circuit_of(problem, method), shots)
