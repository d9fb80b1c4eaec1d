"""`error_budget`: where the difference between a quantum run and the exact answer comes from, part by part.

A chain of paired runs leads from the refined reference to the samples; each link changes one thing (:mod:`.loss_budget`,
:mod:`.operator_budget`). Distances are total variations of the last density over the same coarse cells of the box, so the triangle
inequality bounds the total by the sum; the mean loss moves by signed amounts that add up to the total exactly.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from ..backends import backend as find_backend
from ..backends.base import BackendLike
from ..base.arguments import checks_arguments
from ..base.errors import (
    EdgeWeightWarning,
    MethodError,
    MomentumTailWarning,
    ProblemError,
    UnusedArgumentWarning,
    require,
)
from ..methods.base import Method, check_method
from ..methods.defaults import settled
from ..methods.identity import Identity
from ..methods.job import convert, is_compact
from ..methods.keeping import Folder, kept_call, kept_result
from ..model.problem import Problem
from ..results.observables import ObservableLike
from . import compact_budget
from .error_parts import (
    ErrorBudget,
)
from .loss_budget import Chain
from .operator_budget import OperatorChain
from .resources import synthesised_for

RESULT = "budget.npz"


@checks_arguments
def error_budget(
    problem: Problem,
    method: Method | None = None,
    *,
    backend: BackendLike | None = None,
    shots: int | None = None,
    seed: int | None = None,
    observables: Mapping[str, ObservableLike] | None = None,
    progress: bool | None = None,
    folder: Folder | None = None,
    synthesis_error: float | None = None,
) -> ErrorBudget:
    """Measure every part of the error of ``evolve(problem, method, backend=..., shots=...)`` at the final time.

    Where waves have no tables (:class:`TensorTrain` above 22 qubits) distances are trace distances, of the grid and of the steps with
    their roundings: see :mod:`qml_dynamics.validation.compact_budget`.

    Args:
        problem: of a loss or of an operator, on the real or imaginary clock.
        method: any method, None as for ``evolve``; circuits have all parts, classical methods those that apply; a register those that
            have one.
        observables: of an operator, as for ``evolve``: a column of the budget each, beside the energy.
        synthesis_error: of a run whose rotations are made of Clifford gates and T: the bound of what that adds to the wave in the 2-norm,
            as in :func:`cost`. What the sequences do that gridsynth finds is one more part, ``synthesis``. For ideal simulators.
        backend, shots, seed, progress, folder: as for ``evolve``; with a folder the runs that are done are not run again,
            and the budget is in ``budget.npz`` (:meth:`ErrorBudget.load`).

    Raises:
        ProblemError: the problem is on the classical clock, or observables are given for a loss.
        MethodError: an error of the synthesis is given where no circuits run, or on a noisy backend; the method is a bridge, whose
            answer is not the wave of the problem.

    >>> from qml_dynamics import Gaussian, Grid, Problem, Trotter
    >>> well = Problem(Grid((-5, 5), 5), lambda w: w[:, 0] ** 2 / 2, 0.5, clock="real", duration=1.0, initial=Gaussian(1, 0.7))
    >>> error_budget(well, Trotter(4), backend="statevector").dominant
    'formula'
    >>> chain = Problem.from_operator({"ZZI": -1.0, "IZZ": -1.0, "XII": 0.8}, clock="real", duration=1.0, initial="010")
    >>> found = error_budget(chain, Trotter(3), backend="statevector", observables={"Z": "ZII"})
    >>> found.dominant, sorted(found.observables)
    ('formula', ['Z'])
    """
    if problem.clock == "classical":
        raise ProblemError(
            "Argument `problem` must be on the real or imaginary clock, but is 'classical': the reference of an error budget, in a finer "
            "grid and a wider box, is a wave (`compare` a run of KoopmanVonNeumann with one of HamiltonJacobi instead)."
        )
    method, backend = settled(problem, method, backend, shots)
    facts = check_method(method).facts()
    large = bool(facts.compact_above) and is_compact(problem, facts)
    job = convert(
        problem, method, backend, shots, seed, compact=large
    )  # what is refused is told before the references run
    if large:
        what = "be None for waves without tables"
        given = {"observables": observables, "folder": folder, "shots": shots, "synthesis_error": synthesis_error}
        for name, value in given.items():
            require(value is None, name, what, value, MethodError)
        return ErrorBudget(**compact_budget.measured(problem, method, progress))
    if facts.both_ends:
        raise MethodError(
            f"Argument `method` must solve the problem from its initial wave for an error budget, but is {type(method).__name__}, "
            "which has an end of its own."
        )
    synthesised = None if synthesis_error is None else synthesised_for(job, synthesis_error)
    with warnings.catch_warnings():
        # the budget itself measures what a run would warn of: edges and momentum tails show in the grid's part
        warnings.simplefilter("ignore", EdgeWeightWarning)
        warnings.simplefilter("ignore", MomentumTailWarning)
        warnings.simplefilter("ignore", UnusedArgumentWarning)  # of the runs without shots
        chain: Chain | OperatorChain
        if problem.operator is not None:
            chain = OperatorChain(problem, method, backend, shots, seed, progress, observables, synthesised)
        else:
            require(observables is None, "observables", "be None for a loss, whose column is its mean", observables)
            chain = Chain(problem, method, backend, shots, seed, progress, synthesised)

        def identify(said: Identity) -> None:
            """Enter what decides the result of this call into its identity."""
            said.add_problem("problem", problem, chain.h)
            said.add("method", method)
            said.add_backend("backend", chain.backend if backend is None else find_backend(backend))
            said.add("shots", shots)
            if observables:
                said.add("observables", dict(observables))
            if synthesis_error is not None:
                said.add("synthesis_error", synthesis_error)

        with kept_call("error_budget", folder, seed, identify) as call:
            if seed is None and call.folder is not None:
                chain.seed = call.entropy
            return kept_result(
                call,
                RESULT,
                lambda: ErrorBudget(**chain.measure()),
                ErrorBudget.save,
                ErrorBudget.load,
                lambda found: "",  # half a chain says nothing: an interrupt ends it
            )
