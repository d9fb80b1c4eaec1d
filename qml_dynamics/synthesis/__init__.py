"""Circuit builders, as functions. With the ansaetze and the backends the only rooms that import Qiskit.

This door loads nothing: ``synthesis.trotter`` is loaded when it is first read, so that modules which build circuits can import
``synthesis`` at their top and stay free of Qiskit until they build one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import attach

_MODULES = (
    "clifford_t",
    "ensembles",
    "foreign",
    "gibbs",
    "growth",
    "hops",
    "imaginary",
    "koopman",
    "measure",
    "metts",
    "onehot",
    "operator_factors",
    "p_register",
    "probabilistic",
    "qasm",
    "qasm_compare",
    "sizes",
    "states",
    "transforms",
    "trotter",
    "walsh",
)
attach(__name__, {}, {name: name for name in _MODULES})

if TYPE_CHECKING:
    from . import clifford_t as clifford_t
    from . import ensembles as ensembles
    from . import foreign as foreign
    from . import gibbs as gibbs
    from . import growth as growth
    from . import hops as hops
    from . import imaginary as imaginary
    from . import koopman as koopman
    from . import measure as measure
    from . import metts as metts
    from . import onehot as onehot
    from . import operator_factors as operator_factors
    from . import p_register as p_register
    from . import probabilistic as probabilistic
    from . import qasm as qasm
    from . import qasm_compare as qasm_compare
    from . import sizes as sizes
    from . import states as states
    from . import transforms as transforms
    from . import trotter as trotter
    from . import walsh as walsh
