"""What a process computes to the last bit, printed as JSON: run as a child, since every setting is read at the start of a process.

OPENBLAS_CORETYPE=Nehalem python -m tests.portable.probe
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import scipy.linalg  # its own copy of BLAS
import threadpoolctl
from numpy._core import _multiarray_umath as core


def digests() -> dict[str, str]:
    """Of the bytes of a matrix product, eigenvectors, tanh, exp, ``exp(i x)`` and a complex product with its sum."""
    rng = np.random.default_rng(7)
    a = rng.standard_normal((96, 96))
    z = rng.standard_normal(200_000).view(complex)  # long enough to be shared among threads
    made = {
        "gemm": a @ a,
        "eigh": np.stack([np.linalg.eigh(a + a.T)[1], scipy.linalg.eigh(a + a.T)[1]]),
        "tanh": np.tanh(a),
        "exp": np.exp(a),
        "phase": np.exp(1j * a),
        "complex": np.append(z * z[::-1], np.vdot(z, z * z)),
    }
    return {name: hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest()[:12] for name, x in made.items()}


def groups() -> list[str]:
    """The groups of instructions that this NumPy chooses among at run time and this process uses, the highest first."""
    return [name for name in reversed(core.__cpu_dispatch__) if core.__cpu_features__.get(name)]


def facts() -> dict[str, Any]:
    """Digests, NumPy's groups, and kernel and threads of every OpenBLAS that is loaded."""
    blas = [pool for pool in threadpoolctl.threadpool_info() if pool["internal_api"] == "openblas"]
    return {
        "digests": digests(),
        "groups": groups(),
        "kernels": sorted({str(pool["architecture"]) for pool in blas}),
        "threads": sorted({int(pool["num_threads"]) for pool in blas}),
    }


if __name__ == "__main__":
    print(json.dumps(facts()))
