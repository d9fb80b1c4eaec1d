"""The forward process ``p_t = psi0 e^{-t H_W} phi_0`` as circuits: gates, success probability, and the density from the outcomes.

A module of its own beside `model`: the forward process on a backend, where `model` reads waves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ... import synthesis
from ...backends import Backend
from ...backends import opened as find_backend
from ...backends.base import BackendLike, capabilities
from ...base.errors import MethodError, check_memory, describe, integer, require
from ...base.estimate import share_error
from ...base.interrupts import whole
from ...methods.base import Method
from ...methods.evolution import evolve
from ...methods.imaginary.device import continued, selection
from ...methods.imaginary.options import PostSelected, ProbabilisticITE
from ...methods.imaginary.selected import forecast, post_selected
from ...results.trajectory import Trajectory
from .condition import Condition
from .modes import Fitted, mode_circuit, mode_density
from .witten import Landscape, Source

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

FRESH = 12  # ancillas of one circuit that are measured at its end
DEFAULT = ProbabilisticITE(1.0, 4, order=2, block="exact")


@dataclass(frozen=True, eq=False)
class CircuitLaw:
    """The density of the forward process as circuits give it.

    Attributes:
        time: t.
        density: ``p_t ~ psi0 sqrt(kept frequency)`` on the grid, adding up to 1.
        stderr: of the density; 0 for exact results.
        born: the kept frequencies themselves, ``phi_t^2``; for ``"modes"`` over the modes.
        success_probability, success_stderr: share of the samples that are kept, filter included.
        success_predicted: known before the run.
        shots, kept: samples taken and kept (None for exact results).
        qubits: of the circuit, ancillas included (one, where it is measured and used again).
    """

    time: float
    density: np.ndarray
    stderr: np.ndarray
    born: np.ndarray
    success_probability: float
    success_stderr: float
    success_predicted: float
    shots: int | None
    kept: int | None
    qubits: int

    def __str__(self) -> str:
        how = "exact" if self.shots is None else f"{self.kept} of {self.shots} shots kept"
        return (
            f"forward process at t = {self.time:g}, {how}: success probability {self.success_probability:.4g} "
            f"(predicted {self.success_predicted:.4g}), {self.qubits} qubits"
        )


def forward_circuit(
    model: Fitted, t: float, method: Method | str | None, condition: Condition | None
) -> QuantumCircuit:
    """What a device would run, unmeasured; see :meth:`Diffusion.circuit`."""
    if isinstance(method, str):
        return mode_circuit(model, t, method, condition).circuit
    chosen = post_selected(DEFAULT if method is None else method, " or 'modes'")
    phi, _, keep = model.conditioned(condition)
    problem, h = model.land.problem(phi, t), model.land.hamiltonian(t)
    plan = forecast(problem, h, chosen, [0.0, t])
    if keep is None:
        return selection(problem, h, plan, np.array([t]), False).circuits[0]
    data = model.land.problem(model.start, t)
    start = synthesis.states.filtered(synthesis.states.prepare(data.initial, model.domain), keep.values)
    return continued(start, model.domain, problem, h, plan)


def run_forward(
    model: Fitted,
    t: float,
    method: Method | str | None,
    backend: BackendLike | None,
    shots: int | None,
    seed: int | None,
    condition: Condition | None,
) -> CircuitLaw:
    """Run it; see :meth:`Diffusion.run`."""
    if isinstance(method, str):
        return _run_modes(model, t, method, backend, shots, seed, condition)
    chosen = post_selected(DEFAULT if method is None else method, " or 'modes'")
    phi, _, keep = model.conditioned(condition)
    device = find_backend(backend if backend is not None else "statevector")
    can = capabilities(device)
    if keep is not None and (shots is not None or not can.exact):
        return _run_whole(model, t, chosen, device, shots, seed, condition)
    problem = model.land.problem(phi, t)
    share = 1.0 if keep is None else filter_share(model.start, keep.values)
    plan = forecast(problem, model.land.hamiltonian(t), chosen, [0.0, t])
    run = whole(evolve(problem, chosen, backend=device, shots=shots, seed=seed, save=[t]))
    kept = None if run.counts is None else int(run.counts["weight"][-1].shots)
    rate = share * _rate(run, chosen) if shots is None or kept is None else kept / shots
    one = can.exact or (shots is not None and can.midway)
    blocks = 1 if one or not plan.blocks else plan.blocks[-1]
    width = model.domain.num_qubits + chosen.ancillas(blocks)
    predicted = share * float(plan.success[-1])
    return _law(model, t, run.density[-1], rate, predicted, shots, kept, width + (keep is not None))


def _rate(run: Trajectory, method: PostSelected) -> float:
    """The share of the samples that a run without shots would keep.

    Raises:
        MethodError: the method does not tell it.
    """
    told = run.diagnostics.get("success_probability")
    if told is None:
        raise MethodError(
            "Argument `method` must report `success_probability` in the diagnostics of its runs, as PostSelected says, but "
            f"{describe(method)} does not."
        )
    return float(np.ravel(told)[-1])


def _law(
    model: Fitted,
    t: float,
    born: np.ndarray,
    rate: float,
    predicted: float,
    shots: int | None,
    kept: int | None,
    width: int,
) -> CircuitLaw:
    density, stderr = read_density(born, model.land.root, kept)
    error = 0.0 if shots is None else float(share_error(rate, shots))
    return CircuitLaw(t, density, stderr, born, rate, error, predicted, shots, kept, width)


def _run_whole(
    model: Fitted,
    t: float,
    method: PostSelected,
    device: Backend,
    shots: int | None,
    seed: int | None,
    condition: Condition | None,
) -> CircuitLaw:
    """The circuit with its filter, as it is: an ancilla for the filter and one for each block, or the p register."""
    phi, _, keep = model.conditioned(condition)
    assert keep is not None
    plan = forecast(model.land.problem(phi, t), model.land.hamiltonian(t), method, [0.0, t])
    if plan.blocks and plan.blocks[-1] > FRESH:
        raise MethodError(
            f"Argument `steps` must be smaller with a condition: {plan.blocks[-1]} ancillas would be measured at the end, and "
            f"at most {FRESH} are taken."
        )
    circuit, base = forward_circuit(model, t, method, condition), model.domain.num_qubits
    check_memory(64 << circuit.num_qubits, f"A circuit of {circuit.num_qubits} qubits")
    index, count = outcomes(device, circuit, shots, seed)
    filtered, rest = index >> base & 1, index >> (base + 1)
    inside = (filtered == 0) & (rest == 0 if plan.register is None else plan.register.kept[rest])
    born = np.bincount(index[inside] & (model.domain.size - 1), weights=count[inside], minlength=model.domain.size)
    total = float(born.sum())
    predicted = filter_share(model.start, keep.values) * float(plan.success[-1])
    require(total > 0, "shots", f"be larger: none was kept, where {predicted:.1e} of them are", shots, MethodError)
    kept = None if shots is None else round(total)
    law = (born / total).reshape(model.domain.shape)
    return _law(model, t, law, total / (shots or 1), predicted, shots, kept, circuit.num_qubits)


def method_waves(land: Landscape, method: Method, backend: BackendLike | None) -> Source:
    """Waves at descending times from any method on the imaginary clock, circuits too; the run is cut at each of them.

    Where a backend gives probabilities but no amplitudes, the wave is their root: it is positive.
    """

    def source(phi: np.ndarray, times: Sequence[float]) -> Iterator[np.ndarray]:
        """The real waves, of positive sum, at each of the times, from the initial wave ``phi``."""
        saves = np.unique(times)
        problem = land.problem(phi, float(saves[-1]))
        run = whole(evolve(problem, method, backend=backend, save=saves, progress=False))
        for t in times:
            i = int(np.argmin(np.abs(run.times - t)))
            wave = np.sqrt(run.density[i]) if run.states is None else run.states[i].real
            yield wave * np.sign(wave.sum())

    return source


def outcomes(
    device: Backend, circuit: QuantumCircuit, shots: int | None, seed: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes of a circuit and how often each came; without shots all of them and their probabilities."""
    if shots is None:
        law = np.asarray(device.probabilities([circuit])[0])
        return np.arange(law.size), law
    if seed is not None:
        seed = integer(seed, "seed", 0, 2**128, MethodError)
    one = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(2))
    seen = device.sample([circuit], integer(shots, "shots", 1, 10**9, MethodError), [one])[0]
    return seen.index, seen.count


