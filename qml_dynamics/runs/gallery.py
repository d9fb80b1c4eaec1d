"""The gallery: one folder an experiment, its problem file, and the OpenQASM 3 programs that it compiles to.

A program runs the whole duration of the problem in a few steps of its product formula, so that it is short enough for a
vendor's console. ``manifest.json`` holds the sizes and the values to be expected, from the classical reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from .. import synthesis
from ..backends import backend
from ..base.errors import ProblemError, QMLDynamicsError, integer
from ..base.interrupts import whole
from ..base.places import regular
from ..base.texts import parse_json
from ..methods.base import space_of
from ..methods.evolution import circuits, evolve
from ..methods.split_step import SplitStep
from ..methods.trotter import Trotter, trotter_of
from ..model.formulas import Formula
from ..model.hamiltonians import LearningHamiltonian, hamiltonian
from ..model.objectives import from_table
from ..model.problem import Problem
from ..results.trajectory import Trajectory
from .gallery_programs import built, check_built, for_device
from .problem_file import ProblemFile, read_problem
from .problem_file.files import write_bytes

MANIFEST = "manifest.json"


def rounded(value: object) -> Any:
    """Floats to nine digits, which rounding leaves alone but for the last."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return float(f"{value:.9g}") if isinstance(value, float) else value


