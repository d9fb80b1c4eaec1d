"""Every public name, parameter, command and option that there was is still there."""

from __future__ import annotations

import inspect

from tests.stored.names import LISTED, every_line, key, parameters

NEW_NAMES = {"circuits": "draws"}  # of options, whose old names still work with a warning: see the changelog
AVERAGES = ("qd.QDrift(", "qd.RandomOrder(", "qd.MiniBatch(")
PLACED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def listed() -> list[str]:
    """The lines of the file."""
    return LISTED.read_text(encoding="utf-8").splitlines()


def lost(before: str, now: str) -> str:
    """What a call that was right is no longer allowed to say; empty where nothing is lost.

    >>> lost("qd.f(a, b=1)", "qd.f(a, c=2)"), lost("qd.f(a)", "qd.f(a, b)"), lost("qd.f(a)", "qd.f(a, *, b=1)")
    ('b', 'b must be given', '')
    """
    old, new = parameters(before)[1], parameters(now)[1]
    if old is None:
        return ""
    if new is None:
        return "its signature"
    old = [p.replace(name=NEW_NAMES[p.name]) if p.name in NEW_NAMES and before.startswith(AVERAGES) else p for p in old]
    found = {p.name: p for p in new}
    for p in old:
        if p.name not in found:
            return p.name
        if p.default is not p.empty and found[p.name].default is p.empty:
            return f"the default of {p.name}"
    order, wanted = ([p.name for p in each if p.kind in PLACED] for each in (new, old))
    if order[: len(wanted)] != wanted:
        return "the order of its parameters"
    needed = [
        p.name for p in new if p.default is p.empty and p.name not in {q.name for q in old} and p.kind.name[:3] != "VAR"
    ]
    return f"{needed[0]} must be given" if needed else ""


def test_the_list_is_whole() -> None:
    lines = listed()
    assert len(lines) == len({key(line) for line in lines}) > 1300
    assert sum(line.startswith("$ qml-dynamics") for line in lines) >= 18
    assert "qd.evolve" in {key(line) for line in lines}


def test_every_public_name_is_still_there() -> None:
    now = {key(line): line for line in every_line() if not line.startswith("$")}
    names = [line for line in listed() if not line.startswith("$")]
    gone = [line for line in names if key(line) not in now]
    assert not gone
    less = {key(line): lost(line, now[key(line)]) for line in names}
    assert not {name: what for name, what in less.items() if what}


def test_every_command_and_option_is_still_there() -> None:
    now = {key(line): set(line.split()) for line in every_line() if line.startswith("$")}
    for line in listed():
        if line.startswith("$"):
            assert key(line) in now, f"the command is gone: {line}"
            missing = set(line.split()) - now[key(line)]
            assert not missing, f"{key(line)} has lost {missing}"


def test_a_loss_is_found() -> None:
    assert lost("qd.f(a, b)", "qd.f(b, a)") == "the order of its parameters"
    assert lost("qd.f(a, b=None)", "qd.f(a, b)") == "the default of b"
    assert lost("qd.f(*given, a)", "qd.f(a)") == "given"
    assert lost("qd.f(a)", "qd.f") == "its signature"
    assert lost("qd.f(a, *, b=1)", "qd.f(a, x=3, *, b=1, c=2)") == ""
