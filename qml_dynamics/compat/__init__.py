"""Classes and functions of other libraries with their own constructors, problems and results, run by this library.

`VarQITE`, `VarQRTE` and `TrotterQRTE` as in qiskit-algorithms (the extra ``algorithms``), `QNGOptimizer` as in PennyLane, `QHD` as in
QHDOPT, and quadratic programs of qiskit-optimization and docplex (the extra ``optimization``). A vendor's package is loaded when one of
its names is first read. What an argument means there it means here; what is not honoured is refused by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

_HOME = {
    "varqte": ("VarQITE", "VarQRTE"),
    "trotter_qrte": ("TrotterQRTE",),
    "qng": ("QNGOptimizer",),
    "qhdopt": ("QHD",),
    "quadratic": ("BinaryProgram", "from_docplex", "from_quadratic_program"),
}
__all__ = attach(__name__, _HOME)

if TYPE_CHECKING:
    from .qhdopt import QHD as QHD
    from .qng import QNGOptimizer as QNGOptimizer
    from .quadratic import BinaryProgram as BinaryProgram
    from .quadratic import from_docplex as from_docplex
    from .quadratic import from_quadratic_program as from_quadratic_program
    from .trotter_qrte import TrotterQRTE as TrotterQRTE
    from .varqte import VarQITE as VarQITE
    from .varqte import VarQRTE as VarQRTE
