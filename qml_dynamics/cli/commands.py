"""The commands on problems and saved runs, uses of the equation, and submitted runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import cli
from .program import AllowCode, Backend, Folder, Force, Json, Method, Problem, Save, Shots, app


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
    run: Annotated[Path, typer.Argument(help="A run folder or a saved trajectory, of a loss on a data file.")],
    data: Annotated[Path, typer.Argument(help="A CSV file with the columns that the model takes.")],
    out: Annotated[Path | None, typer.Option(help="A CSV file (default: standard output).")] = None,
    weights: Annotated[
        str, typer.Option(help="best (sampled weights), mean (of probabilities over the density) or vote.")
    ] = "best",
    reading: Annotated[str | None, typer.Option(help="Of mean and vote: born (default) or population.")] = None,
    json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """Predict the classes of new rows by the model of a saved run."""
    code = cli.predict.predict_command(
        run, data, out=out, weights=weights, reading=reading, as_json=json, allow_code=allow_code
    )
    raise typer.Exit(code)


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
    name: Annotated[str | None, typer.Argument(help="One of them, with its options.", metavar="NAME")] = None,
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
        str | None, typer.Option(help='A test function, or an expression such as "x0**2 + sin(x1)".')
    ] = None,
    sample: Annotated[
        str | None, typer.Option(help="iris (default) or h2: samples that come with the package.")
    ] = None,
) -> None:
    """Write a folder with a problem file that runs, its lines explained."""
    raise typer.Exit(cli.new.new_command(name, cli.new.Wish(data, target, operator, dataset, loss, sample)))


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


@app.command()
def anneal(
    problem: Problem,
    stages: Annotated[int, typer.Option(help="Steps of the outer loop, which lowers the diffusion.")] = 20,
    strategy: Annotated[str, typer.Option(help="anneal, quench or portfolio.")] = "portfolio",
    adapt: Annotated[str | None, typer.Option(help="Place the diffusions by gap or variance.")] = None,
    restarts: Annotated[int | None, typer.Option(help="Of a portfolio (default: 2).")] = None,
    clock: Annotated[str, typer.Option(help="imaginary or real, whatever the file says.")] = "imaginary",
    duration: Annotated[float | None, typer.Option(help="In place of that of the file.")] = None,
    samples: Annotated[int, typer.Option(help="METTS samples at the last diffusion.")] = 0,
    tau: Annotated[float | None, typer.Option(help="Imaginary time between them; beta = 2 tau (default: 5).")] = None,
    method: Method = None,
    backend: Backend = None,
    shots: Shots = None,
    seed: Annotated[int | None, typer.Option(help="Of starts and samples.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder (default: a new one under runs/).")] = None,
    plots: Annotated[bool, typer.Option(help="Draw pictures into the run folder.")] = True,
    json: Json = False,
    allow_code: AllowCode = False,
    force: Force = False,
) -> None:
    """Lower the diffusion stage by stage, quench beside it, keep the lowest, and say where the ground state leaps."""
    wishes = cli.anneal.Wishes(
        stages, strategy, adapt, restarts, clock, duration, backend, method, shots, seed, samples, tau, allow_code
    )
    raise typer.Exit(cli.anneal.anneal_command(problem, wishes, out=out, as_json=json, plots=plots, force=force))


@app.command()
def gibbs(
    problem: Annotated[
        Path | None, typer.Argument(help="A problem file: its thermal state.", metavar="[PROBLEM]")
    ] = None,
    energies: Annotated[str | None, typer.Option(help='Softmax of these: "0.3, 1.1, -0.4".')] = None,
    sigmoid: Annotated[float | None, typer.Option(help="Two labels with the energies 0 and -z: z.")] = None,
    hopping: Annotated[float, typer.Option(help="Between the two labels of --sigmoid.")] = 0.0,
    beta: Annotated[
        float | None, typer.Option(help="Inverse temperature (default: 1; for a problem twice its imaginary time).")
    ] = None,
    reading: Annotated[str, typer.Option(help="born, or population.")] = "born",
    steps: Annotated[int | None, typer.Option(help="Strang steps of a problem with diffusion (default: 16).")] = None,
    backend: Backend = None,
    shots: Shots = None,
    seed: Annotated[int | None, typer.Option(help="Of all sampling.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the result, the circuit and a picture.")] = None,
    json: Json = False,
    allow_code: AllowCode = False,
    force: Force = False,
) -> None:
    """Softmax of energies, a sigmoid, or the thermal state of a problem, as a circuit; the exit code is 1 off the exact law."""
    asked = cli.gibbs.Asked(problem, energies, sigmoid, hopping, beta, reading, allow_code)
    code = cli.gibbs.gibbs_command(
        asked, steps=steps, backend=backend, shots=shots, seed=seed, out=out, as_json=json, force=force
    )
    raise typer.Exit(code)


@app.command()
def diffuse(
    problem: Annotated[Path, typer.Argument(help="A CSV file, a diffusion.toml, or a folder that holds one.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the samples, the picture and the program (default: a new one, diffused)."),
    ] = None,
    columns: Annotated[str | None, typer.Option(help="One or two columns, separated by a comma.")] = None,
    label: Annotated[str | None, typer.Option(help="The column that holds the class.")] = None,
    samples: Annotated[int | None, typer.Option(help="How many to generate (default 1000).")] = None,
    kind: Annotated[str | None, typer.Option(help='"sde" (default) or "ode".')] = None,
    condition: Annotated[str | None, typer.Option(help="Generate this class only.")] = None,
    steps: Annotated[int | None, typer.Option(help="Of the reverse process (default 100).")] = None,
    program: Annotated[str | None, typer.Option(help='The forward process as OpenQASM 3: "modes" or "blocks".')] = None,
    time: Annotated[float | None, typer.Option(help="Of the program (default 0.5).")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the split and all draws.")] = None,
    plots: Annotated[bool, typer.Option(help="Draw a picture.")] = True,
    json: Json = False,
    allow_code: AllowCode = False,
    force: Force = False,
) -> None:
    """A diffusion model of one or two columns of a table: generate, and compare with held-out rows."""
    names = None if columns is None else [name.strip() for name in columns.split(",")]
    options: dict[str, Any] = {"columns": names, "label": label, "n": samples, "kind": kind, "condition": condition}
    options.update(steps=steps, method=program, time=time, seed=seed, allow_code=allow_code)
    raise typer.Exit(cli.diffuse.diffuse_command(problem, out, as_json=json, plots=plots, force=force, **options))


@app.command()
def descend(
    target: Annotated[
        str, typer.Argument(help="A problem file or its folder, the name of a test function, or: table.")
    ],
    schedule: Annotated[
        str | None, typer.Option(help="qhd, or learned: a schedule for --steps 10, 20 or 40 (default: 20).")
    ] = None,
    qubits: Annotated[int | None, typer.Option(help="Of each axis, for a test function (default: 6).")] = None,
    duration: Annotated[
        float | None, typer.Option(help="Default: 10, or what the problem or the schedule says.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Of the product formula.")] = None,
    backend: Backend = None,
    shots: Shots = None,
    samples: Annotated[int | None, typer.Option(help="Drawn from an exact density (default: 1000).")] = None,
    polish: Annotated[int, typer.Option(help="Best samples that L-BFGS-B refines; 0 for none.")] = 3,
    compare: Annotated[
        bool, typer.Option(help="Classical optimisers at as many evaluations (on these functions they win).")
    ] = True,
    shift: Annotated[
        tuple[float, float] | None, typer.Option(help="With table: move the boxes by parts of a grid cell.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of all sampling.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the answer, the run and a picture.")] = None,
    json: Json = False,
    allow_code: AllowCode = False,
    force: Force = False,
) -> None:
    """Quantum Hamiltonian descent on a loss, beside classical optimisers; or the table of the 22 test functions."""
    code = cli.descend.descend_command(
        target,
        schedule=schedule,
        qubits=qubits,
        duration=duration,
        steps=steps,
        backend=backend,
        shots=shots,
        samples=samples,
        polish=polish,
        compare=compare,
        shift=shift,
        seed=seed,
        out=out,
        as_json=json,
        allow_code=allow_code,
        force=force,
    )
    raise typer.Exit(code)


@app.command()
def grow(
    data: Annotated[str, typer.Argument(help="A CSV file, or digits, iris, wine, breast_cancer (with scikit-learn).")],
    target: Annotated[str | None, typer.Option(help="Column of the class (CSV only).")] = None,
    features: Annotated[str | None, typer.Option(help="Columns to use, separated by commas.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the picture, the recording and the weights (default: a new one, grown)."),
    ] = None,
    hidden: Annotated[str, typer.Option(help="Hidden units at the start; of several layers: 2,2.")] = "1",
    max_hidden: Annotated[int, typer.Option(help="Hidden units of a layer at most.")] = 16,
    max_layers: Annotated[
        int | None, typer.Option(help="Hidden layers at most: identity layers come in (relu, identity).")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes through the training rows.")] = 80,
    rate: Annotated[float, typer.Option(help="Learning rate.")] = 0.02,
    orthogonality: Annotated[float, typer.Option(help="Strength of the reversible regulariser; 0 for none.")] = 0.1,
    activation: Annotated[str, typer.Option(help="tanh, relu, logistic or identity.")] = "tanh",
    threshold: Annotated[float, typer.Option(help="Grow where the residual exceeds it.")] = 0.5,
    seed: Annotated[int, typer.Option(help="Of the split, the weights and the order of the rows.")] = 0,
    baseline: Annotated[bool, typer.Option(help="Also train a network with all units from the start.")] = True,
    json: Json = False,
    force: Force = False,
) -> None:
    """Train a small network that grows, and draw its volume, entropies, loss and held-out accuracy."""
    options = cli.grow.GrowOptions(
        hidden, max_hidden, max_layers, epochs, rate, orthogonality, activation, threshold, seed, baseline
    )
    columns = None if features is None else [name.strip() for name in features.split(",")]
    raise typer.Exit(cli.grow.grow_command(data, target, columns, out, options, as_json=json, force=force))


@app.command()
def sweep(
    file: Annotated[
        Path,
        typer.Argument(help="A sweep file: problem = ..., and a table [over] of keys and values.", metavar="SWEEP"),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the sweep (default: sweeps/NAME of the file); the same command goes on in it."),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes (default: one a processor).")] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler in place of them: tcp://host:8786.")
    ] = None,
    picture: Annotated[
        str | None, typer.Option(help='What is drawn over what: "energy:diffusion.value,method.steps".')
    ] = None,
    plots: Annotated[bool, typer.Option(help="Draw a picture into the folder.")] = True,
    json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """Run a problem over values of its keys in several processes; the exit code is 1 where points failed."""
    code = cli.sweep.sweep_command(
        file,
        out=out,
        workers=workers,
        scheduler=scheduler,
        picture=picture,
        plots=plots,
        as_json=json,
        allow_code=allow_code,
    )
    raise typer.Exit(code)


@app.command()
def submit(
    problem: Problem,
    out: Annotated[Path, typer.Option(help="Run folder; it outlives this process.")],
    method: Method = None,
    backend: Backend = None,
    shots: Shots = None,
    seed: Annotated[int | None, typer.Option(help="Of all sampling.")] = None,
    save: Save = None,
    max_seconds: Annotated[float | None, typer.Option(help="Budget on the device.")] = None,
    max_shots: Annotated[int | None, typer.Option(help="Budget of samples in all.")] = None,
    json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """Send a run to a device and return; fetch it from any later process."""
    options = cli.options.Options(method, backend, shots, seed, save, allow_code)
    code = cli.jobs.submit_command(problem, options, out, max_seconds=max_seconds, max_shots=max_shots, as_json=json)
    raise typer.Exit(code)


@app.command()
def status(folder: Folder, json: Json = False, allow_code: AllowCode = False) -> None:
    """How a submitted run stands; the exit code is 3 while samples are missing."""
    raise typer.Exit(cli.jobs.status_command(folder, as_json=json, allow_code=allow_code))


@app.command()
def fetch(
    folder: Folder,
    wait: Annotated[bool, typer.Option(help="Wait until every sample is here.")] = False,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait at most.")] = None,
    json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """Collect the results of a submitted run; the exit code is 3 while samples are missing."""
    raise typer.Exit(cli.jobs.fetch_command(folder, wait=wait, timeout=timeout, as_json=json, allow_code=allow_code))


@app.command()
def resume(
    folder: Folder,
    resend: Annotated[
        bool, typer.Option(help="Send again what was in flight on a device that gives no job id.")
    ] = False,
    max_seconds: Annotated[float | None, typer.Option(help="A new budget on the device.")] = None,
    max_shots: Annotated[int | None, typer.Option(help="A new budget of samples in all.")] = None,
    json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """Go on with a submitted run that was cut off, or send the next step of one whose circuits depend on outcomes."""
    code = cli.jobs.resume_command(
        folder, resend=resend, max_seconds=max_seconds, max_shots=max_shots, as_json=json, allow_code=allow_code
    )
    raise typer.Exit(code)


@app.command()
def cancel(folder: Folder, json: Json = False, allow_code: AllowCode = False) -> None:
    """Cancel what has not ended; what has come back stays."""
    raise typer.Exit(cli.jobs.cancel_command(folder, as_json=json, allow_code=allow_code))
