"""Tables of choice from the facts of methods and the capabilities of backends: which method serves where, and what a backend answers."""

from __future__ import annotations

from typing import cast

import qml_dynamics as qd
from qml_dynamics.backends import BackendRow, available, capabilities
from qml_dynamics.base.registry import METHODS
from qml_dynamics.conformance.cells import standard_problem
from qml_dynamics.methods.base import SPACE_WORDS, SPACES, Clock, Space, space_of
from qml_dynamics.methods.catalogue import Row, row
from qml_dynamics.methods.defaults import default_method
from qml_dynamics.model.problem import CLOCKS

# Backends whose facts do not depend on what else is installed, and the name that is opened for them.
OPENED = {
    "statevector": "statevector",
    "aer": "aer",
    "aer:density_matrix": "aer:density_matrix",
    "aer:matrix_product_state": "aer:matrix_product_state",
    "aer:noise=fake_<device>": "aer:noise=fake_manila",
    "ibm:aer": "ibm:aer",
    "ibm:fake_<device>": "ibm:fake_manila",
    "pennylane:default.qubit": "pennylane:default.qubit",
    "pennylane:lightning.qubit": "pennylane:lightning.qubit",
}
SEEDS = {"circuit": "every circuit's counts", "batch": "the counts of a call", "none": "nothing"}


def methods_by_problem() -> str:
    """For every clock and weight space the methods that the facts allow, the default in bold, as Markdown."""
    lines = ["| clock | weights | by NumPy | as circuits |", "|---|---|---|---|"]
    found = [row(name) for name in METHODS]
    for clock in CLOCKS:
        for space in SPACES:
            problem = _stated(space, clock)
            if problem is not None:
                serving = (_serving(found, problem, where) for where in ("classical", "backend"))
                lines.append(f"| {' | '.join([clock, SPACE_WORDS[space], *serving])} |")
    return "\n".join(lines)


def _stated(space: Space, clock: str) -> qd.Problem | None:
    """A problem on a weight space and a clock, or None where there is none."""
    try:
        return standard_problem(space, cast(Clock, clock))
    except qd.ProblemError:
        return None


def _serving(found: list[Row], problem: qd.Problem, where: str) -> str:
    backend = None if where == "classical" else qd.backend("statevector")
    space = space_of(problem)
    try:
        first = default_method(problem, backend).name
    except qd.MethodError:  # none runs unasked
        first = ""
    named = [
        each.name
        for each in found
        if problem.clock in each.facts.clocks and space in each.facts.spaces and each.facts.runs_on in (where, "either")
    ]
    return ", ".join(f"**`{name}`**" if name == first else f"`{name}`" for name in named)


def backends() -> str:
    """What each backend answers, as Markdown; of a name with a blank, the fake device Manila stands for all."""
    lines = [
        "| backend | what it is | answers | noise | measures and resets midway | a seed decides | needs |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = {each.name: each for each in available()}
    lines += [_backend(rows[name], opened) for name, opened in OPENED.items()]
    return "\n".join(lines)


def _backend(found: BackendRow, opened: str) -> str:
    can = capabilities(qd.backend(opened))
    answers = (
        "amplitudes, samples"
        if can.exact
        else "samples" + ("; exact probabilities" if _tells_probabilities(opened) else "")
    )
    answers += "; estimates operators" if can.estimates else ""
    noise = {True: "of the device that it simulates", False: "that of shots only"}[can.noisy]
    extra = "the extra `ibm`" if "ibm" in found.name or "fake" in found.name else "nothing more"
    midway = "yes" if can.midway else "no"
    return f"| `{found.name}` | {found.kind} | {answers} | {noise} | {midway} | {SEEDS[can.seeding]} | {extra} |"


def _tells_probabilities(opened: str) -> bool:
    """Whether it gives exact probabilities of a circuit, as its verb says when it is called."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1)
    circuit.h(0)
    try:
        qd.backend(opened).probabilities([circuit])
    except qd.BackendError:
        return False
    return True
