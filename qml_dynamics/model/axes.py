"""How the points of a grid's axis stand on qubits: numbered in binary, one qubit a point, or on none; and how many there may be."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.errors import integer, require

MAX_QUBITS_PER_AXIS = 30
MAX_QUBITS = 60
MAX_POINTS = 1 << 16  # of an axis that is not numbered in binary, none of which is so long on a device
_MOST = {"binary": 1 << MAX_QUBITS_PER_AXIS, "onehot": MAX_QUBITS, "none": MAX_POINTS}  # points of one axis
BOUNDARIES = ("periodic", "walls")
ENCODINGS = ("binary", "onehot", "none")


def qubits_of(points: Sequence[object], encoding: str) -> list[int]:
    """The qubits of axes with so many points.

    Raises:
        ProblemError: they are no integers from 2 on; or no powers of two, which binary axes have.

    >>> qubits_of([8, 32], "binary"), qubits_of([12], "onehot")
    ([3, 5], [12])
    """
    many = [integer(n, "points", 2, _MOST[encoding]) for n in points]
    if encoding != "binary":
        return many
    for n in many:
        require(n & (n - 1) == 0, "points", "be powers of two where the encoding is 'binary'", n)
    return [n.bit_length() - 1 for n in many]


def checked_qubits(qubits: Sequence[object], encoding: str, boundary: str) -> list[int]:
    """The qubits of all axes, if they are in their range; in other encodings than binary they are points.

    Raises:
        ProblemError: they are not; or a ring that is not numbered in binary has an odd number of points.
    """
    if encoding == "binary":
        bits = [integer(q, "qubits", 1, MAX_QUBITS_PER_AXIS) for q in qubits]
        require(sum(bits) <= MAX_QUBITS, "qubits", f"add up to at most {MAX_QUBITS}", sum(bits))
        return bits
    bits = [integer(q, "points", 2, _MOST[encoding]) for q in qubits]
    if encoding == "onehot":
        require(sum(bits) <= MAX_QUBITS, "points", f"add up to at most {MAX_QUBITS} for one-hot axes", sum(bits))
    for n in bits if boundary == "periodic" else ():
        require(n % 2 == 0, "points", "be even on a ring that is not numbered in binary", n)
    return bits


def need_binary(domain: object, name: str) -> None:
    """Raise :class:`ProblemError` for a grid whose points are not numbered in binary, where registers are worked on.

    >>> from qml_dynamics import Grid
    >>> need_binary(Grid((0, 1), points=6, encoding="onehot"), "problem")
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: Argument `problem` must stand on points numbered in binary here, but is 'onehot'.
    """
    encoding = getattr(domain, "encoding", "binary")
    require(encoding == "binary", name, "stand on points numbered in binary here", encoding)
