"""The planted faults, room by room."""

from ..planting import Mutant
from .backends import BACKENDS
from .high import HIGH
from .learning import LEARNING
from .low import LOW
from .middle import MIDDLE
from .synthesis import SYNTHESIS

MUTANTS: tuple[Mutant, ...] = (*LOW, *SYNTHESIS, *BACKENDS, *MIDDLE, *LEARNING, *HIGH)

__all__ = ["MUTANTS"]
