"""The memory that a process may still take: limits of control groups and of the process itself are obeyed before allocation."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from qiskit import QuantumCircuit

import qml_dynamics as qd
from qml_dynamics.base import memory
from qml_dynamics.base.errors import MethodError


def _group(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def test_the_tightest_group_above_a_process_counts(tmp_path: Path) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "self"
    own.write_text("0::/user.slice/job\n")
    _group(root / "user.slice/job", memory__max="max", memory__current=100)
    _group(root / "user.slice", memory__max=5000, memory__current=1000, memory__stat="anon 7\ninactive_file 200")
    _group(root, memory__max=10**9, memory__current=0)
    assert sorted(memory._group_limits(own, root)) == [5000 - 1000 + 200, 10**9]


def test_groups_of_the_first_version_and_those_that_a_container_does_not_see(tmp_path: Path) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "self"
    own.write_text("12:cpu,cpuacct:/a\n4:memory:/docker/0123\n1:name=systemd:/b\nnonsense\n")
    files = {"memory__limit_in_bytes": 3000, "memory__usage_in_bytes": 500, "memory__stat": "total_inactive_file 50"}
    _group(root / "memory", **files)  # the container's own group is the root that it sees
    assert list(memory._group_limits(own, root)) == [3000 - 500 + 50]
    assert list(memory._group_limits(tmp_path / "none", root)) == []


def test_a_process_with_a_limit_refuses_24_qubits_in_one_line_before_the_loss_is_asked() -> None:
    if importlib.util.find_spec("resource") is None:  # Windows: no such limit can be set, and none is read
        assert list(memory._own_limits()) == []
        return
    code = (
        "import resource, qml_dynamics as qd\n"
        "from qml_dynamics.base.memory import available_memory\n"
        "before = available_memory()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 29, resource.getrlimit(resource.RLIMIT_AS)[1]))\n"
        "assert available_memory() < min(before, 3 << 29)\n"
        "def loss(w):\n"
        "    raise SystemExit('asked')\n"
        "spins = qd.Problem(qd.Hypercube(24), loss, 1.0, clock='real', duration=1.0)\n"
        "for method in (qd.SplitStep(4), qd.Krylov(), qd.Trotter(1)):\n"
        "    try:\n"
        "        qd.evolve(spins, method)\n"
        "    except qd.base.errors.MethodError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert all("needs 2.5 GiB of memory, but" in line for line in lines)


@pytest.mark.parametrize("name", ["default.qubit", "lightning.qubit", "default.mixed"])
def test_simulators_that_hold_all_amplitudes_refuse_wide_circuits_at_once(name: str) -> None:
    backend = qd.backend(f"pennylane:{name}")
    for call in (lambda c: backend.probabilities([c]), lambda c: backend.sample([c], 10, [1])):
        with pytest.raises(
            MethodError, match=rf"pennylane:{name} on 40 qubits needs .* of memory, but .* are available"
        ):
            call(QuantumCircuit(40))


_SCRIPT = """
import os, sys, warnings
import qml_dynamics as qd
warnings.simplefilter("ignore")

def resident(name):
    with open("/proc/self/status") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))

def begin():  # what the process holds, from which its peak is counted
    if os.path.exists("/proc/self/clear_refs"):
        with open("/proc/self/clear_refs", "w") as reset:
            reset.write("5")
        return resident("VmRSS")
    return peak()

def peak():  # the most that it has held: since it began, where the kernel does not reset it
    if os.path.exists("/proc/self/status"):
        return resident("VmHWM")
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

def well(n, clock="real"):
    start = qd.Gaussian(0.3, 0.8)
    return qd.Problem(qd.Grid((-4, 4), n), lambda w: w[:, 0] ** 2, 0.5, clock=clock, duration=0.2, initial=start)

def spins(n, clock="real"):
    return qd.Problem(qd.Hypercube(n), lambda w: w[:, 0] * w[:, 1] - w[:, -1], 1.0, clock=clock, duration=0.05)

def rows(n):
    loss = qd.objectives.from_rows(lambda w, index: w[:, :1] * (1 + 0.1 * index)[None, :], 6)
    return qd.Problem(qd.Hypercube(n), loss, 1.0, clock="real", duration=0.05)

def chain(n, clock="real"):
    bonds = {"I" * i + "ZZ" + "I" * (n - i - 2): 0.3 for i in range(n - 1)}
    fields = {"I" * i + "X" + "I" * (n - i - 1): 0.5 for i in range(n)}
    return qd.Problem.from_operator({**bonds, **fields}, clock=clock, duration=0.05)

CASES = {
    "split_step imaginary": (lambda n: well(n, "imaginary"), qd.SplitStep(4), {}, 19),
    "qdrift": (lambda n: chain(n), qd.QDrift(20), {}, 17),
    "qite": (lambda n: chain(n, "imaginary"), qd.QITE(domain_width=2, steps=1), {}, 16),
    "split_step": (lambda n: well(n), qd.SplitStep(4), {}, 19),
    "split_step saves": (lambda n: well(n), qd.SplitStep(20), {"save": 21}, 17),
    "split_step in place": (lambda n: well(n), qd.SplitStep(4, precision="single_in_place"), {"save": [0.2]}, 24),
    "split_step single": (lambda n: well(n), qd.SplitStep(4, precision="single"), {}, 19),
    "trotter": (lambda n: spins(n), qd.Trotter(1), {}, 19),
    "trotter aer": (lambda n: spins(n), qd.Trotter(1), {"backend": "aer"}, 19),
    "multi_product": (lambda n: spins(n), qd.MultiProduct((1, 2)), {}, 19),
    "variational": (lambda n: spins(n, "imaginary"), qd.Variational(qd.ansatz.hardware_efficient(1), steps=1), {}, 17),
    "probabilistic_ite": (lambda n: spins(n, "imaginary"), qd.ProbabilisticITE(0.8, 1), {}, 17),
    "exact": (lambda n: well(n), qd.Exact(), {}, 10),
    "hamilton_jacobi": (lambda n: well(n, "classical"), qd.HamiltonJacobi(2), {}, 14),
    "mini_batch": (lambda n: rows(n), qd.MiniBatch(1, 2, draws=3), {}, 17),
    "trotter aer shots": (lambda n: spins(n), qd.Trotter(1), {"backend": "aer", "shots": 100}, 19),
}
make, method, options, n = CASES[sys.argv[1]]
qd.evolve(make(4), method, seed=1, **options)  # libraries are loaded once
before = begin()
qd.evolve(make(n), method, seed=1, **options)
measured = peak() - before
print(measured, qd.cost(make(n), method, **options).memory)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        *("split_step imaginary", "split_step in place", "qdrift", "qite"),
        *("split_step", "split_step saves", "split_step single", "trotter", "trotter aer", "multi_product"),
        *("variational", "probabilistic_ite", "exact", "hamilton_jacobi"),
        *("mini_batch", "trotter aer shots"),
    ],
)
def test_cost_tells_the_memory_that_a_run_takes(case: str) -> None:
    """Within 25 %, and never under it by more than 10 %, above what the interpreter and the libraries have."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT, case], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    measured, told = map(int, done.stdout.split())
    assert measured > 60 * 2**20
    assert 0.9 * measured <= told <= 1.25 * measured
