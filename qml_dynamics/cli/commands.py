"""The commands on problems and saved runs, and those that list, write and choose."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import cli
from .program import AllowCode, Backend, Force, Json, Method, Problem, Save, Shots, app


class Kind(StrEnum):
    """What ``list`` lists."""

    methods = "methods"
    objectives = "objectives"
    ansatze = "ansatze"
    schedules = "schedules"
    backends = "backends"


@app.command()
def run(
    problem: Problem,
    method: Method = None,
    backend: Backend = None,
    shots: Shots = None,
    seed: Annotated[int | None, typer.Option(help="Of all sampling.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder (default: a new one under runs/); the same command goes on in it.")
    ] = None,
    json: Json = False,
    save: Save = None,
    plots: Annotated[bool, typer.Option(help="Draw pictures into the run folder.")] = True,
    budget: Annotated[
        bool | None, typer.Option(help="Measure the error budget (default: of circuits up to 14 qubits).")
    ] = None,
    allow_code: AllowCode = False,
    force: Force = False,
) -> None:
    """Run a problem, check it against the classical reference, and write a run folder."""
    options = cli.options.Options(method, backend, shots, seed, save, allow_code)
    raise typer.Exit(
        cli.run.run_command(problem, options, out=out, as_json=json, plots=plots, budget=budget, force=force)
    )


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="A run folder or a saved trajectory.")],
    b: Annotated[Path, typer.Argument(help="Another one.")],
    json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """Compare two saved runs; the exit code is 0 if they agree and 1 if they differ."""
    raise typer.Exit(cli.show.compare_command(a, b, as_json=json, allow_code=allow_code))


@app.command()
def predict(
    run: Annotated[
        Path,
        typer.Argument(
            help="A folder of run, submit, anneal, descend or grow, or a saved trajectory, chain, descent, network or trained circuit."
        ),
    ],
    data: Annotated[Path, typer.Argument(help="A CSV file with the columns that the model takes.")],
    out: Annotated[Path | None, typer.Option(help="A CSV file (default: standard output).")] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="best (sampled weights; default), mean (of probabilities over the density; default of a chain) or vote."
        ),
    ] = None,
    reading: Annotated[str | None, typer.Option(help="Of mean and vote: born (default) or population.")] = None,
    time: Annotated[float | None, typer.Option(help="Of mean and vote: a saved time (default: the last).")] = None,
    proba: Annotated[bool, typer.Option(help="The probabilities of both classes.")] = False,
    interval: Annotated[
        float | None,
        typer.Option(help="Also how far the weights disagree: the interval that this share of them lies in."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="Of a model that was made of arrays: its columns in their order, separated by commas (default: all of numbers)."
        ),
    ] = None,
    json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """Predict the classes, or the numbers, of new rows by the model of a saved run."""
    names = None if columns is None else tuple(name.strip() for name in columns.split(","))
    how = cli.saved.How(weights, reading, time, proba, interval, names)
    raise typer.Exit(cli.predict.predict_command(run, data, how, out=out, as_json=json, allow_code=allow_code))


@app.command()
def plot(
    run: Annotated[Path, typer.Argument(help="A run folder or a saved trajectory.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the pictures (default: beside the run).")] = None,
    json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """Draw the pictures of a saved run: density over time, energy, loss landscape, and all in one."""
    raise typer.Exit(cli.show.plot_command(run, out, as_json=json, allow_code=allow_code))


@app.command()
def report(
    run: Annotated[
        Path,
        typer.Argument(
            help="A folder of run, submit, anneal, descend, diffuse, gibbs, grow or sweep, or the file of a saved result."
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="An .html file (default: report.html beside the run).")] = None,
    cost: Annotated[
        bool, typer.Option("--cost", help="Count gates and depth of the circuits too, which can take minutes.")
    ] = False,
    json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """One HTML file that tells a run from its problem to how it is cited, and needs no network."""
    raise typer.Exit(cli.report.report_command(run, out, cost=cost, as_json=json, allow_code=allow_code))


@app.command()
def animate(
    run: Annotated[Path, typer.Argument(help="A run folder, saved trajectory or problem, of one or two weights.")],
    out: Annotated[Path | None, typer.Option(help="A .gif, .mp4 or .html file (default: run.gif beside it).")] = None,
    kind: Annotated[str | None, typer.Option(help="The cloud of points: born, bohm or nelson.")] = None,
    samples: Annotated[int, typer.Option(help="Points of the cloud; 0 for none.")] = 150,
    frames: Annotated[int, typer.Option(help="A classical run with fewer saved times is run again with so many.")] = 60,
    seed: Annotated[int, typer.Option(help="Of the cloud.")] = 0,
    fps: Annotated[int, typer.Option(help="Frames a second.")] = 15,
    dpi: Annotated[int, typer.Option(help="Dots an inch.")] = 100,
    json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """A moving picture of a run: the wave, the loss, and the points that the wave carries."""
    options: dict[str, Any] = {"kind": kind, "samples": samples, "frames": frames, "seed": seed, "fps": fps, "dpi": dpi}
    raise typer.Exit(cli.animate.animate_command(run, out, **options, as_json=json, allow_code=allow_code))


@app.command()
def cost(
    problem: Problem,
    method: Method = None,
    backend: Backend = None,
    shots: Shots = None,
    save: Save = None,
    json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """Qubits, gates, depth, shots and memory of a run, before it is run."""
    options = cli.options.Options(method, backend, shots, None, save, allow_code)
    raise typer.Exit(cli.show.cost_command(problem, options, as_json=json))


@app.command()
def circuits(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Folders of the gallery (default: all of ./circuits).")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write the programs and manifests anew.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with what is there; exit code 1 on a difference.")
    ] = False,
    steps: Annotated[
        list[int] | None, typer.Option(help="With --write: a program of so many steps (default: those that are there).")
    ] = None,
    json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """The OpenQASM 3 programs of the gallery: write them, or check them against the reference."""
    code = cli.show.circuits_command(
        folders or [], write=write, check=check, steps=steps, as_json=json, allow_code=allow_code
    )
    raise typer.Exit(code)


@app.command()
def backends(json: Json = False) -> None:
    """What can be run on here, and how to install what is missing."""
    raise typer.Exit(cli.jobs.backends_command(as_json=json))


@app.command(name="list")
def list_(
    what: Annotated[
        Kind, typer.Argument(help="What to list.", metavar="methods|objectives|ansatze|schedules|backends")
    ],
    name: Annotated[
        str | None,
        typer.Argument(
            help="One of them, with its options; of methods also a clock or a weight space, for those that run there.",
            metavar="NAME",
            autocompletion=lambda ctx, incomplete: cli.completion.entries(ctx.params.get("what"), incomplete),
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Methods, losses, ansatze, schedules or backends: what they are for, where they run, and an example of each."""
    raise typer.Exit(cli.listing.list_command(str(what), name, as_json=json))


