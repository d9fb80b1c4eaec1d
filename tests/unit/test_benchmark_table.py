"""The table of `python -m benchmarks`: what it says of a row, and that it says where a peer wins."""

import json
from pathlib import Path

import numpy as np

from benchmarks.results import Pair, Result, Row, Table, measured, write


def matrix_product(qubits: int) -> Pair:
    """A product of matrices of ``2^n`` rows, and the same 200 times."""
    a = np.ones((1 << qubits, 1 << qubits))
    return lambda: a @ a, lambda: [a @ a for _ in range(200)]


def gates(qubits: int) -> Pair:
    """Numbers of gates of a kind that doubles, and of one that grows as a square."""
    return lambda: 2**qubits, lambda: qubits**2


def absent(qubits: int) -> Pair:
    """A peer that nobody has."""
    raise ModuleNotFoundError("No module named 'nothing_of_the_kind'", name="nothing_of_the_kind")


ROWS = (
    Row("product", "200 of them", matrix_product, (3, 4), (5,)),
    Row("gates", "square", gates, (3, 5, 7), (2,), "CX", note=lambda qubits: "of old" if qubits == 7 else ""),
    Row("missing", "nothing", absent, (3,), (3,)),
    Row("itself", "twice", gates, (6,), (6,), "CX", own=True),
)


def test_the_table_says_machine_versions_command_growth_and_who_wins(tmp_path: Path) -> None:
    said: list[str] = []
    path = write(True, ROWS, tmp_path, said.append)
    text = path.read_text(encoding="utf-8")
    data = json.loads((tmp_path / "RESULTS.json").read_text(encoding="utf-8"))
    assert data["command"] == "python -m benchmarks --quick"
    assert data["command"] in text
    assert data["machine"]["cores"] >= 1
    assert {"numpy", "qml-dynamics", "qiskit"} <= set(data["versions"])
    product, counted, missing, itself = data["tables"]
    assert not itself["results"][0]["peer_wins"]
    assert itself["results"][0]["ratio"] < 1
    assert [r["qubits"] for r in product["results"]] == [3, 4]
    # 200 products take longer than one, however busy the machine is: the median of five
    assert all(r["ratio"] > 1 and not r["peer_wins"] for r in product["results"])
    assert [(r["ours"], r["peer"], r["peer_wins"]) for r in counted["results"]] == [
        (8, 9, False),
        (32, 25, True),
        (128, 49, True),
    ]
    assert counted["growth"]["ours"] == 1.0
    assert 0 < counted["growth"]["peer"] < 1
    assert text.count("**the peer wins**") == 2
    assert "1.00;" in text
    assert missing["missing"] == "nothing_of_the_kind is not installed; `make bench` installs it"
    assert missing["missing"] in text
    assert text.count("| **the peer wins**; of old |") == 1  # 128 against 49; 32 against 25 has no note
    assert [r["note"] for r in counted["results"]] == ["", "", "of old"]
    assert len([line for line in said if line.startswith(("product", "gates", "missing"))]) == 3


def test_full_sizes_and_growth_by_hand() -> None:
    assert [r.qubits for r in measured(ROWS[1], ROWS[1].full).results] == [2]
    table = Table("work", "peer", "s", [Result(4, 1.0, 2.0), Result(6, 8.0, 2.0)])
    assert table.growth("ours") == 1.5
    assert table.growth("peer") == 0.0
    assert Table("work", "peer", "s", [Result(4, 1.0, 2.0)]).growth("ours") is None
