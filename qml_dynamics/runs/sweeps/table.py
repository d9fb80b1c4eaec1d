"""The table of a sweep: one row a point, with its keys, its quantities and their standard errors, and what failed."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.archive import DAMAGE, of, reading
from ...base.arguments import checks_arguments
from ...base.errors import MethodError, ProblemError, describe, integer, require
from ...base.places import refuse_links
from ...base.printing import cut
from ...base.texts import parse_json
from ...results.trajectory import Trajectory
from ..problem_file.files import write_bytes
from ..trajectory_file import load
from .frames import dataframe, dataset
from .points import SEED, Axes, Point, axes, every_point
from .statement import seed_in
from .worker import POINTS, kept

if TYPE_CHECKING:
    import pandas
    import xarray

TABLE = "table.csv"
FILE, FORMAT = "sweep.json", 1
DONE, FAILED, OPEN = "done", "failed", "open"


@dataclass(frozen=True, eq=False)
class Sweep:
    """What came out of a sweep.

    Attributes:
        folder: of the sweep; ``points/000007`` in it is the run folder of point 7.
        axes: what it went over.
        rows: one a point, in order: ``index``, the keys, ``seed`` of its run, ``status`` ("done", "failed", or "open" where the sweep was
            interrupted), the quantities at the end of the run, ``notes`` (what the run warned of), and ``error`` of a failed one.
        stop: why it ended.
    """

    folder: Path
    axes: Axes
    rows: tuple[Mapping[str, Any], ...]
    stop: str
    temporary: tempfile.TemporaryDirectory[str] | None = None  # kept as long as this object

    @property
    def keys(self) -> tuple[str, ...]:
        """The dotted keys, in the order in which they vary: the last fastest."""
        return tuple(key for group in self.axes.groups for key in group)

    @property
    def quantities(self) -> tuple[str, ...]:
        """The names of what the rows tell of the runs."""
        known = {"index", "seed", "status", "notes", "error", *self.keys}
        return tuple(dict.fromkeys(name for row in self.rows for name in row if name not in known))

    @property
    def failures(self) -> tuple[Mapping[str, Any], ...]:
        """The rows of points that failed, each with its ``error``."""
        return tuple(row for row in self.rows if row["status"] == FAILED)

    def values(self, quantity: str) -> np.ndarray:
        """A quantity over the points, shape ``axes.shape``; NaN where there is none.

        Raises:
            MethodError: no run tells such a number.
        """
        found = [row.get(quantity) for row in self.rows]
        numbers = [isinstance(value, (int, float)) and not isinstance(value, bool) for value in found]
        listed = ", ".join(q for q in self.quantities if not q.endswith("_stderr"))
        require(any(numbers), "quantity", f"be one of {listed}", quantity, MethodError)
        return np.array([v if ok else np.nan for v, ok in zip(found, numbers)], dtype=float).reshape(self.axes.shape)

    def trajectory(self, index: int) -> Trajectory:
        """The run of one point, read from its folder.

        Raises:
            MethodError: there is no such point. ProblemError: it has not run, or its folder was changed.
        """
        name = Point(integer(index, "index", 0, len(self.rows) - 1, MethodError), {}, 0).name
        return load(self.folder / POINTS / name, allow_code=False)

    @classmethod
    @checks_arguments
    def load(cls, folder: str | os.PathLike[str]) -> Sweep:
        """The sweep in a folder that :func:`sweep` or ``qml-dynamics sweep`` has written, as far as it is done; nothing is run.

        Raises:
            ProblemError: the folder holds no sweep, or was changed.
        """
        where = Path(folder)
        must = f"Argument `folder` must be the folder of a sweep, but {where} is not"
        if not (where / FILE).is_file():
            raise ProblemError(f"{must}: it holds no {FILE}.")
        refuse_links(where, (FILE, TABLE, POINTS), False)
        with reading(must, damage=(*DAMAGE, TypeError, csv.Error)):
            said = of(parse_json((where / FILE).read_bytes()), dict, FILE)
            if of(said["format"], int, "format") > FORMAT:
                raise ValueError(f"it is of format {said['format']}, which a newer version of qml-dynamics wrote")
            groups = [of(group, list, "zip") for group in of(said["zip"], list, "zip")]
            over = axes(of(said["over"], dict, "over"), [group for group in groups if len(group) > 1])
            fixed = of(seed_in(of(said["sections"], dict, "sections")), (int, type(None)), "seed")
            points = every_point(over, int(of(said["entropy"], str, "entropy")), fixed)
            failed = _failed(where / TABLE)
        done = {point.index: row for point in points if (row := kept(where, point)) is not None}
        failed = {index: why for index, why in failed.items() if index not in done}
        return cls(where, over, rows_of(points, done, failed), stop_of(len(points), len(done), len(failed)))

    def columns(self) -> tuple[str, ...]:
        """The columns of the table."""
        return ("index", *self.keys, "seed", "status", *self.quantities, "notes", "error")

    def to_csv(self) -> str:
        """The table as CSV: numbers with all digits, lists as JSON, empty where there is nothing.

        ``pandas.read_csv`` reads it.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = self.columns()
        writer.writerow(names)
        writer.writerows([_cell(row.get(name)) for name in names] for row in self.rows)
        return text.getvalue()

    def save(self) -> Path:
        """Write ``table.csv`` into the folder, whole or not at all."""
        write_bytes(self.folder / TABLE, self.to_csv().encode())
        return self.folder / TABLE

    def to_dataframe(self) -> pandas.DataFrame:
        """The table as a ``pandas.DataFrame``, one row a point.

        Raises:
            MethodError: pandas is not installed.
        """
        return dataframe(self)

    def to_xarray(self) -> xarray.Dataset:
        """The quantities over the keys as an ``xarray.Dataset``: one dimension a key, or a group of keys that move together.

        Raises:
            MethodError: xarray is not installed.
        """
        return dataset(self)

    def __str__(self) -> str:
        over = " x ".join(f"{'+'.join(group)} ({many})" for group, many in zip(self.axes.groups, self.axes.shape))
        many = {status: sum(row["status"] == status for row in self.rows) for status in (DONE, FAILED, OPEN)}
        lines = [f"sweep of {len(self.rows):,} points over {over}"]
        lines.append(", ".join(f"{number:,} {status}" for status, number in many.items() if number))
        seeds = {row["seed"] for row in self.rows}
        if len(seeds) < min(len(self.rows), 2) and SEED not in self.keys:
            lines[-1] += f", all with seed {seeds.pop()} of the problem file"
        for name in ("energy", "objective", "best_loss"):
            if name in self.quantities and many[DONE]:
                lines.append(f"{name}: {self._span(name)}")
        warned = [row for row in self.rows if row.get("notes")]
        if warned:
            lines.append(f"{len(warned):,} with notes; point {warned[0]['index']}: {warned[0]['notes'][0]}")
        lines += [f"point {row['index']} failed: {row['error']}" for row in self.failures[:1]]
        return cut("\n".join([*lines, f"folder: {self.folder}", f"stop: {self.stop}"]))

    def _span(self, name: str) -> str:
        values = self.values(name)
        low, high = int(np.nanargmin(values)), int(np.nanargmax(values))
        at = [", ".join(f"{key} = {describe(self.rows[i][key])}" for key in self.keys) for i in (low, high)]
        return f"{values.flat[low]:.5g} at {at[0]} to {values.flat[high]:.5g} at {at[1]}"

    __repr__ = __str__


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, (int, float)) else value if isinstance(value, str) else json.dumps(value)


def _failed(path: Path) -> dict[int, str]:
    """The points that a written table calls failed, and why."""
    if not path.is_file():
        return {}
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    return {int(row["index"]): row["error"] for row in rows if row["status"] == FAILED}


def stop_of(total: int, done: int, failed: int, again: str = "") -> str:
    """Why a sweep ended, in a sentence.

    >>> stop_of(4, 3, 1), stop_of(4, 4, 0)
    ('3 of 4 points done, 1 failed.', 'All 4 points done.')
    """
    if failed or done < total:
        return f"{done:,} of {total:,} points done{again}" + (f", {failed:,} failed." if failed else ".")
    return f"All {total:,} points done{again}."


def rows_of(
    points: Sequence[Point], found: Mapping[int, Mapping[str, Any]], failed: Mapping[int, str]
) -> tuple[dict[str, Any], ...]:
    """The rows of a table: what is known of each point."""
    rows = []
    for point in points:
        row: dict[str, Any] = {"index": point.index, **point.changes, "seed": point.seed}
        if point.index in found:
            row |= {"status": DONE, **found[point.index]}
        elif point.index in failed:
            row |= {"status": FAILED, "error": failed[point.index]}
        else:
            row["status"] = OPEN
        rows.append(row)
    return tuple(rows)
