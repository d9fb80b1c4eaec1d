"""How the software is cited: the entries of ``CITATION.cff``, as text and as BibTeX.

A module of its own: the file stands at the root of the repository and not in the wheel; a test compares the two.
"""

from __future__ import annotations

TITLE = "qml_dynamics: learning dynamics as Hamiltonian simulation"
AUTHORS = "The qml_dynamics developers"
VERSION, YEAR, LICENSE = "0.1.0", "2026", "Apache-2.0"


def as_text() -> str:
    """One line."""
    return f"{AUTHORS}. {TITLE}, version {VERSION} ({YEAR}). Software, {LICENSE}."


def as_bibtex() -> str:
    """An entry of BibTeX."""
    lines = [
        "@software{qml_dynamics,",
        f"  author  = {{{{{AUTHORS}}}}},",
        f"  title   = {{{TITLE.replace('_', chr(92) + '_')}}},",
        f"  version = {{{VERSION}}},",
        f"  year    = {{{YEAR}}}",
        "}",
    ]
    return "\n".join(lines)
