"""``qml-dynamics new NAME``: a folder with a problem file that runs, its lines explained, for a table, an operator or a loss."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np

from ..base.errors import ProblemError, require
from ..base.folders import filled, folder_path
from ..model.objectives import expression, named
from ..model.objectives.data import Dataset, labelled, labels_of, load_data
from ..model.objectives.registry import NAMED
from ..model.tables.reading import Feature, Reading, Table, column_named, numbers_of, read_table, tried_values
from ..runs.problem_file import read_operator
from ..runs.problem_file.editors import LINE, put_schema
from ..runs.problem_file.files import to_toml, write_bytes

SAMPLES = {"iris": "iris.csv", "h2": "h2.txt"}
_OF_TABLES = ("target", "classes", "separator", "decimal", "encoding", "missing")
_MOST_CLASSES = 20
_BOX = 3.0  # of each weight of an expression
_CHOSEN = "Where none is named, the one below runs by NumPy, and circuits with a --backend (what they take: qml-dynamics cost)."
_WEIGHTS = 2  # features that are chosen of a table: the grid has as many axes


@dataclass(frozen=True)
class Wish:
    """What a new problem is about: at most one of a table, an operator, a loss and a sample; of a table also how it is read."""

    data: Path | None = None
    target: str | None = None
    operator: Path | None = None
    dataset: str | None = None
    loss: str | None = None
    sample: str | None = None
    classes: tuple[str, str] | None = None
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    missing: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("data", "operator", "loss", "sample") if getattr(self, name) is not None]
        require(len(given) < 2, given[-1] if given else "data", f"be absent beside --{''.join(given[:1])}", "given")
        for name in _OF_TABLES:
            value = getattr(self, name)
            require(value is None or self.data is not None, name, "be absent without --data", value)
        require(
            self.dataset is None or self.operator is not None, "dataset", "be absent without --operator", self.dataset
        )

    def reading(self) -> dict[str, str]:
        """What is said of how the table is read, under the names of the reader and of `[objective]`."""
        said = {name: getattr(self, name) for name in ("separator", "decimal", "encoding", "missing")}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True)
class Draft:
    """A problem file in the making: its text, and the file that it names, if any."""

    text: str
    file: Path | None = None


def new_command(name: Path, wish: Wish) -> int:
    """Write the folder, and say how it is run.

    Raises:
        ProblemError: the folder holds a problem already, or what was given cannot be read.
    """
    free = not folder_path(name, "name").exists() or not any(name.iterdir() if name.is_dir() else [name])
    require(free, "name", "be a new or an empty folder", str(name))
    draft = _draft(wish)
    with filled(name, "name", stale=()) as folder:
        write_bytes(folder / "problem.toml", draft.text.encode())
        put_schema(folder)
        if draft.file is not None:
            write_bytes(folder / draft.file.name, draft.file.read_bytes())
    print(f"{name / 'problem.toml'} is written: qml-dynamics run {name}")
    return 0


def _draft(wish: Wish) -> Draft:
    if wish.data is not None:
        return _of_table(wish.data, wish.target, wish.classes, wish.reading())
    if wish.operator is not None:
        return _of_operator(wish.operator, wish.dataset)
    if wish.loss is not None:
        return _of_loss(wish.loss)
    sample = "iris" if wish.sample is None else wish.sample
    require(sample in SAMPLES, "sample", f"be one of {', '.join(SAMPLES)}", sample)
    path = Path(str(package_files("qml_dynamics.runs") / "samples" / SAMPLES[sample]))
    if sample == "h2":
        return _of_operator(path, None)
    return _of_table(path, "species", None, {})


def _text(title: str, sections: dict[str, dict[str, object]], notes: dict[str, str]) -> str:
    """The problem file, a comment before each section; the method is the default one, which is left to `--backend` and to the reader."""
    parts = [LINE, f"# {title}", "# Every key: qml-dynamics list objectives | schedules | methods | backends.", ""]
    for name, keys in sections.items():
        parts += [f"# {each}" for each in notes.get(name, "").splitlines()]
        text = to_toml({name: keys})
        parts += [text if name != "method" else "".join(f"# {each}\n" for each in text.splitlines())]
    return "\n".join(parts)


def _of_table(path: Path, target: str | None, classes: tuple[str, str] | None, said: dict[str, str]) -> Draft:
    table = read_table(path, [] if target is None else [target], Reading(**said))  # type: ignore[arg-type]
    if target is None:
        listed = ", ".join(table.header[:12])
        raise ProblemError(f"Argument `target` must name the column of the class, one of {listed}, but is missing.")
    column_named(target, "target", table)
    known = labels_of(labelled(table, target), target)
    counts = Counter(known)
    if classes is None:
        _refuse_numbers(table, target, counts)
        must = f"hold two to {_MOST_CLASSES} classes"
        require(1 < len(counts) <= _MOST_CLASSES, "target", must, f"of {len(counts)} different values")
    two = sorted(name for name, _ in counts.most_common(2)) if classes is None else list(classes)
    data, missing = _loaded(path, target, two, len(known) < len(table.rows), said)
    assert data.account is not None
    objective: dict[str, object] = {
        "data": path.name,
        "target": {"column": target, "classes": list(data.classes)},
        "features": list(data.features),
        "model": "neuron",
        "l2": 0.01,
    }
    objective |= {name: value for name, value in said.items() if name != "missing"}
    if missing != "refuse":
        objective["missing"] = missing
    ndim = len(data.features)
    others = (
        f"\nOther classes, left out: {', '.join(sorted(set(counts) - set(data.classes))[:8])}."
        if len(counts) > 2
        else ""
    )
    told = str(data.account)
    notes = {
        "domain": "One weight a feature: a grid of 2^qubits points on each axis.",
        "objective": f"The loss of a logistic neuron on these rows. The second class is the positive one.{others}\n{told}",
        "diffusion": "How far the wave spreads: it explores first and settles as this falls.",
        "evolution": 'The imaginary clock anneals; "real" tunnels.',
        "method": f'{_CHOSEN}\nTrotter steps instead: --method trotter --backend aer --shots 4000, with clock = "real".',
    }
    sections: dict[str, dict[str, object]] = {
        "domain": {"kind": "grid", "bounds": [[-6.0, 6.0]] * ndim, "qubits": 5},
        "objective": objective,
        "diffusion": {"schedule": "geometric", "params": {"start": 0.5, "stop": 0.05}},
        "evolution": {"clock": "imaginary", "duration": 20.0},
        "method": {"kind": "split_step", "steps": 400, "order": 4},
    }
    return Draft(
        _text(f"A neuron learns `{target}` of {path.name}: {' against '.join(data.classes)}.", sections, notes), path
    )


def _refuse_numbers(table: Table, target: str, counts: Counter[str]) -> None:
    """Refuse a column of continuous numbers, two values of which are no classes, with what serves it."""
    if table.known[target].kind == "undecided":
        numbers_of(table, target, "target")  # refused: what the commas are must be said
    if len(counts) <= 2 or table.known[target].kind not in ("number", "percent"):
        return
    values = tried_values(table, Feature(target, target))
    values = values[np.isfinite(values)]
    if len(counts) > _MOST_CLASSES or (values != np.round(values)).any():
        raise ProblemError(
            f"Argument `target` must hold classes, but column `{target}` holds {len(counts)} different numbers: a number is learned by "
            "qml_dynamics.sklearn.QuantumDynamicsRegressor; for classes cut the column into a few words, or name two of its values by "
            "--classes."
        )


def _loaded(path: Path, target: str, two: list[str], gaps: bool, said: dict[str, str]) -> tuple[Dataset, str]:
    """The data set of the two most telling features, or the one that there is, and the policy for missing values that it needs."""
    how = {name: value for name, value in said.items() if name != "missing"}
    missing, count = said.get("missing", "drop" if gaps else "refuse"), _WEIGHTS
    while True:
        try:
            data = load_data(path, target=target, classes=two, num_features=count, missing=missing, **how)  # type: ignore[arg-type]
            return data, missing
        except ProblemError as error:
            if "`num_features`" in str(error) and count > 1:
                count -= 1
            elif "missing=" in str(error) and missing == "refuse" and "missing" not in said:
                missing = "drop"
            else:
                raise


def _of_operator(path: Path, dataset: str | None) -> Draft:
    terms = read_operator(path, dataset=dataset)
    size = max((abs(c) for label, c in zip(terms.labels, terms.coefficients) if set(label) != {"I"}), default=1.0)
    stated: dict[str, object] = {"file": path.name}
    if dataset is not None:
        stated["dataset"] = dataset
    sections: dict[str, dict[str, object]] = {
        "operator": stated,
        "evolution": {"clock": "imaginary", "duration": float(f"{10 / size:.3g}")},
        "initial": {"kind": "uniform"},
        "method": {"kind": "krylov"},
    }
    notes = {
        "operator": f"A sum of {len(terms.labels)} Pauli strings on {terms.num_qubits} qubits; qubit 0 is the highest.",
        "evolution": "The imaginary clock relaxes to the ground state of what the initial wave overlaps with.",
        "initial": 'A basis state instead: kind = "point_mass".',
        "method": f"{_CHOSEN}\nA small circuit instead: --method 'variational:ansatz=hardware_efficient(layers=2),steps=60'.",
    }
    return Draft(_text(f"The ground state of the operator in {path.name}.", sections, notes), path)


def _of_loss(loss: str) -> Draft:
    if loss in NAMED:
        objective, stated = named(loss), {"name": loss}
    elif loss.isidentifier():
        named(loss)  # refused, with the nearest name
        raise AssertionError
    else:
        stated = {"expression": loss}
        objective = expression(loss)
    bounds = objective.bounds or tuple((-_BOX, _BOX) for _ in range(_weights_in(loss)))
    ndim = len(bounds)
    qubits = max(2, min(6, 12 // ndim))
    axes = [np.linspace(low, high, 17) for low, high in bounds[:2]]
    rest = [np.array([(low + high) / 2]) for low, high in bounds[2:]]
    points = np.stack(np.meshgrid(*axes, *rest, indexing="ij"), axis=-1).reshape(-1, ndim)
    spread = float(np.std(objective(points))) or 1.0
    width = max(high - low for low, high in bounds)
    start = float(f"{spread * width**2 / 100:.3g}")
    sections: dict[str, dict[str, object]] = {
        "domain": {"kind": "grid", "bounds": [list(pair) for pair in bounds], "qubits": qubits},
        "objective": dict(stated),
        "diffusion": {"schedule": "geometric", "params": {"start": start, "stop": float(f"{start / 200:.3g}")}},
        "evolution": {"clock": "imaginary", "duration": float(f"{10 / spread:.3g}")},
        "method": {"kind": "split_step", "steps": 400, "order": 4},
    }
    notes = {
        "domain": "The box of the weights, and 2^qubits points on each axis.",
        "objective": "A loss of your own: an expression over x0, x1, ..., or a function with --allow-code.",
        "diffusion": "From where the wave crosses barriers to where it sits in one valley.",
        "evolution": 'The imaginary clock anneals; "real" tunnels (quantum Hamiltonian descent: schedule = "qhd").',
        "method": f"{_CHOSEN}\nOthers: qml-dynamics suggest on this file.",
    }
    return Draft(_text(f"The minimum of {loss}.", sections, notes))


def _weights_in(text: str) -> int:
    """How many weights an expression has: the least number that it takes."""
    for count in range(1, 61):
        try:
            expression(text, count)
        except ProblemError:
            continue
        return count
    return 1
