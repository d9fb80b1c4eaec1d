"""Zero-noise extrapolation by folding two-qubit gates, for whole distributions.

At the scale ``2k + 1`` every two-qubit gate G becomes ``G (G^-1 G)^k``: the same unitary with about ``2k + 1`` times the noise
(Giurgica-Tiron et al., arXiv:2005.10921). The outcome distributions at all scales are extrapolated to scale 0, once for the
weight basis and once for the dual basis; every expectation value follows from them. For the linear rule this is the
extrapolation of the expectation values themselves, since both are linear in the probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...base.errors import BackendError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_SELF_INVERSE = ("cx", "cz", "ecr", "swap", "cy", "ch", "ccx", "ccz", "cswap")


def folded(circuit: QuantumCircuit, scale: int) -> QuantumCircuit:
    """The compiled circuit with every gate on two or more qubits repeated ``scale`` times, forwards and backwards by turns.

    Only gates of the circuit's own set are used: a self-inverse gate is repeated; for ``rzz(a)`` the inverse is
    ``x rzz(a) x``, so that angles stay in the range that a device takes; other rotations are turned back.

    Raises:
        BackendError: a two-qubit gate has no inverse in the gate set.

    >>> from qiskit import QuantumCircuit
    >>> pair = QuantumCircuit(2); _ = pair.h(0); _ = pair.cx(0, 1)
    >>> folded(pair, 3).count_ops()["cx"]
    3
    """
    out = circuit.copy_empty_like()
    for instruction in circuit.data:
        gate, qubits = instruction.operation, instruction.qubits
        out.append(instruction)
        if len(qubits) < 2 or gate.name in ("barrier", "measure"):
            continue
        for _ in range((scale - 1) // 2):
            if gate.name in _SELF_INVERSE:
                out.append(instruction)
            elif gate.name == "rzz":
                out.x(qubits[0])
                out.append(instruction)
                out.x(qubits[0])
            elif hasattr(gate, "inverse") and (back := gate.inverse()).name == gate.name:
                out.append(back, qubits)
            else:
                raise BackendError(
                    f"Argument `zne` must have gates that can be folded, but the circuit has {gate.name!r}."
                )
            out.append(instruction)
    return out


def richardson(scales: Sequence[float]) -> np.ndarray:
    """Weights ``w`` of the least-squares straight line at scale 0: ``value(0) = sum w_i value(s_i)``.

    >>> richardson([1, 3])
    array([ 1.5, -0.5])
    """
    s = np.asarray(scales, dtype=float)
    centred = s - s.mean()
    out: np.ndarray = np.full(len(s), 1.0 / len(s)) - s.mean() * centred / (centred @ centred)
    return out


def extrapolated(
    scales: Sequence[int], distributions: Sequence[np.ndarray], shots: Sequence[float], kind: str = "linear"
) -> tuple[np.ndarray, float]:
    """The distribution at scale 0 (a quasi-distribution: it sums to 1, entries may be negative), and its equivalent shots.

    Args:
        scales: odd noise scales, the first of them 1.
        distributions: one for each scale, equal shapes.
        shots: how many samples stand behind each.
        kind: ``"linear"``, a straight line through each probability, or ``"exponential"``: all noise drives the
            distribution to the uniform one at a single rate, ``p_s - u = f^s (p_0 - u)``. The rate f is fitted to all outcomes
            and scales by weighted least squares, and ``p_0 - u`` is then the least-squares average of ``f^-s (p_s - u)``.

    Returns:
        Distribution, and the number of noiseless samples whose variance it has, so that standard errors stay honest. Linear:
        ``1 / sum_i (w_i^2 / shots_i)`` with the weights ``w_i`` of the scales; exponential: for the observable that suffers
        most from the uncertain rate.
    """
    p = np.array([np.asarray(d, dtype=float).reshape(-1) for d in distributions])
    n = np.asarray(shots, dtype=float)
    if kind == "linear":
        weights = richardson(scales)
        return weights @ p, float(1.0 / (weights**2 / n).sum())
    s, uniform = np.asarray(scales, dtype=float), 1.0 / p.shape[1]
    rate = _rate(s, p - uniform, n)
    powers, slopes = rate**s, s * rate ** (s - 1)
    strength = float(n @ powers**2)
    out = uniform + (n * powers / strength) @ (p - uniform)
    # The fitted rate is uncertain too, which matters most for the observable along p_0 - u itself: that worst case is added.
    pull = float(n @ (powers * slopes)) / strength
    information = float(n @ slopes**2) - pull**2 * strength
    return out, 1.0 / (1.0 / strength + pull**2 / information)


def _rate(scales: np.ndarray, gaps: np.ndarray, shots: np.ndarray) -> float:
    """The decay a scale unit that explains most: maximise ``|sum_s n_s f^s gap_s|^2 / sum_s n_s f^2s`` over f in (0, 1]."""
    from scipy.optimize import minimize_scalar

    def unexplained(f: float) -> float:
        """Minus the part of the squared gaps that the decay factor ``f`` a unit of scale explains."""
        powers = f**scales
        pooled = (shots * powers) @ gaps
        return -float(pooled @ pooled) / float(shots @ powers**2)

    grid = np.linspace(0.05, 1.0, 40)
    start = int(np.argmin([unexplained(f) for f in grid]))
    low, high = grid[max(0, start - 1)], grid[min(len(grid) - 1, start + 1)]
    return float(minimize_scalar(unexplained, bounds=(low, high), method="bounded", options={"xatol": 1e-6}).x)
