"""The state of a variational run, stored and restored to the bit: angles, error bound, record, and sensitivity to rounding.

A module of its own beside `evolve`: the state of a run as it is kept in a folder. Waves, metric and force follow from the angles, and
an ansatz that has grown from the generators that were added, one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...results.journal import Entry
from ...results.trajectory import plain
from .adaptive import longer
from .engine.gates import PauliRotation, Program
from .sensitivity import Leg

if TYPE_CHECKING:
    from .evolve import Walk

_COUNTS = ("log_norm", "done", "total", "stride", "forced")
_FOLLOWED = ("spent", "stiff", "rose", "growth", "unseen", "rate", "source", "amplification", "moved")
_FINER = "finer grid"  # in place of a generator: the ansatz was taken over to the next grid
Finer = Callable[[Program], Program]


def state(walk: Walk) -> Entry | None:
    """What a run needs to go on from its point; None once it stands still, which costs nothing."""
    if walk.reached:
        return None
    meta: dict[str, object] = {name: getattr(walk, name) for name in _COUNTS}
    meta |= {"time": float(walk.point.time), "evaluations": walk.flow.evaluations, "here": walk.here}
    meta |= {"angle": float(walk.bound.angle), "pieces": {k: float(v) for k, v in walk.bound.pieces.items()}}
    meta["added"] = _added(walk.flow.used)
    if walk.descent is not None:
        meta["descent"] = [walk.descent.halved, walk.descent.forced]
    arrays = {f"rows/{name}": np.array(values) for name, values in walk.rows.items()}
    arrays["theta"] = walk.point.theta
    followed = walk.sensitivity
    if followed is not None:
        meta["followed"] = {name: getattr(followed, name) for name in _FOLLOWED}
        meta["legs"] = [_place(walk.flow.used, leg.program) for leg in followed.legs]
        arrays["tangent"] = followed.tangent
        arrays |= {f"leg/{k}": np.array(leg.times) for k, leg in enumerate(followed.legs)}
    return Entry(plain(meta), arrays)


def restore(walk: Walk, kept: Entry, finer: Finer | None = None) -> None:
    """Bring a run that has just begun to where :func:`state` was told.

    Args:
        walk: the run.
        kept: what was told.
        finer: takes an ansatz over to the next grid, and the run with it, where there are several grids.
    """
    meta: dict[str, Any] = dict(kept.meta)
    hamiltonians = _grown_again(walk, meta["added"], finer)
    for name in _COUNTS:
        setattr(walk, name, meta[name])
    walk.bound.angle, walk.bound.pieces = meta["angle"], dict(meta["pieces"])
    walk.rows = {n.removeprefix("rows/"): a.tolist() for n, a in kept.arrays.items() if n.startswith("rows/")}
    walk.flow.bounded = walk.bound.angle < math.pi / 2 or not walk.done
    walk.point = walk.flow.at(meta["time"], kept.arrays["theta"])
    walk.here, walk.flow.evaluations = bool(meta["here"]), meta["evaluations"]
    if walk.descent is not None:
        walk.descent.halved, walk.descent.forced = meta.get("descent", (0, 0))  # older runs of fixed ansaetze have none
    followed = walk.sensitivity
    if followed is not None:
        for name, value in meta["followed"].items():
            setattr(followed, name, value)
        followed.tangent = kept.arrays["tangent"]
        followed.legs = [
            Leg(hamiltonians[place], walk.flow.used[place], kept.arrays[f"leg/{k}"].tolist())
            for k, place in enumerate(meta["legs"])
        ]


def _place(used: Sequence[Program], program: Program) -> int:
    return next(k for k, one in enumerate(used) if one is program)


def _added(used: Sequence[Program]) -> list[object]:
    """What made each ansatz from the one before: the strings of a generator, or a finer grid."""
    out: list[object] = []
    for before, after in zip(used[:-1], used[1:]):
        new = after.gates[len(before.gates) :]
        same = all(a is b for a, b in zip(before.gates, after.gates)) and after.num_qubits == before.num_qubits
        out.append([[g.x, g.z] for g in new if isinstance(g, PauliRotation)] if same and new else _FINER)
    return out


def _grown_again(walk: Walk, added: Sequence[Any], finer: Finer | None) -> list[Any]:
    """Let the ansatz grow as it did, behind what it has grown by at the start; the Hamiltonian that each was used with."""
    hamiltonians = [walk.flow.h] * len(walk.flow.used)
    for one in added[len(walk.flow.used) - 1 :]:
        program = walk.flow.used[-1]
        if one == _FINER:
            assert finer is not None
            program = finer(program)
        else:
            program = longer(program, [(int(x), int(z)) for x, z in one])
        walk.flow.use(program)
        hamiltonians.append(walk.flow.h)
    return hamiltonians


def joined(rows: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Angles at some times, of which there may be more later, as two arrays."""
    counts = np.array([len(row) for row in rows], dtype=int)
    return {"parameters": np.concatenate([np.zeros(0), *rows]), "counts": counts}


def unjoined(arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """:func:`joined`, undone."""
    return np.split(arrays["parameters"], np.cumsum(arrays["counts"])[:-1]) if len(arrays["counts"]) else []
