"""Problem files: read, checked by a typed schema, built into a :class:`Problem`, and written back."""

from __future__ import annotations

from .building import problem_from_spec
from .files import ProblemFile, read_problem, write_problem
from .operator_file import read_operator

__all__ = ["ProblemFile", "problem_from_spec", "read_operator", "read_problem", "write_problem"]
