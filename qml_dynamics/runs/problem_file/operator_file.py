"""Operators in files: the text of a sum of Pauli strings as a library prints it, or the same text as a data set of an HDF5 file.

HDF5 is the form of HamLib (Sawaya et al., arXiv:2306.13126): one data set a Hamiltonian, each the text that OpenFermion prints.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.arguments import checks_arguments
from ...base.errors import ProblemError, QMLDynamicsError, describe, human_bytes, one_of, require
from ...base.places import regular
from ...model.pauli import PauliSum, pauli_sum

if TYPE_CHECKING:
    import h5py

MOST = 1 << 28  # bytes of a text
_HDF5 = b"\x89HDF\r\n\x1a\n"


@checks_arguments
def read_operator(path: str | Path, *, dataset: str | None = None, num_qubits: int | None = None) -> PauliSum:
    """The operator in a file, as :meth:`Problem.from_operator` takes it.

    Args:
        path: a text as OpenFermion, HamLib, InQuanto, pytket, XACC, Qiskit or PennyLane print a sum of Pauli strings, or an HDF5 file
            that holds such texts (which needs ``pip install "qml-dynamics[hdf5]"``). Qubit 0 is the highest qubit.
        dataset: the data set of an HDF5 file; None where it has one only.
        num_qubits: the width of the register; None: the largest index and one.

    Raises:
        ProblemError: the file cannot be read, has no such data set, or has a term that is no Pauli string, which is named.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "h.txt"
    ...     _ = file.write_text("(-0.5+0j) [Z0 Z1] +\\n(0.3+0j) [X0]")
    ...     print(read_operator(file).labels)
    ['ZZ', 'XI']
    """
    where = Path(path)
    text = operator_text(where, dataset)
    try:
        return pauli_sum(text, num_qubits=num_qubits)
    except QMLDynamicsError as error:
        raise type(error)(f"{where.name}: {error}") from None


def operator_text(path: Path, dataset: str | None) -> str:
    """The text in a file; raises :class:`ProblemError` where there is none."""
    try:
        with regular(path).open("rb") as handle:
            hdf5 = handle.read(len(_HDF5)) == _HDF5
        size = path.stat().st_size
        require(hdf5 or size <= MOST, "file", f"be at most {human_bytes(MOST)} of text", f"of {human_bytes(size)}")
        if hdf5:
            return _of_hdf5(path, dataset)
        require(dataset is None, "dataset", "be None for a file of text", dataset)
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, QMLDynamicsError):
            raise
        reason = getattr(error, "strerror", None) or "it is neither UTF-8 text nor HDF5"
        raise ProblemError(f"Argument `file` must be a file that can be read, but {path} is not: {reason}.") from None


def _of_hdf5(path: Path, dataset: str | None) -> str:
    try:
        library = importlib.import_module("h5py")
    except ImportError:
        raise ProblemError(
            f"Argument `file` must be text where h5py is not installed, but {path.name} is an HDF5 file. "
            'Install it with: pip install "qml-dynamics[hdf5]"'
        ) from None
    with library.File(path, "r") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, library.Dataset) else None)
        require(bool(names), "file", "hold a data set", f"of none in {path.name}")
        if dataset is None:
            few = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            require(len(names) == 1, "dataset", f"be one of {few}", dataset)
            dataset = names[0]
        return _text_of(file[one_of(dataset.strip("/"), "dataset", names)], dataset)


def _text_of(found: h5py.Dataset, name: str) -> str:
    """The text of one data set, which lies in this file: none that it borrows from another one."""
    require(found.external is None and not found.is_virtual, "dataset", "lie in its own file", name)
    require(
        found.shape in ((), (1,)) and found.dtype.kind in "OSU", "dataset", "be one text", f"of {found.dtype} in {name}"
    )
    require(
        found.nbytes <= MOST, "dataset", f"be at most {human_bytes(MOST)} of text", f"of {human_bytes(found.nbytes)}"
    )
    value = found[()]
    value = value if isinstance(value, (bytes, str)) else value[0]
    if not isinstance(value, (bytes, str)):
        raise ProblemError(f"Argument `dataset` must be one text, but {describe(name)} is none.")
    return value.decode("utf-8-sig") if isinstance(value, bytes) else value.removeprefix("\ufeff")