@app.command()
def new(
    name: Annotated[Path, typer.Argument(help="The folder to write.", metavar="NAME")],
    data: Annotated[Path | None, typer.Option(help="A table: two of its columns become weights of a neuron.")] = None,
    target: Annotated[str | None, typer.Option(help="The column of the class, with --data.")] = None,
    operator: Annotated[Path | None, typer.Option(help="A file with a sum of Pauli strings.")] = None,
    dataset: Annotated[str | None, typer.Option(help="The data set of an HDF5 file, with --operator.")] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            help='A test function, or an expression such as "x0**2 + sin(x1)".',
            autocompletion=lambda incomplete: cli.completion.losses(incomplete),
        ),
    ] = None,
    sample: Annotated[
        str | None, typer.Option(help="iris (default) or h2: samples that come with the package.")
    ] = None,
    classes: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Two classes, the second the positive one (default: the most frequent), with --data."),
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option(help="Of the table: a character, or comma, semicolon, tab, pipe or blank (default: found out)."),
    ] = None,
    decimal: Annotated[str | None, typer.Option(help="Of the table's numbers: . or , (default: found out).")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the table's text (default: found out).")] = None,
    missing: Annotated[
        str | None,
        typer.Option(help="Rows without a value: refuse, drop or mean (default: drop where there are some)."),
    ] = None,
) -> None:
    """Write a folder with a problem file that runs, its lines explained."""
    how = {"separator": separator, "decimal": decimal, "encoding": encoding, "missing": missing}
    wish = cli.new.Wish(data, target, operator, dataset, loss, sample, classes, **how)
    raise typer.Exit(cli.new.new_command(name, wish))


@app.command()
def schema(
    out: Annotated[Path | None, typer.Option(help="A .json file (default: standard output).")] = None,
) -> None:
    """The JSON schema of problem files, by which editors complete and check them."""
    raise typer.Exit(cli.schema.schema_command(out))


@app.command()
def suggest(
    problem: Problem,
    backend: Backend = None,
    shots: Shots = None,
    json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """The methods that serve a problem, what they cost, and why the others do not serve; nothing is run."""
    raise typer.Exit(cli.suggest.suggest_command(problem, backend, shots, as_json=json, allow_code=allow_code))
