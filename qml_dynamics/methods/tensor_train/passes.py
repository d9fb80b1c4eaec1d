"""Runs of trains that are kept while they go on: each where it stands, so that another process goes on from there bit by bit.

A call goes through several: with other cutoffs, with half the step, of another order, and one by which the error is measured. They
follow from the call, so that each is known by its number; the order and the steps that it has are kept beside it, and compared.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.archive import DAMAGE, Unreadable, checked, of, reading
from ...base.differing import differences
from ...results.journal import Entry, Scope
from .moving import Memory, Moving, Reached
from .stored import restored_train, train_arrays

if TYPE_CHECKING:
    from .runs import Run

_QUICK = 0.2  # seconds below which a run is made again rather than kept when it is done


@dataclass(frozen=True, eq=False)
class Standing:
    """Where a run stands.

    Attributes:
        points: how many saved times it has reached.
        wave: on its way from there; None where all are reached.
        done: moves since the last of these times.
        memory: of its engine, after them.
    """

    points: int
    wave: Moving | None
    done: int = 0
    memory: Memory = Memory()


class Track:
    """One run in a journal; without one nothing is kept.

    Args:
        loop: where it is kept.
        sites: of its trains.
        saves: how many saved times it has.
        plan: what was chosen for it: the order, the steps and the cutoffs.
    """

    def __init__(self, loop: Scope | None, sites: int, saves: int, plan: Mapping[str, object]) -> None:
        self.loop, self.sites, self.saves, self.plan = loop, sites, saves, plan
        self.began = time.monotonic()

    def restored(self) -> tuple[Standing, list[Reached]] | None:
        """Where an earlier process has left it, and the points that it had reached; None at the start.

        Raises:
            ProblemError: what is kept is damaged.
        """
        found = None if self.loop is None else self.loop.load_state()
        if found is None:
            return None
        assert self.loop is not None
        must = f"Argument `folder` must hold the runs of this call, but {self.loop.name} of {self.loop.journal.folder} is none"
        with reading(must, damage=(*DAMAGE, TypeError)):
            return self._read(found)

    def _read(self, found: Entry) -> tuple[Standing, list[Reached]]:
        differing = differences(dict(self.plan), of(found.meta.get("plan"), dict, "plan"), was="the folder's is")
        if differing:
            raise Unreadable(f"it must be of the order and the steps that this call has chosen, but {differing[0]}")
        rows = checked(found.arrays, "points", "f", (None, 5), bounded=False)
        if not 1 <= len(rows) <= self.saves:
            raise Unreadable(f"it must have reached 1 to {self.saves} times, but has {len(rows)}")
        points = []
        for number, (at, log, lost, capped, rank) in enumerate(rows.tolist()):
            train = restored_train(found.arrays, self.sites, f"point-{number}/")
            points.append(Reached(at, train, log, lost, capped, int(rank)))
        if found.meta.get("whole"):
            return Standing(len(rows), None), points
        log, lost, capped, rank = checked(found.arrays, "account", "f", (4,)).tolist()
        wave = Moving(restored_train(found.arrays, self.sites, "wave/"), log, lost, capped, int(rank))
        done = of(found.meta.get("done"), int, "done")
        return Standing(len(rows), wave, done, self._memory(found)), points

    def _memory(self, found: Entry) -> Memory:
        said: dict[str, Any] = of(found.meta.get("engine"), dict, "engine")
        seeds = checked(found.arrays, "seeds", "iu", (None, self.sites)) if "seeds" in found.arrays else None
        phases = [
            (of(key, str, "phase"), restored_train(found.arrays, self.sites, f"phase-{k}/"), of(log, float, "phase"))
            for k, (key, log) in enumerate(of(said.get("phases"), list, "phases"))
        ]
        moves = [(of(key, str, "move"), of(at, float, "move")) for key, at in of(said.get("moves"), list, "moves")]
        lowest = of(said.get("lowest"), (float, type(None)), "lowest")
        return Memory(seeds, lowest, tuple(phases), tuple(moves))

    def keep(self, standing: Standing, points: Sequence[Reached], always: bool = False) -> None:
        """Keep where it stands: at most once a second, or ``always``."""
        if self.loop is None:
            return
        memory, wave = standing.memory, standing.wave
        meta: dict[str, object] = {"done": standing.done, "whole": wave is None, "plan": self.plan}
        phases = [[key, float(log)] for key, _, log in memory.phases]
        lowest = None if memory.lowest is None else float(memory.lowest)
        meta["engine"] = {"phases": phases, "moves": [list(pair) for pair in memory.moves], "lowest": lowest}

        def arrays() -> dict[str, np.ndarray]:
            """Of the points, the wave, and what the engine has found."""
            reached = points[: standing.points]
            rows = [(p.time, p.log_norm, p.lost, p.capped, p.rank) for p in reached]
            out = {"points": np.array(rows, dtype=float).reshape(-1, 5)}
            for number, point in enumerate(reached):
                out |= train_arrays(point.train, f"point-{number}/")
            for number, (_, train, _) in enumerate(memory.phases):
                out |= train_arrays(train, f"phase-{number}/")
            if memory.seeds is not None:
                out["seeds"] = memory.seeds
            if wave is not None:
                out["account"] = np.array([wave.log, wave.lost, wave.capped, wave.rank], dtype=float)
                out |= train_arrays(wave.train, "wave/")
            return out

        self.loop.save_state(meta, {}, always, arrays)

    def finish(self, points: Sequence[Reached]) -> None:
        """Keep a run that is done, where it has taken longer than to read it."""
        self.keep(Standing(len(points), None), points, always=time.monotonic() - self.began > _QUICK)


class Passes:
    """The runs of one call, in the order in which they are gone through.

    Args:
        scope: where they are kept; None: nowhere.

    Attributes:
        runs: those that have begun.
    """

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope
        self.runs: list[Run] = []

    def track(self, run: Run) -> Track:
        """That of the next run."""
        self.runs.append(run)
        loop = None if self.scope is None else self.scope.run()
        plan = {"order": run.engine.order, "steps": run.steps, "cutoffs": list(run.engine.cutoffs)}
        return Track(loop, len(run.engine.begin), len(run.saves), plan)

    def furthest(self) -> Run | None:
        """The run that has reached the most times, the later of equals; None where none has begun."""
        return max(reversed(self.runs), key=lambda run: len(run.kept), default=None)
