"""A sweep on a real Dask scheduler with real workers, which are killed: `make test-dask` runs this in an environment of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import qml_dynamics as qd
from tests.runs.test_sweeps import TOML, bytes_of

pytestmark = pytest.mark.dask
MANY = 24


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Cluster:
    """A scheduler and two workers, as processes."""

    def __init__(self) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        port = self.address.rpartition(":")[2]
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
        self.workers = [self.worker() for _ in range(2)]

    def worker(self) -> subprocess.Popen[bytes]:
        return self._start("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        line = [sys.executable, "-m", "dask", *arguments]
        return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)

    def kill(self) -> None:
        for process in (self.scheduler, *self.workers):
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.kill()


def _recorded(folder: Path) -> int:
    return len(list((folder / "points").glob("0*")))


def _until(folder: Path, many: int) -> None:
    deadline = time.monotonic() + 240
    while _recorded(folder) < many and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _recorded(folder) >= many


def test_killed_workers_and_a_killed_scheduler_lose_and_double_nothing(tmp_path: Path, cluster: Cluster) -> None:
    (tmp_path / "p.toml").write_text(TOML)
    seeds = list(range(MANY))
    (tmp_path / "s.toml").write_text(f'problem = "p.toml"\nseed = 5\n[over]\n"backend.seed" = {seeds}\n')
    whole = qd.sweep(tmp_path / "p.toml", {"backend.seed": seeds}, seed=5, folder=tmp_path / "whole", workers=1)
    line = [sys.executable, "-m", "qml_dynamics.cli", "sweep", "s.toml", "--out", "cut", "--no-plots", "--scheduler"]
    running = subprocess.Popen([*line, cluster.address], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _until(tmp_path / "cut", 2)
    for process in list(cluster.workers):
        os.kill(process.pid, signal.SIGKILL)
    cluster.workers += [cluster.worker(), cluster.worker()]
    _until(tmp_path / "cut", _recorded(tmp_path / "cut") + 2)
    os.kill(cluster.scheduler.pid, signal.SIGKILL)
    running.communicate(timeout=240)
    assert running.returncode != 0
    done = _recorded(tmp_path / "cut")
    assert 4 <= done < MANY
    other = Cluster()
    try:
        rest = subprocess.run([*line, other.address], cwd=tmp_path, capture_output=True, text=True, timeout=400)
    finally:
        other.kill()
    assert rest.returncode == 0, rest.stderr
    assert f"All {MANY} points done" in rest.stdout
    assert (tmp_path / "cut" / "table.csv").read_text() == whole.to_csv()
    assert bytes_of(tmp_path / "cut") == bytes_of(whole.folder)
    assert len(bytes_of(whole.folder)) == MANY


def test_a_scheduler_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(TOML)
    (tmp_path / "s.toml").write_text('problem = "p.toml"\n[over]\n"backend.seed" = [1, 2]\n')
    line = [
        sys.executable,
        "-m",
        "qml_dynamics.cli",
        "sweep",
        "s.toml",
        "--scheduler",
        f"tcp://127.0.0.1:{free_port()}",
    ]
    ran = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 2
    assert "`scheduler` must be the address of a scheduler that runs" in ran.stderr
    assert not (tmp_path / "sweeps").exists()