def filter_share(phi: np.ndarray, h: np.ndarray) -> float:
    """Probability that the filter's ancilla reads 0: it acts on the wave, not on the density."""
    return float(((phi * h) ** 2).sum() / (phi**2).sum())


def read_density(born: np.ndarray, root: np.ndarray, kept: int | None) -> tuple[np.ndarray, np.ndarray]:
    """``psi0 sqrt(frequency)`` normalised, and its standard error by the delta method.

    With ``r = sqrt(q)`` of multinomial frequencies q, ``Cov r = (1 - r r^T) / (4 n)``, and p does not change along r.
    """
    raw = root * np.sqrt(np.maximum(born, 0.0))
    total = float(raw.sum())
    p = raw / total
    if kept is None:
        return p, np.zeros(p.shape)
    variance = (root**2 * (1 - 2 * p) + p**2 * float((root**2).sum())) / (4 * kept * total**2)
    return p, np.sqrt(np.maximum(variance, 0.0))


def _run_modes(
    model: Fitted,
    t: float,
    method: str,
    backend: BackendLike | None,
    shots: int | None,
    seed: int | None,
    condition: Condition | None,
) -> CircuitLaw:
    made = mode_circuit(model, t, method, condition)
    device = find_backend(backend if backend is not None else "statevector")
    check_memory(64 << made.circuit.num_qubits, f"A circuit of {made.circuit.num_qubits} qubits")
    index, count = outcomes(device, made.circuit, shots, seed)
    inside, size = index < made.signs.size, made.signs.size
    weights = np.bincount(index[inside], weights=count[inside], minlength=size)
    total = float(weights.sum())
    require(total > 0, "shots", f"be larger: none was kept, where {made.success:.1e} of them are", shots, MethodError)
    rate, kept = (total, None) if shots is None else (total / shots, round(total))
    born = (weights / total).reshape(made.signs.shape)
    density, stderr = mode_density(made, model.land, born, kept)
    error = 0.0 if shots is None else float(share_error(rate, shots))
    return CircuitLaw(t, density, stderr, born, rate, error, made.success, shots, kept, made.circuit.num_qubits)
