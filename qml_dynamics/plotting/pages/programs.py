"""The OpenQASM 3 program of a folder: its gates in numbers, drawn where it is narrow, and its text."""

from __future__ import annotations

from ...base.errors import QMLDynamicsError
from ...synthesis.qasm import from_qasm3
from . import drawing
from .markup import Child, Element, code
from .sections import details, note, section
from .sources import Place

_MOST_TEXT = 20_000


def program(place: Place, file: str, missing: str, facts: Child = None) -> Element:
    """The section of the circuit; ``missing`` says why there may be none, ``facts`` what else is known of it."""
    path = None if place.folder is None else place.folder / file
    if path is None or not path.is_file():
        return section("circuits", "Circuits", note(missing), facts)
    text = path.read_text(encoding="utf-8", errors="replace")
    parts: list[Child] = [facts]
    try:
        circuit = from_qasm3(text)
        if circuit.num_qubits <= drawing.MOST_QUBITS:  # it takes minutes on thousands
            circuit.remove_final_measurements()
        parts += drawing.drawn(circuit, f"The program {file}")
    except QMLDynamicsError as error:
        parts.append(note(f"The program {file} could not be drawn: {error}"))
    shown = text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}\n// and so on: {len(text):,} characters in all"
    return section("circuits", "Circuits", *parts, details("The program, OpenQASM 3", code(shown, file)))
