"""What tells two calls apart, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qml_dynamics as qd
from qml_dynamics.methods.identity import Identity, _code, _text, text_of_callback


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


def counting(limit: int) -> Callable[[int], bool]:
    """A callback that counts, in a function of its own."""
    calls = 0

    def stop(_step: int) -> bool:
        def count() -> None:
            nonlocal calls
            calls += 1

        count()
        return calls > limit

    return stop


def test_what_a_callback_counts_does_not_make_it_another() -> None:
    stop = counting(5)
    before, held = text_of_callback(stop), identity(f=stop).plain
    assert not stop(1)
    assert text_of_callback(stop) == before == text_of_callback(counting(5))
    assert identity(f=stop).plain == held
    assert text_of_callback(counting(6)) != before
    assert identity(f=counting(6)).plain != held


def test_a_set_in_a_callback_is_the_same_in_every_process() -> None:
    """Whose members come in another order there."""
    first, second = (
        frozenset([0, 8]),
        frozenset([8, 0]),
    )  # which share a place, so that the one that came first is first
    assert [*first] != [*second]
    code = (lambda x: x in {0, 8}).__code__
    consts = [tuple(s if isinstance(c, frozenset) else c for c in code.co_consts) for s in (first, second)]
    assert _text((first,)) == repr((first,))
    assert _code(code.replace(co_consts=consts[0])) == _code(code.replace(co_consts=consts[1]))
