"""The planted faults, room by room."""

from ..planting import Mutant
from .high import HIGH
from .learning import LEARNING
from .low import LOW
from .middle import MIDDLE

MUTANTS: tuple[Mutant, ...] = (*LOW, *MIDDLE, *LEARNING, *HIGH)

__all__ = ["MUTANTS"]
