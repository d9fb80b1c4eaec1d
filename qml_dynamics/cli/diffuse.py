"""``qml-dynamics diffuse``: a diffusion model of the rows of a CSV file, its samples, and their distance from held-out rows."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np

from .. import synthesis
from ..base.errors import MethodError, ProblemError, integer, one_of, real, require
from ..base.places import Place
from ..base.texts import parse_toml
from ..learning.diffusion import Diffusion, Scale, energy_distance, tuned_kernels
from ..methods.base import Stream, circuit_seed
from ..methods.imaginary.options import ProbabilisticITE
from ..methods.keeping import versions
from ..model.domains import Grid
from ..model.tables.account import Account
from ..model.tables.reading import Reading, column_named, default_features, numbers_of, read_table
from ..plotting import save_figure
from ..plotting.diffusion import plot_diffusion, plot_generated
from ..plotting.style import coarse
from ..results.trajectory import plain
from ..runs.problem_file.files import write_bytes
from ..runs.trajectory_file import FORWARD, RESULT, to_json
from . import pictures
from .folders import refuse_results, result_folder
from .run import terminal

NAME = "diffusion.toml"
SECTIONS = {
    "data": ("file", "columns", "label", "held_out", "missing"),
    "grid": ("bounds", "qubits"),
    "process": ("potential", "temperature", "bandwidth", "whiten"),
    "sample": ("n", "kind", "steps", "condition", "seed"),
    "circuit": ("method", "time", "circuit_qubits"),
}
METHODS = ("modes", "blocks")
_TIMES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # of the densities of a report
_POINTS, _BINS = {1: 128, 2: 32}, 32


@dataclass(frozen=True)
class Statement:
    """Data, grid, process, samples and circuit; ``bounds`` are of every axis, in standardised units."""

    file: Path
    columns: tuple[str, ...] = ()
    label: str | None = None
    held_out: float = 0.3
    missing: str = "refuse"
    bounds: tuple[float, float] = (-5.5, 5.5)
    qubits: int = 7
    potential: str = "ou"
    temperature: float = 1.0
    bandwidth: float | None = None
    whiten: bool = False
    n: int = 1000
    kind: str = "sde"
    steps: int = 100
    condition: str | None = None
    seed: int = 0
    method: str | None = None
    time: float = 0.5
    circuit_qubits: int = 5


class Options(TypedDict, total=False):
    """What the command line may set in a :class:`Statement`; None leaves it."""

    columns: Sequence[str] | None
    label: str | None
    n: int | None
    kind: str | None
    condition: str | None
    steps: int | None
    method: str | None
    time: float | None
    seed: int | None


def read_statement(source: Path, *, allow_code: bool = False, **options: Unpack[Options]) -> Statement:
    """A statement from a CSV file, a TOML file, or a folder that holds ``diffusion.toml``; options that are None leave it.

    Raises:
        ProblemError: a file is missing or cannot be read, a TOML file names data outside its folder without ``allow_code``, or
            a key has no meaning.
    """
    path = source / NAME if source.is_dir() else source
    if not path.is_file():
        raise ProblemError(
            f"Argument `problem` must be a CSV file, a diffusion.toml or its folder, but {path} is no file."
        )
    stated: dict[str, Any] = _from_toml(path, allow_code) if path.suffix == ".toml" else {"file": path}
    stated.update({key: value for key, value in options.items() if value is not None})
    made = Statement(**stated)
    return replace(
        made,
        held_out=_share(made.held_out),
        qubits=integer(made.qubits, "qubits", 2, 10),
        seed=integer(made.seed, "seed", 0, 2**63),
        circuit_qubits=integer(made.circuit_qubits, "circuit_qubits", 2, 8),
        method=None if made.method is None else one_of(made.method, "method", METHODS, MethodError),
        columns=tuple(made.columns),
        missing=one_of(made.missing, "missing", ("refuse", "drop")),
    )


def _share(value: float) -> float:
    share = real(value, "held_out", nonnegative=True)
    require(share < 1, "held_out", "be below 1", share)
    return share


def _from_toml(path: Path, allow_code: bool) -> dict[str, Any]:
    try:
        content = parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProblemError(f"{path.name} cannot be read: {' '.join(str(error).split())}") from None
    out: dict[str, Any] = {}
    for section, keys in content.items():
        one_of(section, "section", SECTIONS)
        require(isinstance(keys, dict), section, "be a section", keys)
        for key, value in keys.items():
            name = "circuit_qubits" if (section, key) == ("circuit", "qubits") else key
            one_of(name, f"[{section}] key", SECTIONS[section])
            out[name] = value
    require("file" in out, "[data] file", "be given", None)
    out["file"] = Place(path.parent, allow_code).file("data", "file", str(out["file"]))
    if "bounds" in out:
        pair = out["bounds"]
        require(isinstance(pair, list) and len(pair) == 2, "[grid] bounds", "be one pair [low, high]", pair)
        out["bounds"] = (real(pair[0], "bounds"), real(pair[1], "bounds"))
    assert set(out) <= {f.name for f in fields(Statement)}
    return out


def read_rows(stated: Statement) -> tuple[np.ndarray, tuple[str, ...], np.ndarray | None, Account]:
    """Rows, the names of their columns (default: the first two of numbers), the class of each row, and what was read."""
    known = [*stated.columns, *([] if stated.label is None else [stated.label])]
    table = read_table(stated.file, known, Reading(missing=stated.missing))
    columns, why = stated.columns, dict[str, str]()
    if not columns:
        numeric, _, why = default_features(table, [] if stated.label is None else [stated.label])
        whole = [f.name for f in numeric if stated.missing == "drop" or not table.known[f.column].missing]
        require(bool(whole), "file", "have a column of numbers", str(stated.file))
        columns = tuple(whole[:2])
    require(len(columns) <= 2, "columns", "be one or two", list(columns))
    for name in columns:
        column_named(name, "columns", table)
    total, dropped = len(table.rows), 0
    if stated.missing == "drop":
        lacking = [[table.known[name].lacks(cell) for cell in table.column(name)] for name in columns]
        keep = [i for i, row in enumerate(zip(*lacking)) if not any(row)]
        dropped, table = total - len(keep), table.only(keep)
    rows = np.column_stack([numbers_of(table, name, "columns") for name in columns])
    labels = None if stated.label is None else np.array(table.column(column_named(stated.label, "label", table)))
    others = [(name, why.get(name, "not asked for")) for name in table.header if name not in (*columns, stated.label)]
    told = Account(table.source, table.told(), total, len(table.header), rows_used=len(rows), used=columns)
    return (
        rows,
        columns,
        labels,
        replace(told, target=stated.label or "", left_out=tuple(others), missing=stated.missing, rows_dropped=dropped),
    )


FILES = ("samples.csv", RESULT, FORWARD, "modes.qasm", "blocks.qasm", "diffusion.png", "report.html")
BLOCKS = ProbabilisticITE(1.0, 2, order=2, block="exact")


class Fit:
    """A model of the training rows, and the rows held out, both standardised by the training rows."""

    def __init__(self, stated: Statement) -> None:
        rows, self.columns, labels, self.account = read_rows(stated)
        order = np.random.default_rng(stated.seed).permutation(len(rows))
        held = round(stated.held_out * len(rows))
        self.scale = Scale.fit(rows[order[held:]], stated.whiten)
        self.held_out = self.scale.to_box(rows[order[:held]]) if held else np.empty((0, rows.shape[1]))
        self.train = self.scale.to_box(rows[order[held:]])
        self.labels = None if labels is None else labels[order[held:]]
        self.held_labels = None if labels is None else labels[order[:held]]
        self.stated = stated
        self.model = self.on(stated.qubits)

    def on(self, qubits: int) -> Diffusion:
        """The model on a grid of so many qubits an axis."""
        stated = self.stated
        grid = Grid([stated.bounds] * self.train.shape[1], qubits)
        width = stated.bandwidth if qubits == stated.qubits else None
        return Diffusion(grid, self.train, stated.potential, stated.temperature, width, self.labels)

    def tests(self) -> np.ndarray:
        """Held-out rows that the samples are compared with: those of the class, where one is asked for."""
        if self.stated.condition is None or self.held_labels is None:
            return self.held_out
        out: np.ndarray = self.held_out[self.held_labels == self.stated.condition]
        return out


def diffuse_command(
    source: Path,
    out: Path | None,
    *,
    as_json: bool,
    plots: bool = True,
    force: bool = False,
    allow_code: bool = False,
    **options: Unpack[Options],
) -> int:
    """Fit, generate, compare with held-out rows, and write samples, pictures and a program."""
    console = terminal(as_json)
    stated = read_statement(source, allow_code=allow_code, **options)
    if out is not None:
        refuse_results(out, FILES, force)
    begun = time.perf_counter()
    fit = Fit(stated)
    model = fit.model
    seed = circuit_seed(stated.seed, Stream.DIFFUSION, 2)  # not that of the split
    made = model.sample(stated.n, seed, stated.kind, stated.condition, stated.steps)
    with result_folder(out, Path("diffused"), FILES, force=True) as (draft, folder):
        written = [_write_samples(draft / "samples.csv", fit, made)]
        facts = _facts(fit, made)
        if stated.method is not None:
            file, more = _write_program(draft, fit)
            written.append(file)
            facts["circuit"] = more
        again = _command(source, stated, allow_code, options)
        written += _write_facts(draft, fit, made, {**facts, "command": again}, time.perf_counter() - begun)
        if plots and pictures.available():
            written.append(_draw(draft / "diffusion.png", fit, made))
    files = [folder / file.name for file in written]
    if as_json:
        print(to_json({**facts, "files": [str(file) for file in files]}))
        return 0
    for line in [*str(fit.account).split("\n"), *_told(facts)]:
        console.print(line, markup=False, highlight=False)
    for file in files:
        console.print(f"file: {file}", markup=False, highlight=False)
    return 0


def _facts(fit: Fit, made: np.ndarray) -> dict[str, Any]:
    stated, model, tests = fit.stated, fit.model, fit.tests()
    facts: dict[str, Any] = {
        "table": fit.account.as_data(),
        "columns": list(fit.columns),
        "rows": {"training": len(fit.train), "held_out": len(fit.held_out)},
        "potential": stated.potential,
        "bandwidth": model.bandwidths.get(str(stated.condition), model.bandwidth),
        "t_max": model.t_max,
        "kind": stated.kind,
        "condition": stated.condition,
        "probability_of_condition": model.probability(stated.condition),
        "samples": len(made),
        "mean": fit.scale.from_box(made).mean(axis=0),
        "standard_deviation": fit.scale.from_box(made).std(axis=0),
    }
    if len(tests) > 1:
        distances = {"generated": energy_distance(made, tests)}
        if stated.condition is None and len(fit.train) >= 10:
            folds, drawn = (circuit_seed(stated.seed, Stream.DIFFUSION, k) for k in (0, 1))
            kernels = tuned_kernels(fit.train, folds).sample(len(made), drawn)
            distances.update(tuned_kernels=energy_distance(kernels, tests), training=energy_distance(fit.train, tests))
        facts["energy_distance_to_held_out"] = distances
    return facts


def _write_facts(out: Path, fit: Fit, made: np.ndarray, facts: dict[str, Any], seconds: float) -> list[Path]:
    """``result.json`` and ``forward.json``, of which a report is made: facts, histograms, and densities while noise comes in."""
    stated = fit.stated
    asked = {f.name: getattr(stated, f.name) for f in fields(stated) if getattr(stated, f.name) is not None}
    said = {
        **facts,
        "seen": _seen(fit, made),
        "asked": {**asked, "file": str(stated.file)},
    }
    said |= {"provenance": {"seed": stated.seed, "seconds": seconds, "versions": versions()}}
    write_bytes(out / RESULT, (to_json(plain(said)) + "\n").encode())
    model, most = fit.model, _POINTS[fit.model.domain.ndim]
    laws = model.forward(_TIMES, stated.condition) / model.domain.cell_volume
    for axis in range(model.domain.ndim):
        laws = coarse(laws, axis + 1, most)
    axes = [coarse(axis, limit=most) for axis in model.domain.axes]
    forward = {"times": _TIMES, "axes": axes, "density": laws}
    write_bytes(out / FORWARD, (to_json(plain(forward)) + "\n").encode())
    return [out / RESULT, out / FORWARD]


def _seen(fit: Fit, made: np.ndarray) -> dict[str, Any]:
    """Histograms of generated, held-out and training rows of each column, in the units of the file, as densities."""
    groups = {"generated": made, "held_out": fit.tests(), "training": fit.train}
    rows = {name: fit.scale.from_box(each) for name, each in groups.items() if len(each) > 1}
    found: dict[str, Any] = {}
    for number, name in enumerate(fit.columns):
        edges = np.histogram_bin_edges(np.concatenate([each[:, number] for each in rows.values()]), _BINS)
        counts = {key: np.histogram(each[:, number], edges, density=True)[0] for key, each in rows.items()}
        found[name] = {"edges": edges, **counts}
    return found


def _command(source: Path, stated: Statement, allow_code: bool, given: Mapping[str, Any]) -> list[str]:
    """The command that asks for the same: a diffusion.toml, which holds more than options say, with those that were given; a table
    with all of them."""
    table = source.is_file() and source.suffix != ".toml"
    known: Mapping[str, Any] = vars(stated) if table else given
    said: dict[str, object] = {"columns": ",".join(known.get("columns") or ()) or None}
    names = {"n": "samples", "method": "program"}
    said |= {names.get(n, n): known.get(n) for n in ("label", "n", "kind", "condition", "steps", "method", "seed")}
    said |= {"time": known.get("time") if stated.method else None}
    words = ["qml-dynamics", "diffuse", str(source), *(["--allow-code"] if allow_code else [])]
    return words + [f"--{name}={value}" for name, value in said.items() if value is not None]


def _told(facts: dict[str, Any]) -> list[str]:
    """Lines for people."""
    rows, columns = facts["rows"], ", ".join(facts["columns"])
    lines = [
        f"data: {columns}; {rows['training']} rows for training, {rows['held_out']} held out",
        f"process: {facts['potential']}, kernels of width {facts['bandwidth']:.3f} (standardised), t_max = {facts['t_max']:.3g}",
        f"generated: {facts['samples']} by {facts['kind']}, mean {np.round(facts['mean'], 3)}, "
        f"standard deviation {np.round(facts['standard_deviation'], 3)}",
    ]
    if facts["condition"] is not None:
        lines.append(f"condition: {facts['condition']}, of probability {facts['probability_of_condition']:.4g}")
    distances = facts.get("energy_distance_to_held_out")
    if distances:
        told = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in distances.items())
        lines.append(f"energy distance to held-out rows: {told}")
    if "circuit" in facts:
        c = facts["circuit"]
        lines.append(
            f"circuit: {c['method']}, t = {c['time']:g}, {c['qubits']} qubits, {c['two_qubit_gates']} two-qubit gates, "
            f"success probability {c['success_probability']:.4f}"
        )
    return lines


def _write_samples(path: Path, fit: Fit, made: np.ndarray) -> Path:
    text = io.StringIO()
    np.savetxt(text, fit.scale.from_box(made), fmt="%.8g", delimiter=",", header=",".join(fit.columns), comments="")
    write_bytes(path, text.getvalue().encode())
    return path


def forward_program(fit: Fit) -> tuple[str, dict[str, Any]]:
    """The OpenQASM 3 text of the forward process, and its facts."""
    stated = fit.stated
    modes = stated.method == "modes"
    model = fit.model if modes else fit.on(stated.circuit_qubits)
    method: Any = "modes" if modes else BLOCKS
    circuit, law = model.circuit(stated.time, method), model.run(stated.time, method)
    width = circuit.num_qubits // 2 if modes else model.domain.num_qubits
    notes = [
        f"forward diffusion of {', '.join(fit.columns)}, t = {stated.time:g}, kernels of width {model.bandwidth:.6g}",
        f"register: the lowest {width} qubits; keep an outcome where all others read 0",
    ]
    text = synthesis.qasm.to_qasm3(circuit, name=f"diffusion_{stated.method}", notes=notes, digits=10, measure=True)
    facts = {
        "method": stated.method,
        "time": stated.time,
        "qubits": circuit.num_qubits,
        "two_qubit_gates": circuit.num_nonlocal_gates(),
        "success_probability": law.success_probability,
        "points": model.domain.size,
        "largest_probability": float(law.density.max()),
    }
    return text, facts


def _write_program(out: Path, fit: Fit) -> tuple[Path, dict[str, Any]]:
    text, facts = forward_program(fit)
    path = out / f"{fit.stated.method}.qasm"
    write_bytes(path, text.encode())
    return path, facts


def _draw(path: Path, fit: Fit, made: np.ndarray) -> Path:
    stated, model = fit.stated, fit.model
    names = [name.replace("_", " ") for name in fit.columns]
    if model.domain.ndim == 1:
        sde = model.paths(2000, stated.seed, "sde", steps=150)
        ode = model.paths(18, stated.seed, "ode", steps=150)
        return save_figure(plot_diffusion(model, sde, ode, f"{names[0]} (standardised)"), path, dpi=100)
    classes = {c: model.sample(120, stated.seed, condition=c, steps=60) for c in model.classes[:4]}
    return save_figure(plot_generated(model, made, fit.held_out, classes, names, fit.scale), path, dpi=100)
