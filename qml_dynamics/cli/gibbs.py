"""``qml-dynamics gibbs``: softmax, sigmoid and thermal laws, exact or sampled, beside their closed forms."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from .. import synthesis
from ..base.errors import ProblemError, describe, require
from ..base.tails import chi_square_sf
from ..learning.gibbs import GibbsResult, sigmoid, softmax, thermal
from ..methods.keeping import drawn, versions
from ..model.hamiltonians import hamiltonian
from ..model.problem import Problem, at_time
from ..plotting import save_figure
from ..plotting.laws import plot_gibbs
from ..runs.problem_file import read_problem
from ..runs.problem_file.files import write_bytes
from ..runs.trajectory_file import to_json
from . import pictures
from .folders import refuse_results, result_folder
from .options import told_unused
from .run import told_once

SHOWN = 16  # rows of the printed table
FILES = ("result.json", "gibbs.qasm", "gibbs.png")
DENSE = 1024  # points up to which the thermal law is had by diagonalisation


@dataclass(frozen=True)
class Asked:
    """What is to be sampled, as it was typed."""

    problem: Path | None
    energies: str | None
    sigmoid: float | None
    hopping: float
    beta: float | None
    reading: str
    allow_code: bool = False
    time: float | None = None


class Options(TypedDict):
    """How the circuit is run, as for :func:`qml_dynamics.gibbs.softmax`."""

    backend: str | None
    shots: int | None
    seed: int | None


@dataclass(frozen=True, eq=False)
class Answer:
    """A result, the exact law beside it, and the names of its labels."""

    result: GibbsResult
    exact: np.ndarray
    labels: list[str]


def gibbs_command(
    asked: Asked, *, steps: int | None, backend: str | None, shots: int | None, seed: int | None, out: Path | None, as_json: bool,
    force: bool = False
) -> int:  # fmt: skip
    """Sample a softmax of energies, a sigmoid, or the thermal state of a problem; print it beside the exact law.

    The exit code is 1 where samples do not follow the exact law (a pooled chi-square p-value below 1e-4).
    """
    given = [asked.problem is not None, asked.energies is not None, asked.sigmoid is not None]
    if sum(given) != 1:
        raise ProblemError("Argument `gibbs` must have one of a problem file, --energies and --sigmoid.")
    require(shots is not None or seed is None, "seed", "be left out without --shots: nothing is drawn", seed)
    if out is not None:
        refuse_results(out, FILES, force)
    options: Options = {"backend": backend, "shots": shots, "seed": seed if shots is None else drawn(seed)}
    begun = time.perf_counter()
    require(steps is None or asked.problem is not None, "steps", "be left out without a problem", steps)
    answer = _on_problem(asked, steps, options) if asked.problem is not None else _on_labels(asked, options)
    data = _data(answer) | _asked(asked, steps, options, time.perf_counter() - begun)
    files = [] if out is None else _write(answer, data, out)
    if as_json:
        print(to_json({**data, "files": files}))
    else:
        print(_text(answer, data))
        for file in files:
            print(f"wrote {file}")
    p = data["p_value"]
    return 1 if p is not None and p < 1e-4 else 0


def numbers(text: str) -> list[float]:
    """Energies from a text such as ``"0.3, 1.1 -0.4"``.

    >>> numbers("0.3, 1.1 -0.4")
    [0.3, 1.1, -0.4]
    """
    words = [word for word in re.split(r"[,;\s]+", text) if word]
    try:
        return [float(word) for word in words]
    except ValueError:
        raise ProblemError(f"Argument `energies` must be numbers like 0.3,1.1,-0.4, but is {describe(text)}.") from None


def _on_labels(asked: Asked, options: Options) -> Answer:
    beta = 1.0 if asked.beta is None else asked.beta
    require(asked.time is None, "time", "be left out without a problem", asked.time)
    if asked.sigmoid is not None:
        result = sigmoid(asked.sigmoid, beta, asked.hopping, reading=asked.reading, **options)
        return Answer(
            result, sigmoid(asked.sigmoid, beta, asked.hopping, reading=asked.reading).probabilities, ["0", "1"]
        )
    require(asked.hopping == 0, "hopping", "be 0 without --sigmoid", asked.hopping)
    assert asked.energies is not None
    energies = numbers(asked.energies)
    result = softmax(energies, beta, reading=asked.reading, **options)
    weights = np.exp(-beta * (np.array(energies) - min(energies)))
    return Answer(result, weights / weights.sum(), [str(i) for i in range(len(energies))])


def _on_problem(asked: Asked, steps: int | None, options: Options) -> Answer:
    """The thermal state; beta is 2 tau of a problem on the imaginary clock unless it is given."""
    require(asked.reading == "born", "reading", "be born for a problem", asked.reading)
    require(asked.hopping == 0, "hopping", "be that of the problem, its diffusion", asked.hopping)
    assert asked.problem is not None
    file = read_problem(asked.problem, allow_code=asked.allow_code)
    with told_once():
        told_unused(file, "gibbs", method=True, backend=options["backend"] is None)
    problem = at_time(file.problem, asked.time)
    beta = asked.beta
    if beta is None:
        require(problem.clock == "imaginary", "beta", "be given for a problem on the real clock", "not")
        beta = 2 * problem.duration
    result = thermal(problem, beta, steps, **options)
    points = problem.domain.points_at(np.arange(problem.domain.size))
    return Answer(result, _diagonal(problem, beta, steps), [",".join(f"{w:.3g}" for w in point) for point in points])


def _diagonal(problem: Problem, beta: float, steps: int | None) -> np.ndarray:
    """The law of ``e^{-beta H} / Z`` by diagonalisation, or of the split steps where that is too large."""
    if problem.domain.size > DENSE:
        return thermal(problem, beta, steps).probabilities
    energies, modes = np.linalg.eigh(hamiltonian(problem).matrix(0.0))
    weights = np.exp(-beta * (energies - energies[0]))
    out: np.ndarray = (np.abs(modes) ** 2 @ (weights / weights.sum())).reshape(problem.domain.shape)
    return out


def _data(answer: Answer) -> dict[str, Any]:
    result = answer.result
    return {
        "beta": result.beta,
        "tau": result.tau,
        "reading": result.reading,
        "probabilities": result.probabilities.tolist(),
        "stderr": result.stderr.tolist(),
        "exact": answer.exact.tolist(),
        "log_partition": result.log_partition,
        "log_partition_stderr": result.log_partition_stderr,
        "success_probability": result.success_probability,
        "success_stderr": result.success_stderr,
        "shots": result.shots,
        "kept": result.kept,
        "p_value": _p_value(answer),
        "labels": answer.labels,
    }


def _asked(asked: Asked, steps: int | None, options: Options, seconds: float) -> dict[str, Any]:
    """What was asked for, the command that asks it again, and where the numbers come from."""
    said = {"problem": None if asked.problem is None else str(asked.problem), "energies": asked.energies}
    said |= {"sigmoid": asked.sigmoid, "hopping": asked.hopping or None, "beta": asked.beta, "time": asked.time}  # type: ignore[dict-item]
    said |= {"reading": None if asked.reading == "born" else asked.reading, "steps": steps, **options}  # type: ignore[dict-item]
    known = {name: value for name, value in said.items() if value is not None}
    words = ["qml-dynamics", "gibbs", *([known["problem"]] if "problem" in known else [])]
    words += [f"--{name}={value}" for name, value in known.items() if name != "problem"]
    provenance = {"seed": options["seed"], "backend": options["backend"], "seconds": seconds, "versions": versions()}
    return {"asked": known, "command": [str(word) for word in words], "provenance": provenance}


def _p_value(answer: Answer) -> float | None:
    """Pooled chi-square of the kept samples against the exact law; None without samples of the law itself."""
    result = answer.result
    if result.kept is None or result.reading != "born":
        return None
    law, exact = result.probabilities.reshape(-1) * result.kept, answer.exact.reshape(-1) * result.kept
    seen, expected = [0.0], [0.0]
    for i in np.argsort(exact, kind="stable"):  # rare labels together, until ten samples are expected
        if expected[-1] >= 10:
            seen.append(0.0)
            expected.append(0.0)
        seen[-1] += law[i]
        expected[-1] += exact[i]
    if len(seen) < 2 or expected[-1] <= 0:
        return None
    a, b = np.array(seen), np.array(expected)
    return float(chi_square_sf(((a - b) ** 2 / b).sum(), len(a) - 1))


def _text(answer: Answer, data: Mapping[str, object]) -> str:
    result = answer.result
    law, exact, spread = (a.reshape(-1) for a in (result.probabilities, answer.exact, result.stderr))
    rows = [str(result)]
    width = max(5, *(len(label) for label in answer.labels))
    for i in np.argsort(-law, kind="stable")[:SHOWN]:
        error = f" +- {spread[i]:.5f}" if result.kept is not None else ""
        rows.append(f"  {answer.labels[i]:>{width}}  {law[i]:.5f}{error}  exact {exact[i]:.5f}")
    if law.size > SHOWN:
        rows.append(f"  and {law.size - SHOWN} more, of {1 - np.sort(law)[-SHOWN:].sum():.5f} together")
    if data["p_value"] is not None:
        rows.append(f"chi-square p-value against the exact law: {data['p_value']:.3g}")
    return "\n".join(rows)


def _write(answer: Answer, data: Mapping[str, object], out: Path) -> list[str]:
    """``result.json``, the circuit as OpenQASM 3, and a picture where there is something to draw with."""
    with result_folder(out, out, FILES, force=True) as (draft, folder):
        names = [path.name for path in _files(answer, data, draft)]
    return [str(folder / name) for name in names]


def _files(answer: Answer, data: Mapping[str, object], out: Path) -> list[Path]:
    write_bytes(out / "result.json", (to_json(data) + "\n").encode())
    files = [out / "result.json"]
    circuit = answer.result.circuit
    if circuit is not None and not {"reset", "measure"} & set(circuit.count_ops()):
        text = synthesis.qasm.to_qasm3(circuit, name="gibbs", digits=10, measure=True)
        write_bytes(out / "gibbs.qasm", text.encode())
        files.append(out / "gibbs.qasm")
    if pictures.available():
        labels = answer.labels if answer.result.probabilities.size <= 32 else None
        files.append(save_figure(plot_gibbs(answer.result, answer.exact, labels), out / "gibbs.png"))
    return files
