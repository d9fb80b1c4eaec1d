"""``qml-dynamics grow``: a network that is trained and grows, with volumes, entropies, loss and accuracy."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import require
from ..base.interrupts import INTERRUPTED, say_interrupted
from ..learning.growth.datasets import class_data
from ..learning.growth.insertion import NeuronGrowth
from ..learning.growth.trainer import train_network
from ..learning.growth.training import Training
from ..methods.keeping import versions
from ..plotting import save_figure
from ..plotting.network_growth import plot_network_growth
from ..results.trajectory import atomic_file
from ..runs.problem_file.files import write_bytes
from ..runs.trajectory_file import RESULT, to_json
from . import pictures
from .folders import NETWORK, refuse_results, result_folder

if TYPE_CHECKING:
    from ..learning.growth.datasets import ClassData
    from ..learning.growth.training import Trained


FILES = (NETWORK, "recording.npz", "baseline.npz", "weights.npz", "network.png", RESULT, "report.html")


@dataclass(frozen=True)
class GrowOptions:
    """What the command line says about a network and its growth."""

    hidden: str
    max_hidden: int
    max_layers: int | None
    epochs: int
    rate: float
    orthogonality: float
    activation: str
    threshold: float
    seed: int
    baseline: bool


def grow_command(
    source: str,
    target: str | None,
    features: list[str] | None,
    out: Path | None,
    options: GrowOptions,
    *,
    as_json: bool,
    force: bool = False,
) -> int:
    """Train a network that grows, write its recording, its weights and the picture, and print what came of it."""
    start = _widths(options.hidden)
    data = class_data(source, target=target, features=features, seed=options.seed)
    if out is not None:
        refuse_results(out, FILES, force)
    growth = NeuronGrowth(options.threshold, max_hidden=options.max_hidden, max_layers=options.max_layers)
    how = Training(options.epochs, options.rate, orthogonality=options.orthogonality, seed=options.seed)

    def trained(hidden: list[int], growing: NeuronGrowth | None) -> Trained:
        """The network trained from these hidden widths, with the rule of growth or without any."""
        return train_network(
            data.X,
            data.y,
            held_out=(data.X_test, data.y_test),
            hidden=hidden,
            activation=options.activation,
            training=how,
            growth=growing,
            progress=None,
        )

    run = replace(trained(start, growth), classes=data.classes, preparation=data.preparation)
    cut = run.stop.startswith("interrupted")
    fixed = trained(list(run.network.sizes[1:-1]), None) if options.baseline and not cut else None
    if fixed is not None and fixed.stop.startswith("interrupted"):
        fixed, cut = None, True
    with result_folder(out, Path("grown"), FILES, force=True) as (draft, folder):
        written = [str(folder / Path(name).name) for name in _write(draft, run, fixed, data, options)]
        asked = {"source": source, "target": target, "features": features, **vars(options)}
        written.append(str(folder / _write_result(draft, asked, data).name))
    if cut:
        say_interrupted(f"what was done is in {folder}.")
    if as_json:
        table = {} if data.account is None else {"table": data.account.as_data()}
        print(to_json({**_row(run, fixed, written), **table}))
    else:
        print(_text(run, fixed, written) if data.account is None else f"{data.account}\n{_text(run, fixed, written)}")
    return INTERRUPTED if cut else 0


def _widths(given: str) -> list[int]:
    parts = [part.strip() for part in given.split(",")]
    ok = all(part.isascii() and part.isdigit() for part in parts)
    require(ok, "hidden", "be a number, or numbers with commas between them, one a layer", given)
    return [int(part) for part in parts]


def _write(out: Path, run: Trained, fixed: Trained | None, data: ClassData, options: GrowOptions) -> list[str]:
    """``recording.npz``, ``network.npz``, ``baseline.npz``, ``weights.npz`` and, where matplotlib is installed, ``network.png``."""
    import numpy as np

    files = [run.recording.save(out / "recording.npz"), run.save(out / NETWORK)]
    if fixed is not None:
        files.append(fixed.recording.save(out / "baseline.npz"))
    with atomic_file(out / "weights.npz") as handle:
        net = run.network
        parts = {f"weight_{i}": w for i, w in enumerate(net.weights)} | {
            f"bias_{i}": b for i, b in enumerate(net.biases)
        }
        np.savez_compressed(handle, **parts)  # type: ignore[arg-type]
    files.append(out / "weights.npz")
    if not pictures.available():
        print(pictures.MISSING, file=sys.stderr)
        return [str(f) for f in files]
    start, end = (" + ".join(map(str, widths)) for widths in (_widths(options.hidden), run.network.sizes[1:-1]))
    grown = f"grew from {start} to {end} hidden units" if run.events else f"kept its {start} hidden units"
    title = f"{data.name.replace('_', ' ').capitalize()}: a network {grown}"
    caption = (
        f"{len(data.X)} training rows, {len(data.X_test)} held out, {options.activation}, rate {options.rate:g}, "
        f"orthogonality {options.orthogonality:g}, seed {options.seed}; {run.stop}"
    )
    figure = plot_network_growth(
        run.recording, None if fixed is None else fixed.recording, title=title, caption=caption
    )
    files.append(save_figure(figure, out / "network.png", dpi=130))
    return [str(f) for f in files]


def _write_result(out: Path, asked: dict[str, Any], data: ClassData) -> Path:
    """``result.json``: what was asked for, the command that asks it again, the table, and the versions."""
    words = ["qml-dynamics", "grow", str(asked["source"])]
    words += [] if asked["target"] is None else [f"--target={asked['target']}"]
    words += [] if asked["features"] is None else [f"--features={','.join(asked['features'])}"]
    for name in (
        "hidden",
        "max_hidden",
        "max_layers",
        "epochs",
        "rate",
        "orthogonality",
        "activation",
        "threshold",
        "seed",
    ):
        words += [] if asked[name] is None else [f"--{name.replace('_', '-')}={asked[name]}"]
    words += [] if asked["baseline"] else ["--no-baseline"]
    said: dict[str, Any] = {"asked": asked, "command": words, "provenance": {"versions": versions()}}
    said |= {} if data.account is None else {"table": data.account.as_data()}
    write_bytes(out / RESULT, (to_json(said) + "\n").encode())
    return out / RESULT


def _row(run: Trained, fixed: Trained | None, written: list[str]) -> dict[str, object]:
    row: dict[str, object] = {"sizes": list(run.network.sizes), "stop": run.stop, "files": written}
    names = ("epoch", "kind", "layer", "hidden", "sizes", "residual", "jump")
    row["events"] = [{name: getattr(event, name) for name in names} for event in run.events]
    columns = ("loss/train", "loss/held_out", "accuracy/train", "accuracy/held_out", "log_volume/total", "updates")
    row["grown"] = {name: float(run.recording[name][-1]) for name in columns}
    if fixed is not None:
        row["fixed"] = {name: float(fixed.recording[name][-1]) for name in columns}
    return row


def _text(run: Trained, fixed: Trained | None, written: list[str]) -> str:
    lines = [str(replace(run, events=())), *(f"  {event}" for event in run.events)]  # all of them, which a print cuts
    if fixed is not None:
        r, widths = fixed.recording, " + ".join(map(str, run.network.sizes[1:-1]))
        lines.append(
            f"With all {widths} units from the start: held-out loss {r['loss/held_out'][-1]:.4f}, accuracy "
            f"{r['accuracy/held_out'][-1]:.4f}, {r['updates'][-1]:,.0f} parameter updates: {_verdict(run, fixed)}"
        )
    return "\n".join([*lines, *(f"wrote {name}" for name in written)])


def _verdict(run: Trained, fixed: Trained) -> str:
    """Whether growth paid, at the loss on the training data that the grown network ended with."""
    reached = run.recording["loss/train"][-1]
    other = fixed.recording["updates"][fixed.recording["loss/train"] <= reached]
    if not len(other):
        return "growth pays in this run, the fixed network never reaches the training loss of the grown one."
    if other[0] <= run.recording["updates"][-1]:
        return f"growth does not pay in updates (the same training loss after {other[0]:,.0f}); it found the number of units."
    return f"growth pays in this run (the same training loss after {other[0]:,.0f} updates)."
