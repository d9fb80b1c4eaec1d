"""The command line: ``qml-dynamics run | compare | plot | cost | circuits | backends``, and the verbs of submitted runs.

This file holds the commands and their options only; what they do is imported when they are called, so that ``--help``
loads neither NumPy nor a vendor's package.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import QMLDynamicsError

app = typer.Typer(
    name="qml-dynamics",
    help="Learning dynamics as Hamiltonian simulation: run a problem file as a quantum circuit or by a classical method.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Problem = Annotated[
    Path, typer.Argument(help="A problem file, or a folder that holds problem.toml.", metavar="PROBLEM")
]
Method = Annotated[str | None, typer.Option(help='For instance "trotter:steps=40" or "SplitStep(steps=400, order=4)".')]
Backend = Annotated[str | None, typer.Option(help='For circuits: "aer", "statevector", ...')]
Shots = Annotated[
    int | None, typer.Option(help="Samples per circuit and basis; without them exact expectation values.")
]
Save = Annotated[int | None, typer.Option(help="Number of saved times, start and end included.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]


@app.command()
def run(
    problem: Problem,
    method: Method = None,
    backend: Backend = None,
    shots: Shots = None,
    seed: Annotated[int | None, typer.Option(help="Of all sampling.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder (default: a new one under runs/).")] = None,
    json: Json = False,
    save: Save = None,
    plots: Annotated[bool, typer.Option(help="Draw pictures into the run folder.")] = True,
    budget: Annotated[
        bool | None, typer.Option(help="Measure the error budget (default: of circuits up to 14 qubits).")
    ] = None,
) -> None:
    """Run a problem, check it against the classical reference, and write a run folder."""
    from .options import Options
    from .run import run_command

    options = Options(method, backend, shots, seed, save)
    raise typer.Exit(run_command(problem, options, out=out, as_json=json, plots=plots, budget=budget))


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="A run folder or a saved trajectory.")],
    b: Annotated[Path, typer.Argument(help="Another one.")],
    json: Json = False,
) -> None:
    """Compare two saved runs; the exit code is 0 if they agree and 1 if they differ."""
    from .show import compare_command

    raise typer.Exit(compare_command(a, b, as_json=json))


@app.command()
def plot(
    run: Annotated[Path, typer.Argument(help="A run folder or a saved trajectory.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the pictures (default: beside the run).")] = None,
    json: Json = False,
) -> None:
    """Draw the pictures of a saved run: density over time, energy, loss landscape, and all in one."""
    from .show import plot_command

    raise typer.Exit(plot_command(run, out, as_json=json))


@app.command()
def animate(
    run: Annotated[Path, typer.Argument(help="A run folder or a saved trajectory, of one or two weights.")],
    out: Annotated[Path | None, typer.Option(help="A .gif or .html file (default: run.gif beside the run).")] = None,
    kind: Annotated[str | None, typer.Option(help="The cloud of points: born, bohm or nelson.")] = None,
    samples: Annotated[int, typer.Option(help="Points of the cloud; 0 for none.")] = 150,
    frames: Annotated[int, typer.Option(help="A classical run with fewer saved times is run again with so many.")] = 60,
    seed: Annotated[int, typer.Option(help="Of the cloud.")] = 0,
    fps: Annotated[int, typer.Option(help="Frames a second.")] = 15,
    json: Json = False,
) -> None:
    """A moving picture of a saved run: the wave, the loss, and the points that the wave carries."""
    from .animate import animate_command

    code = animate_command(run, out, kind=kind, samples=samples, frames=frames, seed=seed, fps=fps, as_json=json)
    raise typer.Exit(code)


@app.command()
def cost(
    problem: Problem,
    method: Method = None,
    backend: Backend = None,
    shots: Shots = None,
    save: Save = None,
    json: Json = False,
) -> None:
    """Qubits, gates, depth, shots and memory of a run, before it is run."""
    from .options import Options
    from .show import cost_command

    raise typer.Exit(cost_command(problem, Options(method, backend, shots, None, save), as_json=json))


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
) -> None:
    """The OpenQASM 3 programs of the gallery: write them, or check them against the reference."""
    from .show import circuits_command

    raise typer.Exit(circuits_command(folders or [], write=write, check=check, steps=steps, as_json=json))


@app.command()
def backends(json: Json = False) -> None:
    """What can be run on here, and how to install what is missing."""
    from .jobs import backends_command

    raise typer.Exit(backends_command(as_json=json))


Folder = Annotated[Path, typer.Argument(help="The folder of a submitted run.", metavar="FOLDER")]


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
) -> None:
    """Send a run to a device and return; fetch it from any later process."""
    from .jobs import submit_command
    from .options import Options

    options = Options(method, backend, shots, seed, save)
    code = submit_command(problem, options, out, max_seconds=max_seconds, max_shots=max_shots, as_json=json)
    raise typer.Exit(code)


@app.command()
def status(folder: Folder, json: Json = False) -> None:
    """How a submitted run stands; the exit code is 3 while samples are missing."""
    from .jobs import status_command

    raise typer.Exit(status_command(folder, as_json=json))


@app.command()
def fetch(
    folder: Folder,
    wait: Annotated[bool, typer.Option(help="Wait until every sample is here.")] = False,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait at most.")] = None,
    json: Json = False,
) -> None:
    """Collect the results of a submitted run; the exit code is 3 while samples are missing."""
    from .jobs import fetch_command

    raise typer.Exit(fetch_command(folder, wait=wait, timeout=timeout, as_json=json))


@app.command()
def resume(
    folder: Folder,
    resend: Annotated[
        bool, typer.Option(help="Send again what was in flight on a device that gives no job id.")
    ] = False,
    json: Json = False,
) -> None:
    """Go on with a submitted run that was cut off."""
    from .jobs import resume_command

    raise typer.Exit(resume_command(folder, resend=resend, as_json=json))


@app.command()
def cancel(folder: Folder, json: Json = False) -> None:
    """Cancel what has not ended; what has come back stays."""
    from .jobs import cancel_command

    raise typer.Exit(cancel_command(folder, as_json=json))


def main(arguments: list[str] | None = None) -> None:
    """Entry point: an error of the library is one line on standard error and exit code 2, Ctrl-C is exit code 130."""
    sys.exit(_code(arguments))


def _code(arguments: list[str] | None) -> int:
    try:
        return int(app(args=arguments, standalone_mode=False) or 0)
    except QMLDynamicsError as error:
        print(f"qml-dynamics: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        print("qml-dynamics: interrupted; nothing was saved.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of standard output has gone, as `| head` does
        sys.stderr.close()
        return 141
    except Exception as error:
        if not hasattr(error, "show") or not hasattr(
            error, "exit_code"
        ):  # a wrong option, whichever click typer brings
            raise
        error.show()
        return int(error.exit_code)
