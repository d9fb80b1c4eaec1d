"""The picture of the twelve rooms of the package and their imports, drawn as SVG from the source.

``python -m tools.pictures.rooms`` writes ``docs/images/rooms.svg``. An arrow is drawn from a room to each room that it imports,
function-level imports included, but for those that follow from others (the transitive reduction).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ..sources import tree_of

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "qml_dynamics"
TARGET = ROOT / "docs" / "images" / "rooms.svg"

ROOMS = {  # from the ground up, and what each holds in a few words
    "base": "errors, estimates, registry",
    "model": "weight spaces, losses, schedules, H",
    "results": "trajectories, observables, sampling",
    "synthesis": "circuit builders",
    "backends": "simulators and devices",
    "methods": "what runs a problem",
    "validation": "comparison, cost, error budget",
    "learning": "uses of the equation",
    "runs": "files and run folders",
    "plotting": "pictures",
    "cli": "command line",
    "conformance": "the contract of a method, tested",
}
WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 232, 54, 60, 52, 24  # of a box, between boxes, and round all of them


@cache
def imports() -> dict[str, set[str]]:
    """The rooms that each room imports; a room without modules is left out."""
    found: dict[str, set[str]] = {room: set() for room in ROOMS if any((PACKAGE / room).rglob("*.py"))}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0]
        if room in found:
            found[room] |= {other for other in _rooms_of(path) if other in found and other != room}
    return found


def _rooms_of(path: Path) -> Iterator[str]:
    """The first names below the package in every import of a file."""
    here = path.relative_to(PACKAGE).parent.parts
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom):
            module = [part for part in (node.module or "").split(".") if part]
            if node.level:
                module = [*here[: len(here) - node.level + 1], *module]
            elif module[:1] == [PACKAGE.name]:
                module = module[1:]
            else:
                continue
            yield from (module[0],) if module else (alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith(f"{PACKAGE.name}."))


def reduced(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The arrows that do not follow from two others.

    >>> reduced({"a": set(), "b": {"a"}, "c": {"a", "b"}})["c"]
    {'b'}
    """
    below = {room: _reach(graph, room) for room in graph}
    return {room: {o for o in mine if not any(o in below[m] for m in mine - {o})} for room, mine in graph.items()}


def _reach(graph: dict[str, set[str]], room: str) -> set[str]:
    found: set[str] = set()
    for other in graph[room]:
        found |= {other} | _reach(graph, other)
    return found


def floors(graph: dict[str, set[str]]) -> list[list[str]]:
    """Rooms by the longest way down to the ground."""
    height: dict[str, int] = {}
    for room in graph:  # the order of the rooms is one in which all imports go back
        height[room] = 1 + max((height[other] for other in graph[room]), default=-1)
    return [[room for room in graph if height[room] == floor] for floor in range(max(height.values()) + 1)]


def draw() -> str:
    """The picture as text."""
    graph = imports()
    storeys = floors(graph)
    most = max(len(row) for row in storeys)
    width = 2 * MARGIN + most * WIDTH + (most - 1) * ACROSS
    height = 2 * MARGIN + len(storeys) * HEIGHT + (len(storeys) - 1) * DOWN
    places: dict[str, tuple[float, float]] = {}
    for floor, row in enumerate(storeys):
        left = (width - len(row) * WIDTH - (len(row) - 1) * ACROSS) / 2
        for i, room in enumerate(row):
            places[room] = (left + i * (WIDTH + ACROSS), height - MARGIN - (floor + 1) * HEIGHT - floor * DOWN)
    arrows = [_arrow(places[room], places[o]) for room, mine in reduced(graph).items() for o in sorted(mine)]
    boxes = [_box(room, *places[room]) for room in graph]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">\n'
        "<title>The rooms of the package; an arrow points to what a room imports</title>\n"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>\n'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n'
    )
    return head + "\n".join([*arrows, *boxes]) + "\n</svg>\n"


def _box(room: str, x: float, y: float) -> str:
    middle = x + WIDTH / 2
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="7" fill="#e8f1f8" stroke="#0072b2"/>'
        f'<text x="{middle:g}" y="{y + 23:g}" text-anchor="middle" font-size="16" font-weight="bold">{room}/</text>'
        f'<text x="{middle:g}" y="{y + 42:g}" text-anchor="middle" font-size="12" fill="#333">{ROOMS[room]}</text>'
    )


def _arrow(upper: tuple[float, float], lower: tuple[float, float]) -> str:
    x0, y0 = upper[0] + WIDTH / 2, upper[1] + HEIGHT
    x1, y1 = lower[0] + WIDTH / 2, lower[1]
    bend = (y1 - y0) / 2
    aside = 0.62 * WIDTH if abs(x1 - x0) < 1 and y1 - y0 > DOWN + 1 else 0.0  # round the boxes in between
    path = f"M{x0:g} {y0:g}C{x0 + aside:g} {y0 + bend:g} {x1 + aside:g} {y1 - bend:g} {x1:g} {y1:g}"
    return f'<path d="{path}" fill="none" stroke="#555" stroke-width="1.4" marker-end="url(#tip)"/>'


def main() -> None:
    """Write the picture."""
    TARGET.write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
