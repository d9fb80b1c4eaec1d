"""What tells two calls apart, and what does not."""

from __future__ import annotations

from typing import Any

import qml_dynamics as qd
from qml_dynamics.methods.identity import Identity


def identity(**parts: object) -> Identity:
    found = Identity()
    for name, value in parts.items():
        found.add(name, value)
    return found


def test_a_binary_grid_keeps_the_identity_from_before_there_were_encodings() -> None:
    binary: Any = identity(domain=qd.Grid((-1, 1), 3)).plain["domain"]
    assert sorted(binary) == ["boundary", "bounds", "class", "qubits", "twist"]
    one_hot: Any = identity(domain=qd.Grid((-1, 1), points=6, encoding="onehot")).plain["domain"]
    assert one_hot["encoding"] == "onehot"
