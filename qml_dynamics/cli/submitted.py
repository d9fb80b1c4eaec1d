"""The commands of runs that are sent to a device and outlive the process: submit, status, fetch, resume and cancel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import cli
from .program import AllowCode, Backend, Folder, Json, Method, Problem, Save, Shots, app


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
