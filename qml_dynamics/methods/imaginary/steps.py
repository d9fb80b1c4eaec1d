"""One step of imaginary time from any basis state as a circuit, with its rule of post-selection: the step of METTS chains."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ... import synthesis
from ...backends import Backend
from ...backends.base import capabilities
from ...base.errors import MethodError
from ...model.hamiltonians import Hamiltonian, LearningHamiltonian
from ...model.initial import PointMass
from ...model.pauli import PauliSum
from ...model.problem import Problem
from ..base import Method
from .device import FRESH
from .laws import lower_bound
from .options import ProbabilisticITE, Schrodingerised
from .selected import block_counts, blocks_of, forecast

if TYPE_CHECKING:
    from ...synthesis.metts import BlockStep, RegisterStep


@dataclass(frozen=True, eq=False)
class SelectedStep:
    """What builds and reads the circuits of a post-selected step, and whether they measure on the way."""

    step: BlockStep | RegisterStep
    midway: bool


def without_floor(method: Method) -> Method:
    """The method without a floor: from an unlikely point few samples may be kept, and more are taken."""
    return replace(method, floor=0.0) if isinstance(method, (ProbabilisticITE, Schrodingerised)) else method


def check_step(problem: Problem, h: Hamiltonian, method: Method) -> None:
    """Raise :class:`MethodError` where the step of a post-selected method cannot work; before any shot."""
    if isinstance(method, (ProbabilisticITE, Schrodingerised)):
        forecast(problem, h, method, [problem.duration])


def selected_step(problem: Problem, h: Hamiltonian, method: Method, backend: Backend) -> SelectedStep | None:
    """The step of a post-selected method; None for methods that measure on the way or keep every sample.

    Raises:
        MethodError: too many ancillas for a backend that measures at the end only, or too small a register.
    """
    if isinstance(method, Schrodingerised):
        worst = PointMass(tuple(h.domain.points_at(np.array([_highest(h)]))[0].tolist()))
        plan = forecast(problem.replace(initial=worst), h, without_floor(method), [problem.duration])
        assert plan.register is not None
        return SelectedStep(synthesis.metts.RegisterStep(problem, h, method.steps, method.order, plan.register), False)
    if not isinstance(method, ProbabilisticITE):
        return None
    midway = capabilities(backend).midway
    blocks = block_counts(problem, h, method, [0.0, problem.duration])[-1]
    if not midway and blocks > FRESH:
        raise MethodError(
            f"Argument `method` must have fewer steps on {backend.name}: {blocks} ancillas would be measured at the end, and "
            f"at most {FRESH} are taken. A backend that measures midway reuses one."
        )
    return SelectedStep(
        synthesis.metts.BlockStep(problem, h, blocks_of(method), partial(lower_bound, problem, h), midway), midway
    )


def _highest(h: Hamiltonian) -> int:
    """The basis state of highest loss; of an operator, of the highest diagonal entry."""
    if isinstance(h, LearningHamiltonian):
        return int(h.zeta.argmax())
    terms = h.at(0.0)
    diagonal = PauliSum(
        terms.num_qubits, terms.x[terms.x == 0], terms.z[terms.x == 0], terms.coefficients[terms.x == 0]
    )
    values = diagonal.apply(np.ones(1 << terms.num_qubits)).real
    return int(values.argmax())
