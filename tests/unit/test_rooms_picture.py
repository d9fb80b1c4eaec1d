"""The picture and the table of the rooms in docs/architecture.md are those of the source."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import fields

from qml_dynamics.backends import Capabilities
from qml_dynamics.methods.base import Facts, Method
from tools.pictures import rooms

PAGE = rooms.ROOT / "docs" / "architecture.md"


def test_the_picture_is_that_of_the_imports() -> None:
    drawn = rooms.TARGET.read_text(encoding="utf-8")
    assert drawn == rooms.draw(), "draw it again: python -m tools.pictures.rooms"
    texts = [e.text for e in ElementTree.fromstring(drawn).iter() if e.tag.endswith("}text")]
    assert {f"{room}/" for room in rooms.imports()} <= set(texts)
    assert len(rooms.imports()) >= 11


def test_arrows_point_down_and_say_all() -> None:
    graph = rooms.imports()
    order = list(rooms.ROOMS)
    assert all(order.index(other) < order.index(room) for room, mine in graph.items() for other in mine)
    kept = rooms.reduced(graph)
    reach = {room: {o for o in graph if o in graph[room]} for room in graph}
    for room in graph:  # what was left out follows from what is drawn
        found: set[str] = set()
        pending = list(kept[room])
        while pending:
            found.add(pending[-1])
            pending += kept[pending.pop()]
        assert reach[room] <= found
    assert sum(map(len, kept.values())) < sum(map(len, graph.values()))


def test_the_table_has_every_room_in_its_order() -> None:
    names = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name in names if name in rooms.ROOMS] == list(rooms.ROOMS)


def test_the_tables_have_every_fact_and_every_member_of_a_method() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    named = set(re.findall(r"`(\w+)", " ".join(rows)))
    assert {field.name for field in fields(Facts)} <= named
    assert {name for name in vars(Method) if not name.startswith("_")} | {"name"} <= named
    assert {"exact", "noisy", "seeding"} <= named & {field.name for field in fields(Capabilities)}
