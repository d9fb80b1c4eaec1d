"""IBM's own client from end to end but for the device: it sends jobs over HTTP to a server here, which writes down what it is asked."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from qiskit_ibm_runtime import QiskitRuntimeService
from shared_runs import METHOD, QUICK, well

import qml_dynamics as qd
from qml_dynamics.runs import Run
from qml_dynamics.runs.ledger import Ledger

SECRET = "pLaNtEd0123456789abcdefghijklmnopqrstuvwxyzAB"
INSTANCE = "crn:v1:bluemix:public:quantum-computing:us-east:a/0123456789abcdef:01234567-89ab::"
BATCH = "0b5e0c1a-1111-4222-8333-444455556666"
REFUSAL = "You are not authorized to run a batch on this plan."
PLACE = files("qiskit_ibm_runtime.fake_provider.backends.manila")


def token() -> str:
    """A token of the shape that the client reads: when it was made, and when it ends."""
    now = int(time.time())
    parts = ({"alg": "RS256", "typ": "JWT"}, {"iat": now, "exp": now + 3600})
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts), "c2ln"])


def report(name: str) -> dict[str, Any]:
    """A file of the fake device, under the name of a device of the account that takes two circuits a job."""
    found: dict[str, Any] = json.loads((PLACE / name).read_text())
    changed = {"backend_name": "ibm_toy"}
    return {**found, **changed, **({"max_experiments": 2, "simulator": False} if name.startswith("conf") else {})}


class Server(ThreadingHTTPServer):
    """Answers as the service does; ``asked`` is what came, ``refuses`` whether a batch is refused."""

    def __init__(self, refuses: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.refuses = refuses
        self.asked: list[tuple[str, str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def calls(self, verb: str, path: str) -> list[Any]:
        """The bodies of the calls of one kind."""
        return [body for one, where, body in self.asked if (one, where) == (verb, path)]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def log_message(self, *what: object) -> None:
        """Quiet."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        text, path = self.rfile.read(length).decode(), urlsplit(self.path).path
        body = json.loads(text) if text.startswith("{") else text
        self.server.asked.append((self.command, path, body))
        status, said = self._said(path)
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _said(self, path: str) -> tuple[int, Any]:
        jobs = self.server.calls("POST", "/jobs")
        answers: dict[tuple[str, str], Any] = {
            ("POST", "/identity/token"): {"access_token": token(), "refresh_token": "none", "expires_in": 3600},
            ("GET", "/backends"): {"devices": [{"name": "ibm_toy", "queue_length": 0}]},
            ("GET", "/backends/ibm_toy/configuration"): report("conf_manila.json"),
            ("GET", "/backends/ibm_toy/properties"): report("props_manila.json"),
            ("GET", "/backends/ibm_toy/status"): {"state": True, "status": "active", "message": "", "length_queue": 0},
            ("GET", "/instances/usage"): {},
            ("POST", "/sessions"): {"id": BATCH},
            ("PATCH", f"/sessions/{BATCH}"): {},
            ("POST", "/jobs"): {"id": f"job{len(jobs)}", "backend": "ibm_toy"},
        }
        if self.server.refuses and (self.command, path) == ("POST", "/sessions"):
            return 403, {"errors": [{"code": 1217, "message": REFUSAL}]}
        found = answers.get((self.command, path))
        return (404, {"errors": [{"message": "not found"}]}) if found is None else (200, found)

    do_GET = do_POST = do_PATCH = _answer


@pytest.fixture
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server in a thread."""
    made = Server(bool(getattr(request, "param", False)))
    monkeypatch.setenv("IAM_URL", made.url)
    monkeypatch.setenv("QISKIT_FUNCTIONS_EXPERIMENTAL", "1")  # the client does not look for other instances
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def submitted(server: Server, folder: Path, **options: Any) -> Run:
    """Jobs of two circuits each, sent by the client."""
    service = QiskitRuntimeService(
        channel="ibm_quantum_platform",
        token=SECRET,
        instance=INSTANCE,
        url=server.url,
        url_resolver=lambda *what: server.url,
    )
    device = qd.backend("ibm:ibm_toy", service=service, optimization_level=1, fractional_gates=False, **options)
    ask: dict[str, Any] = {"shots": 50, "seed": 9, "save": 3, "quiet": True}
    return qd.submit(well(), METHOD, backend=device, folder=folder, patience=QUICK, **ask)


def events(folder: Path) -> list[tuple[str, str]]:
    """What happened to no batch alone."""
    ledger = Ledger(folder)
    found = [(word, detail) for number, word, detail in ledger.events() if number is None]
    ledger.close()
    return found


def test_the_client_opens_a_batch_sends_the_jobs_in_it_and_closes_it(server: Server, tmp_path: Path) -> None:
    run = submitted(server, tmp_path / "run")
    assert server.calls("POST", "/sessions") == [{"mode": "batch", "backend": "ibm_toy", "instance": INSTANCE}]
    jobs = server.calls("POST", "/jobs")
    assert len(jobs) == 3
    assert {job["session_id"] for job in jobs} == {BATCH}
    tags = [tag for job in jobs for tag in job["tags"]]
    assert len(set(tags)) == 3
    order = [(verb, path) for verb, path, _ in server.asked if path == "/jobs" or path.startswith("/sessions")]
    assert order == [("POST", "/sessions"), *[("POST", "/jobs")] * 3, ("PATCH", f"/sessions/{BATCH}")]
    assert server.calls("PATCH", f"/sessions/{BATCH}") == [{"accepting_jobs": False}]
    ledger = Ledger(run.folder)
    assert ledger.vendor_batches_by_tag() == dict.fromkeys(tags, BATCH)
    assert [batch.job_id for batch in ledger.batches()] == ["job1", "job2", "job3"]
    ledger.close()
    kept = [path.read_bytes() for path in run.folder.rglob("*") if path.is_file()]
    assert any(BATCH.encode() in data for data in kept)
    assert not any(secret.encode() in data for data in kept for secret in (SECRET, INSTANCE))


@pytest.mark.parametrize("server", [True], indirect=True)
def test_where_the_plan_refuses_a_batch_the_client_sends_single_jobs(server: Server, tmp_path: Path) -> None:
    run = submitted(server, tmp_path / "run")
    jobs = server.calls("POST", "/jobs")
    assert len(jobs) == 3
    assert all("session_id" not in job for job in jobs)
    assert len(server.calls("POST", "/sessions")) == 1  # a refusal does not pass by itself
    ((word, detail),) = events(run.folder)
    assert word == "no batch"
    assert REFUSAL in detail
    assert [batch.job_id for batch in run.status(ask=False).batches] == ["job1", "job2", "job3"]
