"""`metts`: evolve in imaginary time, measure, restart: a Markov chain whose law is known exactly."""

from __future__ import annotations

import platform
import time as clock_time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from ...backends import Backend
from ...backends import opened as find_backend
from ...backends.base import BackendLike
from ...base.arguments import checks_arguments_but
from ...base.errors import MethodError, QMLDynamicsError, integer, one_of, real, require
from ...base.executor import check_workers
from ...base.installed import version
from ...base.progress import Progress
from ...methods.base import Method, Stream, check_method, circuit_seed
from ...methods.evolution import told_of
from ...methods.gate import check_ranges
from ...methods.identity import Identity
from ...methods.keeping import Call, Folder, kept_call, kept_result
from ...methods.krylov import Krylov
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian, PauliHamiltonian, hamiltonian
from ...model.problem import Problem, at_time, need_waves
from ...model.schedules import Constant
from ...results.journal import Scope, inside
from ...results.observables import best_of
from ...results.sampling import merged_counts
from .chain import Chain
from .device import Bank, Simulated, circuits_source, default_method
from .energies import Energies, energies_of
from .laws import DENSE, Dense, Draws
from .statistics import detailed_balance, effective_size, potential_scale_reduction
from .walkers import Walk, laws_of, path, portable, walk_apart

COLLAPSES = ("weight", "alternate")
READINGS = ("born", "population")
RESULT = "chain.npz"
_TOL = 1e-8  # of the waves of an operator on more qubits than are diagonalised
_WALKERS = 8


