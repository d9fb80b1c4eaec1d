"""The table that `python -m benchmarks --quick` and `--full` write: RESULTS.md and RESULTS.json, ours beside peers in one process.

Each row is the median of five runs in turns, in CPU seconds of one thread, or a count of gates. The ratio is the peer's number over ours:
above 1 ours is better, below 1 the peer wins, and the table says so. Over several sizes the growth ``2^(a n)`` with the qubits n is fitted.
"""

from __future__ import annotations

import json
import math
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .timing import medians

PACKAGES = (
    "qml-dynamics", "numpy", "scipy", "qiskit", "qiskit-aer", "qiskit-algorithms", "pennylane", "pennylane-lightning",
    "jax", "qutip", "dynamiqs", "ducc0",
)  # fmt: skip
HERE = Path(__file__).parent
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


Pair = tuple[Callable[[], object], Callable[[], object]]


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        work, peer: what is done, and what stands beside it.
        make: of a number of qubits: two functions; of a count, that return it. A peer that is not there raises ``ImportError``.
        quick, full: the sizes of either form.
        unit: ``"s"``, or what is counted.
        own: whether ours stands beside itself, to show what an option costs: then nobody wins.
        note: what else is to be said of the numbers at a size, once they are known.
    """

    work: str
    peer: str
    make: Callable[[int], Pair]
    quick: tuple[int, ...]
    full: tuple[int, ...]
    unit: str = "s"
    own: bool = False
    note: Callable[[int], str] = lambda qubits: ""

    @property
    def timed(self) -> bool:
        """Whether seconds are measured."""
        return self.unit == "s"


@dataclass
class Result:
    """One line: a row at one size."""

    qubits: int
    ours: float
    peer: float
    note: str = ""

    @property
    def ratio(self) -> float:
        """The peer's number over ours."""
        return self.peer / self.ours if self.ours else math.inf


@dataclass
class Table:
    """What was measured of one row."""

    work: str
    peer: str
    unit: str
    results: list[Result] = field(default_factory=list)
    own: bool = False
    missing: str = ""

    def growth(self, whose: str) -> float | None:
        """The exponent a of ``2^(a n)``, by least squares; None for one size."""
        points = [(r.qubits, math.log2(getattr(r, whose))) for r in self.results if getattr(r, whose) > 0]
        if len({n for n, _ in points}) < 2:
            return None
        middle = sum(n for n, _ in points) / len(points)
        return sum((n - middle) * y for n, y in points) / sum((n - middle) ** 2 for n, _ in points)


def measured(row: Row, sizes: Sequence[int]) -> Table:
    """A row at these sizes; one whose peer is not installed says so."""
    table = Table(row.work, row.peer, row.unit, own=row.own)
    for qubits in sizes:
        try:
            ours, peer = row.make(qubits)
        except ImportError as error:
            table.missing = f"{error.name or error} is not installed; `make bench` installs it"
            break
        pair = medians(ours, peer) if row.timed else (float(ours()), float(peer()))  # type: ignore[arg-type]
        table.results.append(Result(qubits, *pair, row.note(qubits)))
    return table


def machine() -> dict[str, str | int]:
    """What the numbers were measured on."""
    text = Path("/proc/cpuinfo").read_text(errors="replace") if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return {
        "system": platform.system(),
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Of ours and of the peers that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def spent() -> float:
    """CPU seconds of this process and of the children that have ended."""
    return sum(os.times()[:4])


def number(value: float, unit: str) -> str:
    """As it stands in the table."""
    return f"{value:,.0f}" if unit != "s" else f"{value:.3g}"


def lines(tables: Sequence[Table], command: str, seconds: float) -> Iterator[str]:
    """RESULTS.md."""
    here = machine()
    yield "# Results"
    yield ""
    yield (
        f"`{command}`, {time.strftime('%Y-%m-%d')}: {here['processor']}, {here['cores']} cores, {here['system']}, Python {here['python']}; "
        f"{seconds:.0f} CPU seconds in all."
    )
    yield ""
    yield "Versions: " + ", ".join(f"{name} {number}" for name, number in versions().items()) + "."
    yield ""
    yield (
        "Median of five runs in turns, CPU seconds of one thread (s), or gates on two qubits (CX). Ratio: the peer's number over ours. "
        "Growth: a in 2^(a n) for n qubits, fitted to the sizes shown."
    )
    yield ""
    yield "| work | peer | qubits | unit | ours | peer's | ratio | growth, ours; peer's | |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for table in tables:
        if table.missing:
            yield f"| {table.work} | {table.peer} | | | | | | | {table.missing} |"
        growths = [table.growth(whose) for whose in ("ours", "peer")]
        told = "; ".join("" if g is None else f"{g:.2f}" for g in growths).strip("; ")
        for k, result in enumerate(table.results):
            mine, theirs = (number(value, table.unit) for value in (result.ours, result.peer))
            word = "**the peer wins**" if result.ratio < 1 and not table.own else ""
            word = "; ".join(part for part in (word, result.note) if part)
            last = told if k == len(table.results) - 1 else ""
            cells = (
                table.work,
                table.peer,
                str(result.qubits),
                table.unit,
                mine,
                theirs,
                f"{result.ratio:.2f}",
                last,
                word,
            )
            yield f"| {' | '.join(cells)} |"


def write(quick: bool, rows: Sequence[Row], folder: Path = HERE, say: Callable[[str], None] = print) -> Path:
    """Measure all rows and write both files; returns that of the table."""
    warnings.simplefilter("ignore")
    if any(os.environ.get(name) != "1" for name in ONE_THREAD[:2]):
        say(f"numbers of one thread need {' and '.join(ONE_THREAD[:2])} to be 1 before Python starts")
    command = f"python -m benchmarks {'--quick' if quick else '--full'}"
    start, tables = spent(), []
    for row in rows:
        tables.append(measured(row, row.quick if quick else row.full))
        say(f"{row.work}: " + ", ".join(f"{r.qubits}: {r.ratio:.2f}" for r in tables[-1].results) + tables[-1].missing)
        sys.stdout.flush()
    text = "\n".join(lines(tables, command, spent() - start)) + "\n"
    data = {"command": command, "machine": machine(), "versions": versions(), "tables": []}
    for table in tables:
        results = [{**asdict(r), "ratio": r.ratio, "peer_wins": r.ratio < 1 and not table.own} for r in table.results]
        growth = {whose: table.growth(whose) for whose in ("ours", "peer")}
        data["tables"].append({**asdict(table), "results": results, "growth": growth})  # type: ignore[union-attr]
    (folder / "RESULTS.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    out = folder / "RESULTS.md"
    out.write_text(text, encoding="utf-8")
    return out
