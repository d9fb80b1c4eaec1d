"""The Typer application, and the arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import __version__, cli

app = typer.Typer(
    name="qml-dynamics",
    help="Learning dynamics as Hamiltonian simulation: run a problem file as a quantum circuit or by a classical method.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"qml-dynamics {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself; its help is that of the application."""


Problem = Annotated[
    Path, typer.Argument(help="A problem file, or a folder that holds problem.toml.", metavar="PROBLEM")
]
Method = Annotated[
    str | None,
    typer.Option(
        help='For instance "trotter:steps=40" or "SplitStep(400, order=4)".',
        autocompletion=lambda incomplete: cli.completion.methods(incomplete),
    ),
]
Backend = Annotated[
    str | None,
    typer.Option(
        help='For circuits: "aer", "statevector", ...',
        autocompletion=lambda incomplete: cli.completion.backends(incomplete),
    ),
]
Shots = Annotated[
    int | None, typer.Option(help="Samples per circuit and basis; without them exact expectation values.")
]
Save = Annotated[int | None, typer.Option(help="Number of saved times, start and end included.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Run functions that the file names (code of its author), and read files outside its folder.",
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Replace what an earlier run has written into the folder, when this one is done."),
]
Folder = Annotated[Path, typer.Argument(help="The folder of a submitted run.", metavar="FOLDER")]
