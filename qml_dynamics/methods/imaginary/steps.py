"""One step of imaginary time from any basis state as a circuit, with its rule of post-selection: the step of METTS chains."""

from __future__ import annotations

from dataclasses import dataclass
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
from ...synthesis.p_register import Blocks
from ..base import Method
from .device import FRESH
from .laws import lower_bound
from .options import PostSelected, Schrodingerised
from .selected import block_counts, forecast

if TYPE_CHECKING:
    from ...synthesis.metts import BlockStep, RegisterStep


@dataclass(frozen=True, eq=False)
class SelectedStep:
    """What builds and reads the circuits of a post-selected step, and whether they measure on the way."""

    step: BlockStep | RegisterStep
    midway: bool


def post_selecting(method: Method) -> PostSelected | None:
    """The method, where it keeps a sample or not; None where every sample is kept."""
    return method if isinstance(method, PostSelected) else None


def register_step(problem: Problem, h: Hamiltonian, method: Schrodingerised) -> SelectedStep:
    """The step of a p register.

    Raises:
        MethodError: the register is too small for the point of highest loss.
    """
    worst = PointMass(tuple(h.domain.points_at(np.array([_highest(h)]))[0].tolist()))
    plan = forecast(problem.replace(initial=worst), h, method.without_floor(), [problem.duration])
    assert plan.register is not None
    return SelectedStep(synthesis.metts.RegisterStep(problem, h, plan.steps, plan.order, plan.register), False)


def block_step(problem: Problem, h: Hamiltonian, rule: Blocks, backend: Backend) -> SelectedStep:
    """The step of blocks.

    Raises:
        MethodError: too many ancillas for a backend that measures at the end only.
    """
    midway = capabilities(backend).midway
    blocks = block_counts(problem, h, rule, [0.0, problem.duration])[-1]
    if not midway and blocks > FRESH:
        raise MethodError(
            f"Argument `method` must have fewer steps on {backend.name}: {blocks} ancillas would be measured at the end, and "
            f"at most {FRESH} are taken. A backend that measures midway reuses one."
        )
    return SelectedStep(synthesis.metts.BlockStep(problem, h, rule, partial(lower_bound, problem, h), midway), midway)


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
