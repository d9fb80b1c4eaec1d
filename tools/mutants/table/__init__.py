"""The planted faults, room by room."""

from ..planting import Mutant
from .backends import BACKENDS
from .high import HIGH
from .learning import LEARNING
from .low import LOW
from .middle import MIDDLE
from .synthesis import SYNTHESIS
from .validation import VALIDATION

MUTANTS: tuple[Mutant, ...] = (*LOW, *SYNTHESIS, *BACKENDS, *MIDDLE, *VALIDATION, *LEARNING, *HIGH)

__all__ = ["MUTANTS"]