def compare_manifest(folder: Path, wanted: dict[str, object]) -> list[str]:
    """What is wrong in the manifest of a folder, one sentence each.

    Counts must be the same; numbers agree to ``1e-9 + 1e-7 |value|``: they are sums of a density that the angles' ten decimals and
    the processor's rounding move by 1e-10, times a loss or a weight. Bytes are those of the text as it was written: an angle whose
    last digit is another one elsewhere, or a zero that is not written, moves them, so that they agree to 1 percent.
    """
    try:
        found = parse_json(regular(folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"{MANIFEST} cannot be read: {' '.join(str(error).split())}"]
    return [f"{MANIFEST}: {fault}" for fault in _differences(found, wanted, "")]


def _differences(found: object, wanted: object, where: str) -> list[str]:
    if isinstance(wanted, dict):
        if not isinstance(found, dict) or set(found) != set(wanted):
            return [f"{where or 'the file'} has other keys"]
        return [
            fault for key in wanted for fault in _differences(found[key], wanted[key], f"{where}.{key}".lstrip("."))
        ]
    numbers = _number(found) and _number(wanted)
    a, b = cast(tuple[float, float], (found, wanted))
    same = abs(a - b) <= _tolerance(where, b) if numbers else found == wanted
    return [] if same else [f"{where} is {found}, but should be {wanted}"]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _tolerance(where: str, wanted: float) -> float:
    if where.endswith(".bytes"):
        return 0.01 * wanted
    return 0.0 if isinstance(wanted, int) else 1e-9 + 1e-7 * abs(wanted)


DIGITS = 10  # decimals of an angle: rounding moves the tenth of a few, and densities are right to 1e-8
LIMIT = 300_000  # bytes of a program
TOLERANCE = 1e-8
DEFAULT_STEPS = 4
_NAME = re.compile(r"program_(\d+)_steps\.qasm")


@dataclass(frozen=True, eq=False)
class Program:
    """One program of a folder and what is known of it."""

    file: str
    text: str
    facts: dict[str, Any]


def folders(root: Path) -> list[Path]:
    """The folders under ``root`` that hold a ``problem.toml``, sorted."""
    return sorted(path.parent for path in root.glob("*/problem.toml"))


def write(folder: Path, steps: Sequence[int] | None = None, *, allow_code: bool = False) -> list[str]:
    """Write the programs and the manifest of a folder anew; returns the names of the files.

    Args:
        folder: holds ``problem.toml``, on the real clock.
        steps: one program for each number of steps (default: those that are there already, else 4).
        allow_code: as in :func:`qml_dynamics.read_problem`.

    Raises:
        ProblemError: the problem is not on the real clock, or a program would be longer than 300 kB.
    """
    file = read_problem(folder, allow_code=allow_code)
    others = built(folder, allow_code=allow_code)
    if file.problem.objective is None or (only_built(file) and others):
        others |= for_device(folder, allow_code=allow_code)
        for name, text in others.items():
            write_bytes(folder / name, text.encode())
        return list(others)
    programs = [_program(file, integer(k, "steps", 1, 10_000)) for k in steps or _steps(folder) or [DEFAULT_STEPS]]
    manifest = (
        json.dumps(_manifest(file, programs), indent=2) + "\n"
    ).encode()  # everything is made before anything is written
    for program in programs:
        write_bytes(folder / program.file, program.text.encode())
    write_bytes(folder / MANIFEST, manifest)
    for name, text in others.items():
        write_bytes(folder / name, text.encode())
    return [*(program.file for program in programs), MANIFEST, *others]


def check(folder: Path, *, allow_code: bool = False) -> list[str]:
    """What is wrong in a folder: an empty list where all is well.

    Every problem file is read; every program is compiled again and compared instruction by instruction, angles to 1e-9 (see
    :func:`~qml_dynamics.synthesis.qasm_compare.differences`), read back, and its density compared with that of the classical method
    with the same formula; the manifest is compared number by number. Programs that have a builder of their own are made again and
    compared too.
    """
    wrong = []
    try:
        for path in sorted(folder.glob("*.toml")):
            read_problem(path, allow_code=allow_code)
        file = read_problem(folder, allow_code=allow_code)
    except QMLDynamicsError as error:
        return [str(error)]
    if only_built(file) and built(folder, allow_code=allow_code):
        return check_built(folder, allow_code=allow_code)
    steps = _steps(folder)
    programs = [_program(file, k) for k in steps]
    if not programs:
        return ["there is no program: write it with `qml-dynamics circuits --write`"]
    for k, program in zip(steps, programs):
        text = (folder / program.file).read_text(encoding="utf-8")
        wrong += synthesis.qasm_compare.differences(text, program.text, program.file)
        wrong += [f"{program.file}: {fault}" for fault in faults(file, text, k)]
    return wrong + compare_manifest(folder, _manifest(file, programs)) + check_built(folder, allow_code=allow_code)


def only_built(file: ProblemFile) -> bool:
    """Problems of an operator, on a one-hot grid, or without a real clock: only what has a builder of its own."""
    return file.problem.objective is None or file.problem.clock != "real" or space_of(file.problem) == "onehot"


def faults(file: ProblemFile, text: str, steps: int) -> list[str]:
    """Where the density of a program as it is read back is not that of the classical method with the same formula.

    The program's loss is the truncated Walsh series of the problem's loss; against its exact values the density must agree
    to 1e-8, and against the loss itself to the bound of the truncation.
    """
    problem, size = file.problem, file.problem.domain.size
    try:
        wave = next(iter(backend("statevector").states([synthesis.qasm.from_qasm3(text)], lambda done, total: None)))
    except QMLDynamicsError as error:
        return [str(error)]
    rest = float(np.abs(wave[size:]).max(initial=0.0))  # ancillas of walls must be back in 0
    density = np.abs(wave[:size].reshape(problem.domain.shape)) ** 2
    truncated, _, bound = _truncated(file, steps)
    out = []
    distance = float(np.abs(density - _split(truncated, file, steps).density[-1]).max())
    if distance > TOLERANCE or rest > TOLERANCE:
        out.append(f"its density is {distance:.1e} away from the classical reference of the same formula")
    total = 0.5 * float(np.abs(density - _split(problem, file, steps).density[-1]).sum())
    if total > bound + 1e-6:
        out.append(f"its density is {total:.1e} away from that of the untruncated loss, where {bound:.1e} is allowed")
    return out


def _steps(folder: Path) -> list[int]:
    return sorted(int(m.group(1)) for path in folder.iterdir() if (m := _NAME.fullmatch(path.name)) and path.is_file())


def _method(file: ProblemFile) -> Trotter:
    """The problem's own Trotter method, whose order and truncation the programs keep."""
    if file.problem.clock != "real" or file.problem.objective is None:
        raise ProblemError(f"{file.path.name}: programs are written for objectives on the real clock only.")
    if space_of(file.problem) == "onehot":  # bonds have formulas that no classical method takes
        raise ProblemError(f"{file.path.name}: programs with their reference are written for binary grids only.")
    return trotter_of(file.method, DEFAULT_STEPS)


def _formula(file: ProblemFile) -> Formula:
    return _method(file).product_formula


def _truncated(file: ProblemFile, steps: int) -> tuple[Problem, float, float]:
    """The problem with the loss that the circuit really has, the sup error of that loss, and its bound on the state."""
    problem, h = file.problem, hamiltonian(file.problem)
    assert isinstance(h, LearningHamiltonian)
    plan = synthesis.trotter.program(
        problem, h, _formula(file), steps, [0.0, problem.duration], _method(file).truncation
    )
    if not plan.sup_error:
        return problem, 0.0, plan.error_bound
    amount = plan.error_bound / plan.sup_error  # the integral of the strength, as the circuit's builder takes it
    series = synthesis.walsh.walsh_series(h.zeta, _method(file).truncation / amount)
    loss = from_table(series.values(), problem.domain)
    return problem.replace(objective=loss), plan.sup_error, plan.error_bound


def _split(problem: Problem, file: ProblemFile, steps: int) -> Trajectory:
    """The classical method with the same formula and steps."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few long steps may reach the edge: that is not what is checked
        return whole(evolve(problem, SplitStep(steps, order=_method(file).order), seed=0, progress=False))


def _program(file: ProblemFile, steps: int) -> Program:
    method = replace(_method(file), steps=steps)
    circuit = circuits(file.problem, method)[-1]
    name = file.path.resolve().parent.name
    notes = [
        f"{method.product_formula.name} formula, {steps} steps over the duration {file.problem.duration:g}",
        f"weights: axis 0 is the highest {file.problem.domain.qubits[0]} of {file.problem.domain.num_qubits} qubits",
    ]
    text = synthesis.qasm.to_qasm3(circuit, name=name, notes=notes, digits=DIGITS)
    if len(text) > LIMIT:
        raise ProblemError(
            f"Argument `steps` must give a program of at most {LIMIT:,} bytes, but {steps} gives {len(text):,}."
        )
    truncated, sup_error, bound = _truncated(file, steps)
    run = _split(truncated, file, steps)
    facts = {
        "steps": steps,
        "qubits": circuit.num_qubits,
        "depth": circuit.depth(),
        "gates": circuit.size(),
        "two_qubit_gates": circuit.num_nonlocal_gates(),
        "bytes": len(text),
        "truncation_sup_error": sup_error,
        "truncation_bound": bound,
        "expected": _expected(run, file),
    }
    return Program(f"program_{steps}_steps.qasm", text, facts)


def _expected(run: Trajectory, file: ProblemFile) -> dict[str, float]:
    """Values that samples of a program must reproduce, of the loss as it is in the problem, and four sums of the density."""
    density, domain = run.density[-1].reshape(-1), file.problem.domain
    zeta = hamiltonian(file.problem).zeta.reshape(-1)  # type: ignore[union-attr]
    means = density @ domain.points_at(np.arange(domain.size))
    return {
        "mean_loss": float(density @ zeta),
        "kinetic": float(run.expectations["kinetic"].value[-1]),
        "collision_probability": float(density @ density),
        "largest_probability": float(density.max()),
        **{f"mean_x{axis}": float(mean) for axis, mean in enumerate(means)},
    }


def _manifest(file: ProblemFile, programs: Sequence[Program]) -> dict[str, Any]:
    import warnings

    domain, problem = file.problem.domain, file.problem
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exact = whole(evolve(problem, SplitStep(400, order=4), seed=0, progress=False))
    zeta = hamiltonian(problem).zeta  # type: ignore[union-attr]
    manifest = {
        "format": 1,
        "problem": {
            "shape": list(domain.shape),
            "qubits": domain.num_qubits,
            "clock": problem.clock,
            "duration": problem.duration,
            "least_loss": float(zeta.min()),
            "mean_loss_of_uniform_weights": float(zeta.mean()),
        },
        "exact": {"method": "SplitStep(steps=400, order=4)", **_expected(exact, file)},
        "programs": {program.file: program.facts for program in programs},
    }
    out: dict[str, Any] = rounded(manifest)
    return out
