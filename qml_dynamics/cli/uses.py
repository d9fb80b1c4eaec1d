"""The commands of the uses of the equation: annealing, thermal states, diffusion models, descent, growth and sweeps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import cli
from .program import AllowCode, Backend, Force, Json, Method, Problem, Shots, app


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
    time: Annotated[float | None, typer.Option(help="Of a problem: when schedules are taken (default: 0).")] = None,
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
    asked = cli.gibbs.Asked(problem, energies, sigmoid, hopping, beta, reading, allow_code, time)
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
        str,
        typer.Argument(
            help="A problem file or its folder, the name of a test function, or: table.",
            autocompletion=lambda incomplete: cli.completion.losses(incomplete),
        ),
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
