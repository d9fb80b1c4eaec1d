"""`[operator] file = ...`, texts and HDF5 files: read, copied, confined to their folder, refused by name."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.runs.problem_file.content import problem_differences
from qml_dynamics.runs.problem_file.files import copy_problem

TEXT = "(0.5+0j) [X0 Z2] +\n(-0.25+0j) [Y0 Y1] +\n(-1.5+0j) []\n"
PROBLEM = '[operator]\nfile = "h.txt"\n\n[evolution]\nclock = "real"\nduration = 1.0\n'
LABELS = {"III": -1.5, "XIZ": 0.5, "YYI": -0.25}


def written(folder: Path, toml: str = PROBLEM, text: str = TEXT) -> Path:
    (folder / "h.txt").write_text(text)
    path = folder / "problem.toml"
    path.write_text(toml)
    return path


def strings(operator: qd.model.pauli.PauliSum) -> dict[str, float]:
    return dict(zip(operator.labels, operator.coefficients.tolist()))


def test_a_text_beside_the_problem(tmp_path):
    """It is read, and goes along when the problem is copied; an edit of it is a difference."""
    file = qd.read_problem(written(tmp_path))
    assert strings(file.problem.operator) == LABELS
    assert strings(qd.read_operator(tmp_path / "h.txt", num_qubits=4)) == {f"{k}I": c for k, c in LABELS.items()}
    (tmp_path / "copy").mkdir()
    copy = copy_problem(file, tmp_path / "copy" / "problem.toml")
    assert (tmp_path / "copy" / "h.txt").is_file()
    assert strings(qd.read_problem(copy).problem.operator) == LABELS
    assert problem_differences(tmp_path / "problem.toml", copy) == []
    whole = qd.write_problem(file.problem, tmp_path / "written.toml")
    assert strings(qd.read_problem(whole).problem.operator) == LABELS


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (PROBLEM.replace("h.txt", "../h.txt"), r"\[operator\] file must be a file in the folder"),
        (PROBLEM.replace("h.txt", "/etc/hostname"), r"\[operator\] file must be a file in the folder"),
        (PROBLEM.replace("h.txt", "none.txt"), r"\[operator\] file must be a file that can be read"),
        (PROBLEM.replace("file", 'labels = ["X"]\nfile'), "file must be absent beside labels"),
        (PROBLEM.replace("file", 'dataset = "a"\nfile'), "dataset must be None for a file of text"),
        (PROBLEM.replace("file", "num_qubits = 2\nfile"), "must act on 2 qubits, but acts on qubit 2"),
        (PROBLEM.replace('file = "h.txt"', ""), "labels and coefficients must be given, or a file"),
        (PROBLEM.replace('file = "h.txt"', 'labels = ["X0 Z2"]\ncoefficients = [1]\ndataset = "a"'), "without a file"),
    ],
)
def test_what_a_problem_file_may_not_name(tmp_path, toml, words):
    """Files elsewhere, none, or two statements of one operator."""
    with pytest.raises(ProblemError, match=f"^problem.toml: .*{words}"):
        qd.read_problem(written(tmp_path, toml))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_mark_of_byte_order_is_no_term(tmp_path, encoding):
    """As editors on Windows write it."""
    path = written(tmp_path)
    path.with_name("h.txt").write_text(TEXT, encoding=encoding)
    assert strings(qd.read_problem(path).problem.operator) == strings(qd.read_operator(tmp_path / "h.txt")) == LABELS


def test_labels_by_index_in_a_problem_file(tmp_path):
    """As in Python."""
    toml = PROBLEM.replace('file = "h.txt"', 'labels = ["X0 Z2", "Y0Y1", ""]\ncoefficients = [0.5, -0.25, -1.5]')
    assert strings(qd.read_problem(written(tmp_path, toml)).problem.operator) == LABELS


def test_a_text_with_a_term_that_cannot_be_read(tmp_path):
    """The term is named, and the file."""
    with pytest.raises(ProblemError, match=r"^problem.toml: \[operator\] .*'0.5 \[0\^ 1\]' cannot be read"):
        qd.read_problem(written(tmp_path, text="0.1 [Z0] +\n0.5 [0^ 1] +\n0.2 [Z1]"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProblemError, match="neither UTF-8 text nor HDF5"):
        qd.read_operator(tmp_path / "binary")


def test_an_hdf5_file(tmp_path):
    """As HamLib writes them; where h5py is missing, how it is installed."""
    path = tmp_path / "h.hdf5"
    if importlib.util.find_spec("h5py") is None:
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(8))
        with pytest.raises(ProblemError, match=r'pip install "qml-dynamics\[hdf5\]"'):
            qd.read_operator(path)
        return
    import h5py

    with h5py.File(path, "w") as file:
        file["ham_JW-3"] = TEXT
        file["deep/ham_BK-2"] = "2.0 [Y1]"
        file["numbers"] = np.ones(3)
    assert strings(qd.read_operator(path, dataset="ham_JW-3")) == LABELS
    assert strings(qd.read_operator(path, dataset="/deep/ham_BK-2")) == {"IY": 2.0}
    toml = PROBLEM.replace('"h.txt"', '"h.hdf5"\ndataset = "ham_JW-3"')
    assert strings(qd.read_problem(written(tmp_path, toml)).problem.operator) == LABELS
    for dataset, words in (
        (None, "be one of deep/ham_BK-2, ham_JW-3, numbers"),
        ("x", "be one of"),
        ("numbers", "one text"),
    ):
        with pytest.raises(ProblemError, match=words):
            qd.read_operator(path, dataset=dataset)
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["alien"] = h5py.ExternalLink(str(path), "ham_JW-3")
    with pytest.raises(ProblemError, match="hold a data set"):
        qd.read_operator(tmp_path / "other.hdf5")
