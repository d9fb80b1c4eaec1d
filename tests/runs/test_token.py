"""A planted token is found nowhere: not in the run folder, the logs, the prints, nor in errors and their tracebacks."""

from __future__ import annotations

import logging
import traceback
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from shared_runs import METHOD, QUICK, Device, well
from standin import RequestsApiError, cloud

import qml_dynamics as qd
from qml_dynamics.backends import Capabilities
from qml_dynamics.base.errors import BackendError, QMLDynamicsError
from qml_dynamics.runs import open_run, submit
from qml_dynamics.runs.redact import without_credentials

TOKEN = "planted-Token_5up3rS3cret"  # short enough to be hidden because it is known, not because it is long


def leak(status: int) -> Exception:
    """An error that says what it was sent, as HTTP clients do."""
    return RequestsApiError(
        f"{status} Client Error for url https://host/jobs, Authorization: Bearer {TOKEN}; key {TOKEN}", status
    )


def everything_on(error: BaseException) -> list[str]:
    """What hangs on an exception: the chain that a traceback leaves out after ``from None`` too."""
    out, seen = [], set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        out += [repr(link), repr(link.args), repr(vars(link))]
        link = link.__cause__ or link.__context__
    return out


def test_what_hangs_on_an_exception_is_seen() -> None:
    def careless() -> None:
        try:
            raise leak(500)
        except Exception:
            raise ValueError("clean") from None

    with pytest.raises(ValueError, match="clean") as caught:
        careless()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert TOKEN in "".join(everything_on(caught.value))


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
            told += everything_on(error)
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
    assert TOKEN not in "".join(everything_on(caught.value))
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
    class Keyed(Device):
        capabilities = Capabilities(exact=False, seeding="none", keywords={"api_key": TOKEN})

    device = Keyed(tmp_path / "ran.txt")
    with pytest.raises(BackendError, match="must not hold a credential, but names 'api_key'") as caught:
        submit(well(), METHOD, backend=device, shots=40, folder=tmp_path / "run")
    assert TOKEN not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_without_credentials() -> None:
    said = {"name": "d", "API_TOKEN": "x", "deep": [{"password": "y", "level": 3}], "pair": (1, "bearer abcdefgh")}
    assert without_credentials(said) == {"name": "d", "deep": [{"level": 3}], "pair": [1, "bearer [hidden]"]}


@pytest.mark.parametrize("verb", ["run", "status", "result", "jobs"])
def test_no_token_without_a_folder_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", TOKEN)
    backend = cloud(tmp_path / "service", TOKEN, {verb: [leak(400)]})
    work = partial(qd.evolve, well(), METHOD, backend=backend, shots=40, seed=1)
    with pytest.raises(BackendError) as caught:
        backend.find("tag") if verb == "jobs" else work()
    assert "[hidden]" in str(caught.value)
    assert TOKEN not in "".join([*everything_on(caught.value), *traceback.format_exception(caught.value)])


def test_representations_tell_no_token() -> None:
    """Credentials among the keywords of a PennyLane plug-in, or in a person's own service object."""
    service = type(
        "Service", (), {"__repr__": lambda self: f"Service(token={TOKEN})", "backend": lambda self, name: None}
    )
    named = qd.backend("pennylane:default.qubit", api_key=TOKEN)
    assert TOKEN not in repr(named)
    assert TOKEN not in repr(qd.backend("ibm:standin", service=service()))
    assert TOKEN not in str(named.describe())


def test_a_token_in_a_url_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    from qml_dynamics.backends.failures import redacted

    monkeypatch.setenv("QISKIT_IBM_TOKEN", "a+b/c=d&e f")
    assert redacted("at https://host/?key=a%2Bb%2Fc%3Dd%26e%20f now") == "at https://host/?key=[hidden] now"


class Leaky:
    """A backend of another package, whose client puts the request into what it raises."""

    name = "leaky"

    def __init__(self, error: Exception, exact: bool, at: int = 0) -> None:
        self.error, self.exact, self.calls, self.at = error, exact, 0, at
        self.inner = qd.backend("statevector")
        self.capabilities = Capabilities(exact=exact, midway=not exact)

    def fail(self, *given: Any) -> Any:
        self.calls += 1
        raise self.error

    sample = sample_midway = probabilities = fail

    def states(self, pieces: Any, on_step: Any) -> Any:
        for number, wave in enumerate(self.inner.states(pieces, on_step)):
            if number == self.at:
                self.fail()
            yield wave

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "token": TOKEN}


RUNS: dict[str, Any] = {
    "waves": lambda e: qd.evolve(well(), METHOD, backend=Leaky(e, True)),
    "later waves": lambda e: qd.evolve(well(), METHOD, backend=Leaky(e, True, at=1)),
    "samples": lambda e: qd.evolve(well(), METHOD, backend=Leaky(e, False), shots=50),
    "laws": lambda e: qd.evolve(well(), METHOD, backend=Leaky(e, False)),
    "default": lambda e: qd.evolve(well(), backend=Leaky(e, False), shots=50),
    "midway": lambda e: qd.evolve(
        well().replace(clock="imaginary"), qd.ProbabilisticITE(0.8, 9), backend=Leaky(e, False), shots=50
    ),
    "thermal": lambda e: qd.metts(well().replace(clock="imaginary"), 0.2, 5, burn_in=0, backend=Leaky(e, False)),
}
KINDS = {
    "theirs": leak(401),
    "passing": leak(503),
    "value": ValueError(f"two\nlines of Bearer {TOKEN}"),
    "ours": BackendError(f"401 for Authorization: Bearer {TOKEN}"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("run", RUNS)
def test_what_a_backend_of_another_package_raises_is_told_without_its_token(
    monkeypatch: pytest.MonkeyPatch, run: str, kind: str
) -> None:
    """One line, of the library's own kind, with nothing of the original on it."""
    monkeypatch.setenv("QISKIT_IBM_TOKEN", TOKEN)
    with pytest.raises(BackendError) as caught:
        RUNS[run](KINDS[kind])
    assert "\n" not in str(caught.value)
    assert "[hidden]" in str(caught.value)
    assert TOKEN not in "".join(everything_on(caught.value))


def test_a_callback_on_such_a_backend_raises_what_it_raises() -> None:
    """It is the person's own, and the record of a run that ends well names no token."""

    def stop(step: int, view: Any) -> bool:
        raise KeyError("mine")

    backend = Leaky(leak(401), True, at=99)
    with pytest.raises(KeyError, match="mine"):
        qd.evolve(well(), METHOD, backend=backend, callback=stop)
    run = qd.evolve(well(), METHOD, backend=backend)
    assert run.provenance["backend_details"] == {"name": "leaky"}
