"""A planted token is found nowhere: not in the run folder, the logs, the prints, nor in errors and their tracebacks."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
from shared_runs import METHOD, QUICK, Device, well
from standin import RequestsApiError, cloud

import qml_dynamics as qd
from qml_dynamics.errors import BackendError, QMLDynamicsError
from qml_dynamics.runs import open_run, submit
from qml_dynamics.runs.redact import without_credentials

TOKEN = "planted-Token_5up3rS3cret"  # short enough to be hidden because it is known, not because it is long


def leak(status: int) -> Exception:
    """An error that says what it was sent, as HTTP clients do."""
    return RequestsApiError(
        f"{status} Client Error for url https://host/jobs, Authorization: Bearer {TOKEN}; key {TOKEN}", status
    )


@pytest.mark.parametrize("verb", ["run", "job", "jobs", "status", "result", "cancel"])
def test_no_token_anywhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    verb: str,
) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", TOKEN)
    caplog.set_level(logging.DEBUG)
    faults: dict[str, list[Any]] = {verb: [leak(500), leak(400), leak(400), leak(400)]}
    if verb == "jobs":
        faults["run"] = ["accepted"]
    told: list[str] = []
    backend = cloud(tmp_path / "service", TOKEN, faults)
    for _ in range(4):
        try:
            run = submit(well(), METHOD, backend=backend, shots=40, seed=1, folder=tmp_path / "run", patience=QUICK)
            if verb == "cancel":
                run.cancel()
            told += [str(run), str(run.status()), str(run.fetch(wait=True))]
        except QMLDynamicsError as error:
            told += ["".join(traceback.format_exception(error)), str(open_run(tmp_path / "run").status(ask=False))]
    assert faults[verb] != [leak(500), leak(400), leak(400), leak(400)]
    assert any("400" in text and "[hidden]" in text for text in told)  # the error was told, the token was not
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(files) > 4
    everything = [*told, caplog.text, *capfd.readouterr()]
    assert not any(TOKEN in text for text in everything)
    assert not any(TOKEN.encode() in path.read_bytes() for path in files)


def test_a_device_without_jobs_tells_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", TOKEN)
    device = Device(tmp_path / "ran.txt")

    def failing(circuits: Any, shots: int, seeds: Any) -> Any:
        raise leak(500)

    device.sample = failing  # type: ignore[method-assign]
    device.describe = lambda: {"name": "device", "token": TOKEN, "url": f"https://host?key={TOKEN}"}  # type: ignore[method-assign]
    with pytest.raises(BackendError, match="hidden") as caught:
        submit(well(), METHOD, backend=device, shots=40, seed=1, folder=tmp_path / "run")
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert files
    assert not any(TOKEN.encode() in path.read_bytes() for path in files)


def test_a_finished_run_holds_no_token_in_its_provenance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", TOKEN)
    device = Device(tmp_path / "ran.txt")
    device.describe = lambda: {"name": "device", "credentials": {"key": TOKEN}, "note": f"opened with {TOKEN}"}  # type: ignore[method-assign]
    run = submit(well(), METHOD, backend=device, shots=40, seed=1, folder=tmp_path / "run")
    got = run.fetch()
    assert got is not None
    assert got.provenance["backend_details"] == {"name": "device", "note": "opened with [hidden]"}
    assert not any(TOKEN.encode() in path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert TOKEN not in str(qd.load(tmp_path / "run").provenance)


def test_options_with_a_credential_are_refused(tmp_path: Path) -> None:
    device = Device(tmp_path / "ran.txt")
    device.given = {"api_key": TOKEN}  # type: ignore[attr-defined]
    with pytest.raises(BackendError, match="must not hold a credential, but names 'api_key'") as caught:
        submit(well(), METHOD, backend=device, shots=40, folder=tmp_path / "run")
    assert TOKEN not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_without_credentials() -> None:
    said = {"name": "d", "API_TOKEN": "x", "deep": [{"password": "y", "level": 3}], "pair": (1, "bearer abcdefgh")}
    assert without_credentials(said) == {"name": "d", "deep": [{"level": 3}], "pair": [1, "bearer [hidden]"]}
