"""The state of a variational run, stored and restored to the bit: angles, error bound, record, and sensitivity to rounding.

A module of its own beside `evolve`: the state of a run as it is kept in a folder. Waves, metric and force follow from the angles.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...results.journal import Entry
from ...results.trajectory import plain
from .sensitivity import Leg

if TYPE_CHECKING:
    from .evolve import Walk

_COUNTS = ("log_norm", "done", "total", "stride", "forced")
_FOLLOWED = ("spent", "stiff", "rose", "growth", "unseen", "rate", "source", "amplification", "moved")


def state(walk: Walk) -> Entry | None:
    """What a run needs to go on from its point; None while its ansatz may grow, and once it stands still, which costs nothing."""
    if walk.method.grow is not None or walk.reached:
        return None
    meta: dict[str, object] = {name: getattr(walk, name) for name in _COUNTS}
    meta |= {"time": float(walk.point.time), "evaluations": walk.flow.evaluations}
    meta |= {"angle": float(walk.bound.angle), "pieces": {k: float(v) for k, v in walk.bound.pieces.items()}}
    arrays = {f"rows/{name}": np.array(values) for name, values in walk.rows.items()}
    arrays["theta"] = walk.point.theta
    followed = walk.sensitivity
    if followed is not None:
        meta["followed"] = {name: getattr(followed, name) for name in _FOLLOWED}
        arrays["tangent"] = followed.tangent
        arrays["leg"] = np.array(followed.legs[0].times if followed.legs else [])
    return Entry(plain(meta), arrays)


def restore(walk: Walk, kept: Entry) -> None:
    """Bring a run that has just begun to where :func:`state` was told."""
    meta: dict[str, Any] = dict(kept.meta)
    for name in _COUNTS:
        setattr(walk, name, meta[name])
    walk.bound.angle, walk.bound.pieces = meta["angle"], dict(meta["pieces"])
    walk.rows = {n.removeprefix("rows/"): a.tolist() for n, a in kept.arrays.items() if n.startswith("rows/")}
    walk.flow.bounded = walk.bound.angle < math.pi / 2 or not walk.done
    walk.point = walk.flow.at(meta["time"], kept.arrays["theta"])
    walk.here, walk.flow.evaluations = True, meta["evaluations"]
    followed = walk.sensitivity
    if followed is not None:
        for name, value in meta["followed"].items():
            setattr(followed, name, value)
        followed.tangent = kept.arrays["tangent"]
        times = kept.arrays["leg"].tolist()
        followed.legs = [Leg(walk.flow.h, walk.flow.program, times)] if times else []