@checks_arguments_but("tau")
def metts(
    problem: Problem,
    tau: float,
    samples: int,
    seed: int | None = None,
    backend: BackendLike | None = None,
    *,
    collapse: str = "weight",
    reading: str = "born",
    burn_in: int | None = None,
    walkers: int | None = None,
    method: Method | None = None,
    diffusion: float | None = None,
    shots: int | None = None,
    progress: bool | None = None,
    folder: Folder | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    time: float | None = None,
) -> Chain:
    """Samples of weights by minimally entangled typical thermal states: evolve, measure, restart.

    From the measured weights x the wave ``e^{-tau H}|x>`` is measured again, and so on. The step
    ``P(y|x) = K_tau(y, x)^2 / K_2tau(x, x)`` keeps detailed balance with ``pi(w) = <w|e^{-2 tau H}|w> / Z``, the weights' law in the
    quantum Gibbs state at ``beta = 2 tau``, whatever the loss, the diffusion and tau. Small tau walks like a gradient
    descent with noise, large tau leaps between basins.

    Args:
        problem: of a loss or of an operator; the clock does not matter, the Hamiltonian is that at ``time``. Of an operator the
            weights are the bits as 1 and -1, the dual basis is that of X, and ``Chain.energy`` is the thermal energy.
        tau: imaginary time between measurements, positive.
        samples: how many weights to return, from 2 on.
        seed: of all sampling.
        backend: None: classical. A name or an object: circuits, one step of all walkers in one batch.
        collapse: ``"weight"``, or ``"alternate"``: between two weight measurements one in the dual basis, which shortens the
            correlations and takes two evolutions a sample.
        reading: ``"born"``; classically also ``"population"``: a walker branches by ``psi`` itself, ``pi(w) ~ u_tau(w)``.
        burn_in: steps of each walker that are left out; None: a tenth of its steps, at least 10.
        walkers: independent walkers (None: 8); the first point of each is drawn from the evolved initial wave.
        method: classical: :class:`SplitStep`, :class:`Krylov` or :class:`Exact` (None: one diagonalisation up to 1024 points;
            above, Chebyshev's series for the waves of all walkers at once). On circuits: any method of imaginary time (None:
            :class:`ProbabilisticITE`, 8 steps of exact blocks).
        diffusion: D, where it is not the problem's at ``time``.
        shots: of one circuit. Outcomes that are kept wait for the next visit to the same point: each is used once. None: by
            the success probability seen so far; noiseless simulators then give the law of each start itself. The energies of an operator
            take as many of each basis of a start (None: 4096, and more where few are kept).
        progress, folder: as in :func:`evolve`; a classical chain goes on from its last second, one on circuits from its last batch;
            its result is in ``chain.npz`` (:meth:`Chain.load`).
        workers: classical: processes that share the walkers, each of which then has random numbers of its own, so that the samples
            are the same for any number of processes (and others than without any); worth it where a step takes milliseconds.
        executor: any ``concurrent.futures`` executor in place of them.
        time: at which schedules are taken, within the duration (None: 0); to be given where terms of an operator have schedules of
            their own.

    Returns:
        :class:`Chain`. A keyboard interrupt returns the samples so far (with ``workers`` those of the walkers that are done); one
            that comes while the energies of an operator are measured, the samples without them, and so does an error there, which
            ``stop`` tells.

    Raises:
        ProblemError, MethodError, BackendError: tau is not positive, fewer than 2 samples, a reading or
            method that does not fit, a ``time`` that is missing or not within the duration.

    Sources: White, Phys. Rev. Lett. 102, 190601 (2009), arXiv:0902.4475; Stoudenmire and White, New J. Phys. 12, 055026
    (2010), arXiv:1002.1305 (alternating bases); Motta et al., Nat. Phys. 16, 205 (2020), arXiv:1901.07653 (on circuits).

    >>> from qml_dynamics import Grid
    >>> bowl = Problem(Grid((-5, 5), 6), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="imaginary", duration=1.0)
    >>> chain = metts(bowl, tau=1.0, samples=2000, seed=1)
    >>> law = chain.stationary
    >>> round(float(law @ bowl.domain.axes[0] ** 2), 4), chain.reading, chain.beta  # coth(1) / 2, born, 2 tau
    (0.6565, 'born', 2.0)
    >>> bool(abs(chain.mean(lambda w: w[:, 0] ** 2).value - 0.6565) < 4 * chain.mean(lambda w: w[:, 0] ** 2).stderr)
    True
    """
    tau = real(tau, "tau", positive=True, error=MethodError)
    samples = integer(samples, "samples", 2, 10**8, MethodError)
    require(isinstance(problem, Problem), "problem", "be a Problem", type(problem).__name__, MethodError)
    need_waves(problem)
    problem = at_time(problem, time)
    one_of(collapse, "collapse", COLLAPSES, MethodError)
    one_of(reading, "reading", READINGS, MethodError)
    walkers = (
        min(samples // 2, _WALKERS) if walkers is None else integer(walkers, "walkers", 1, samples // 2, MethodError)
    )
    steps = -(-samples // walkers)
    burn_in = max(10, steps // 10) if burn_in is None else integer(burn_in, "burn_in", 0, 10**8, MethodError)
    shots = None if shots is None else integer(shots, "shots", 1, 10**9, MethodError)
    require(shots is None or backend is not None, "shots", "be None without a backend", shots, MethodError)
    check_workers(workers, executor)
    for name, given in (("workers", workers), ("executor", executor)):
        alone = "be left out with a backend, which runs a step of all walkers in one batch"
        require(given is None or backend is None, name, alone, given, MethodError)
    apart = workers is not None or executor is not None
    if seed is not None:
        seed = integer(seed, "seed", 0, 2**128, MethodError)
    still = _still(problem, tau, diffusion)
    h = hamiltonian(still)
    check_ranges(still, h, "tau")
    device = None if backend is None else find_backend(backend)
    method = _method(method, device, reading, collapse)
    if isinstance(h, PauliHamiltonian):
        own = "whose kernel e^{-tau H} may be negative"
        require(reading == "born", "reading", f"be 'born' for an operator, {own}", reading, MethodError)
        if method is None and h.domain.size > DENSE:
            method = Krylov(_TOL)

    def identify(said: Identity) -> None:
        """Enter what decides the result of this call into its identity."""
        said.add_problem("problem", still, h)
        said.add("method", method)
        said.add_backend("backend", device)
        for name, value in (("samples", samples), ("collapse", collapse), ("reading", reading), ("burn_in", burn_in)):
            said.add(name, value)
        said.add("walkers", walkers)
        said.add("shots", shots)
        if apart:
            said.add("random numbers", "of each walker")

    with kept_call("metts", folder, seed, identify) as call:
        asked = _Asked(still, h, method, call.backend(device), shots, reading, collapse, call.entropy)
        sizes = (walkers, steps, burn_in, samples)
        spread = (workers, executor) if apart else None
        return kept_result(
            call,
            RESULT,
            lambda: _chain(asked, call, sizes, progress, spread),
            Chain.save,
            lambda path: replace(Chain.load(path, still), method=method),
            lambda chain: chain.stop,
        )


@dataclass(frozen=True, eq=False)
class _Asked:
    """A chain, checked."""

    problem: Problem
    h: Hamiltonian
    method: Any
    device: Any
    shots: int | None
    reading: str
    collapse: str
    entropy: Any

    def walks(self, walkers: int, steps: int) -> list[Walk]:
        """The walkers, for other processes."""
        problem = portable(self.problem, self.h)
        said = problem, self.method, self.reading, self.collapse, self.entropy
        return [Walk(*said, walker, steps) for walker in range(walkers)]

    def source(self, dense: Dense | None) -> Draws | Bank:
        """What draws the steps."""
        if self.device is not None:
            return circuits_source(self.problem, self.h, self.method, self.device, self.shots, self.entropy)
        laws = laws_of(self.problem, self.h, self.method, self.reading, dense)
        return Draws(laws, np.random.default_rng(circuit_seed(self.entropy, Stream.METTS_CHAIN)))


def _chain(
    asked: _Asked,
    call: Call,
    sizes: tuple[int, int, int, int],
    progress: bool | None,
    spread: tuple[int | None, Executor | None] | None,
) -> Chain:
    """Walk, and what the samples say."""
    started, (walkers, steps, burn_in, samples) = clock_time.perf_counter(), sizes
    h, entropy, tau = asked.h, asked.entropy, float(asked.problem.duration)
    dense = Dense(asked.problem, h, asked.reading) if h.domain.size <= DENSE else None
    source = asked.source(dense)
    if spread is None:
        index, stop = _walk(source, walkers, steps, burn_in, asked.collapse, progress, call.scope)
    else:
        index, stop = walk_apart(asked.walks(walkers, burn_in + steps), burn_in, *spread, progress, call.scope)
    functions, energies, stop = _energies(asked, source, index, stop)
    loss = next(iter(functions.values()), np.zeros(index.shape))
    weights = h.domain.points_at(index.reshape(-1)).reshape(*index.shape, h.domain.ndim)
    functions |= {f"weight {i}": weights[..., i] for i in range(h.domain.ndim)}
    sizes_of = {name: effective_size(values) for name, values in functions.items() if np.ptp(values) > 0}
    size, count = min(sizes_of.values(), default=1.0), min(samples, index.size)
    seen = merged_counts(index.reshape(-1)[:count], np.ones(count))
    diagnostics = {
        "walkers": index.shape[1],
        "burn_in": burn_in,
        "steps": len(index),
        "effective_sizes": sizes_of,
        "scale_reduction": {name: potential_scale_reduction(values) for name, values in functions.items()},
        "acceptance": float(np.mean(index[1:] != index[:-1])),
        **source.report(),
    }
    return Chain(
        samples=weights.reshape(-1, h.domain.ndim)[:count],
        stationary=None if dense is None else dense.stationary().reshape(h.domain.shape),
        effective_sample_size=size,
        detailed_balance=detailed_balance(weights, loss),
        index=index,
        reading=asked.reading,
        beta=2 * tau if asked.reading == "born" else tau,
        tau=tau,
        collapse=asked.collapse,
        best=best_of(h, seen, circuit_seed(entropy, Stream.METTS_BEST)),
        problem=asked.problem,
        method=asked.method,
        success_probability=source.success,
        diagnostics=diagnostics,
        stop=stop,
        provenance=_provenance(entropy, clock_time.perf_counter() - started, asked.device, asked.reading)
        | {"shots": asked.shots, "apart": spread is not None},
        energy=None if energies is None else energies.mean(size),
    )


def _energies(
    asked: _Asked, source: Draws | Bank | Simulated, index: np.ndarray, stop: str
) -> tuple[dict[str, np.ndarray], Energies | None, str]:
    """The loss at each step, or the energies, and why the chain ended: an interrupt or an error costs the energies, not the chain."""
    h = asked.h
    if isinstance(h, LearningHamiltonian):
        return {"loss": h.zeta.reshape(-1)[index]}, None, stop
    rate, cut = 1.0 if source.success is None else float(source.success.value), stop.startswith("Interrupted")
    try:
        with inside(None) if cut else nullcontext():  # the runs of a piece are not those of the whole chain
            found = energies_of(asked.problem, h, asked.method, asked.device, asked.shots, index, asked.entropy, rate)
    except (KeyboardInterrupt, QMLDynamicsError) as reason:
        error = str(reason) if isinstance(reason, QMLDynamicsError) else ""
        before = f"Interrupted {'by an error' if error else 'from the keyboard'} after all {len(index)} steps."
        return {}, None, f"{stop if cut else before} The energies are not measured{f': {error}' if error else '.'}"
    return {"energy": found.along}, found, stop


def _still(problem: Problem, tau: float, diffusion: float | None) -> Problem:
    """The problem, whose Hamiltonian stands still, for tau of imaginary time."""
    still = problem.replace(clock="imaginary", duration=tau)
    if diffusion is None:
        return still
    return still.replace(diffusion=Constant(real(diffusion, "diffusion", nonnegative=True, error=MethodError)))


def _method(given: Method | None, device: Backend | None, reading: str, collapse: str) -> Method | None:
    if reading == "population":
        require(device is None, "reading", "be 'born' on circuits, which sample |psi|^2", reading, MethodError)
        require(collapse == "weight", "collapse", "be 'weight' in the population reading", collapse, MethodError)
    if device is not None:
        chosen = default_method() if given is None else given
        facts = check_method(chosen).facts()
        fits = "imaginary" in facts.clocks and facts.runs_on == "backend"
        require(fits, "method", "run imaginary time as circuits", chosen, MethodError)
        return chosen
    if given is None:
        return None
    facts = check_method(given).facts()
    fits = "imaginary" in facts.clocks and facts.runs_on == "classical"
    require(
        fits,
        "method",
        "be a classical method of the imaginary clock, such as SplitStep, Krylov or Exact",
        given,
        MethodError,
    )
    return given


def _walk(
    source: Draws | Bank,
    walkers: int,
    steps: int,
    burn_in: int,
    collapse: str,
    progress: bool | None,
    scope: Scope | None,
) -> tuple[np.ndarray, str]:
    """Indices after burn-in, shape ``(steps, walkers)``, and why it ended."""
    alone = scope is not None and source.state() is not None  # the chain itself is kept, and no run inside it
    rows: list[np.ndarray] = []
    if alone and scope is not None:
        assert isinstance(source, Draws)
        rows = _restored(source, scope)
    total = burn_in + steps
    try:
        with Progress("METTS chain", progress) as bar, inside(None if alone else scope):
            for row in path(source, walkers, total - len(rows), collapse, rows[-1] if rows else None):
                rows.append(row)
                bar(len(rows), total)
                if alone and scope is not None:
                    _store(source, scope, rows)
    except KeyboardInterrupt:
        if len(rows) < burn_in + 2:
            raise
        stop = f"Interrupted from the keyboard after {len(rows) - burn_in} of {steps} steps; kept what was done."
        return np.array(rows[burn_in:]), stop
    return np.array(rows[burn_in:]), f"Reached {steps} steps of {walkers} walkers after a burn-in of {burn_in}."


def _store(source: Draws | Bank | Simulated, scope: Scope, rows: list[np.ndarray]) -> None:
    """Keep the chain and its random numbers."""
    scope.save_state({"generator": source.state()}, {}, more=lambda: {"rows": np.array(rows)})


def _restored(source: Draws, scope: Scope) -> list[np.ndarray]:
    """The rows of an earlier process."""
    found = scope.load_state()
    if found is None:
        return []
    source.restore(cast("Mapping[str, object]", found.meta["generator"]))
    return list(found.arrays["rows"])


def _provenance(
    entropy: int | Sequence[int] | None, seconds: float, device: Backend | None, reading: str
) -> dict[str, Any]:
    return {
        "seed": entropy,
        "seconds": seconds,
        "backend": None if device is None else device.name,
        "backend_details": told_of(device),
        "versions": {name: version(name) for name in ("numpy", "scipy", "qml-dynamics")},
        "python": platform.python_version(),
        "reading": reading,
    }
