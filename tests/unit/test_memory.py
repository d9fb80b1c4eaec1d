"""The memory that a process may still take: limits of control groups and of the process itself are obeyed before allocation."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit

import qml_dynamics as qd
from qml_dynamics.base import memory
from qml_dynamics.base.errors import MethodError
from qml_dynamics.methods import krylov
from qml_dynamics.methods.job import convert
from qml_dynamics.methods.memory import _diagonals
from tests.memory_runs import LEAST, calm, chain, measured, spins

PINNED = (
    *("split_step imaginary", "split_step in place", "qdrift", "qite"),
    *("split_step", "split_step saves", "split_step single", "trotter", "trotter aer", "multi_product"),
    *("variational", "probabilistic_ite", "exact", "hamilton_jacobi"),
    *("mini_batch", "trotter aer shots"),
    *("krylov", "krylov spins", "krylov chain", "krylov saves", "krylov small space"),
    *("variational chain", "variational chain real", "variational turned", "variational hamiltonian"),
    *("double_bracket", "multi_product chain", "growing"),
)


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


@pytest.mark.slow
@pytest.mark.parametrize("case", PINNED)
def test_cost_tells_the_memory_that_a_run_takes(case: str) -> None:
    """Within 25 %, and never under it by more than 10 %, above what the interpreter and the libraries have."""
    taken, told = measured(case)
    assert taken > LEAST
    assert 0.9 * taken <= told <= 1.25 * taken


def test_the_diagonals_of_an_operator_are_counted() -> None:
    """One for each set of bits that strings flip, of real numbers or of complex ones: what the operator itself keeps."""
    for terms, bytes_a_point in (
        ({"ZZI": 1.0, "IZZ": 0.5}, 8),
        ({"XII": 1.0, "IXZ": 0.5, "ZZZ": 0.1}, 24),
        ({"YII": 1.0, "XII": 0.5, "YXY": 0.2}, 24),
    ):
        operator = qd.Problem.from_operator(terms, clock="real", duration=1.0).operator
        assert operator is not None
        assert _diagonals(operator) == bytes_a_point
        kept = sum(diagonal.nbytes for _, diagonal in operator._blocks)
        assert kept == bytes_a_point << operator.num_qubits


def test_the_space_that_krylov_tells_is_the_one_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """For waves that reach the whole spectrum; never smaller, and at most three looks larger."""
    used: list[int] = []
    spanned = krylov._spanned

    def noted(vectors: np.ndarray, alpha: np.ndarray, beta: np.ndarray, count: int) -> krylov.KrylovSpace:
        used.append(count)
        return spanned(vectors, alpha, beta, count)

    monkeypatch.setattr(krylov, "_spanned", noted)
    edge = spins(9).replace(initial=qd.PointMass((1,) * 9))
    found = set()
    for problem in (calm(9), calm(9, "imaginary"), edge, edge.replace(duration=0.7), chain(9).replace(duration=0.7)):
        for method in (qd.Krylov(), qd.Krylov(1e-4)):
            used.clear()
            qd.evolve(problem, method)
            told = krylov._vectors(convert(problem, method), method)
            assert max(used) <= told <= max(used) + 12
            found.add(told)
    assert len(found) > 3


def test_the_space_of_the_end_alone_is_that_of_the_whole_way() -> None:
    problem, method = spins(6), qd.Krylov()
    whole = krylov._vectors(convert(problem, method), method)
    assert krylov._vectors(convert(problem, method, save=[problem.duration]), method) == whole > 1


def test_the_space_of_a_pulse_in_the_middle_is_larger_than_that_of_its_ends() -> None:
    def told(amplitude: float) -> int:
        parts = [(1.0, {"ZZIIII": 0.1}), (qd.Pulse(amplitude, 0.5, 0.1), {"XIIIII": 1.0, "IXIIII": 1.0})]
        problem = qd.Problem.from_operator(parts, clock="real", duration=1.0)
        return krylov._vectors(convert(problem, qd.Krylov()), qd.Krylov())

    assert told(200.0) > told(1e-3)
