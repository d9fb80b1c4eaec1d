"""A circuit of NWQLib as OpenQASM 3: run by an interpreter that has NWQLib, which needs Python 3.12, and knows nothing of this project.

A JSON text comes in: ``objective`` (an expression of SymPy), ``variables``, ``bounds``, ``points`` an axis, ``steps``, ``duration``.
Another goes out: ``version`` and ``qasm``, of the symmetric product of order 2 of ``-Laplacian/2 + objective`` on the periodic grid, from
the uniform wave, all rotations kept.

    .venv-nwqlib/bin/python -I benchmarks/nwqlib_circuits.py < asked.json
"""

from __future__ import annotations

import json
import sys


def answered(asked: dict) -> dict:
    """Version and circuit."""
    import sympy
    from nwqlib import Optimization, __version__, plan, prepare
    from nwqlib.algorithms.qhd import QHD, QuadraticSchedule, UniformState
    from nwqlib.io import export_qasm

    symbols = {name: sympy.Symbol(name, real=True) for name in asked["variables"]}
    problem = Optimization(
        objective=sympy.sympify(asked["objective"], locals=symbols),
        variables=tuple(symbols.values()),
        bounds=tuple(map(tuple, asked["bounds"])),
    )
    method = QHD(
        num_grid_points=asked["points"],
        encoding="binary",
        boundary="periodic",
        kinetic_model="spectral",
        num_steps=asked["steps"],
        total_time=asked["duration"],
        schedule=QuadraticSchedule(gamma=0.0),  # neither weight moves
        initial_state=UniformState(),
    )
    prepared = prepare(plan(problem, method=method, shots=1))
    with prepared.run:  # closed without being sent
        circuit = prepared.circuit(0)
    circuit.remove_final_measurements()
    return {"version": __version__, "qasm": export_qasm(circuit, max_operations=10**7)}


if __name__ == "__main__":
    json.dump(answered(json.load(sys.stdin)), sys.stdout)
