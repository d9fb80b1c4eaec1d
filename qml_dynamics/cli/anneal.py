"""``qml-dynamics anneal``: the two loops on a problem file, and samples around their end, beside SciPy and uniform sampling."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.errors import MethodError, QMLDynamicsError, one_of, require
from ..base.interrupts import INTERRUPTED, Interrupts, Stop
from ..learning.annealing import anneal
from ..learning.metts import Chain, metts
from ..methods.identity import Identity
from ..model.problem import CLOCKS
from ..plotting import save_figure
from ..plotting.annealing import plot_annealing, plot_chain
from ..results.trajectory import Trajectory, plain
from ..runs.problem_file import ProblemFile, read_problem
from ..runs.problem_file.editors import put_schema, top_line
from ..runs.problem_file.files import copy_problem, write_bytes
from ..runs.trajectory_file import PROBLEM, RESULT, TRAJECTORY, to_json
from . import pictures
from .folders import CHAIN_FILE, Place, run_folder
from .optimum import scipy_optimum
from .options import parse_method, told_unused
from .run import default_folder, identify_file, terminal, told_once
from .summary import print_run, run_data, weights_table

if TYPE_CHECKING:
    from rich.console import Console


ANNEALING, CHAIN = "annealing.png", "chain.png"


@dataclass(frozen=True)
class Wishes:
    """The options of ``anneal`` as they were typed."""

    stages: int = 20
    strategy: str = "portfolio"
    adapt: str | None = None
    restarts: int | None = None
    clock: str = "imaginary"
    duration: float | None = None
    backend: str | None = None
    method: str | None = None
    shots: int | None = None
    seed: int | None = None
    samples: int = 0
    tau: float | None = None
    allow_code: bool = False


def anneal_command(
    path: Path, wishes: Wishes, *, out: Path | None, as_json: bool, plots: bool, force: bool = False
) -> int:
    """Anneal a problem file; the exit code is 0, or 130 after a signal (what was done is saved, and the same command goes on)."""
    one_of(wishes.clock, "clock", CLOCKS, MethodError)
    require(wishes.samples >= 0, "samples", "not be negative", wishes.samples, MethodError)
    require(wishes.tau is None or wishes.samples > 0, "tau", "be left out without --samples", wishes.tau, MethodError)
    file = read_problem(path, allow_code=wishes.allow_code)

    def identify(said: Identity) -> None:
        """Enter the problem file and the options that decide the result into the identity of this call."""
        identify_file(file, said)
        said.add("options", {k: v for k, v in vars(wishes).items() if k not in ("seed", "allow_code")})

    with (
        told_once(),
        Interrupts() as interrupts,
        run_folder("anneal", out, default_folder(file.path), force, wishes.seed, identify) as place,
    ):
        told_unused(file, "anneal", method=wishes.method is None, backend=wishes.backend is None)
        if place.work == place.folder:
            copy_problem(file, place.work / PROBLEM, top=top_line())
        return _in_place(file, wishes, place, interrupts, as_json, plots)


def _in_place(
    file: ProblemFile, wishes: Wishes, place: Place, interrupts: Interrupts, as_json: bool, plots: bool
) -> int:
    """Anneal, sample, check and draw, with what there is in the folder at any time."""
    console, chain = terminal(as_json), None
    run = _anneal(file, wishes)
    copy_problem(file, place.work / PROBLEM, top=top_line())
    put_schema(place.work)
    run.save(place.work / TRAJECTORY)
    data, code = run_data(run, file, weights_table(run, file, None)), _code(interrupts)
    if not code:
        try:
            chain = _sample(run, file, wishes)
            if chain is not None:
                chain.save(place.work / CHAIN_FILE)
            code = _code(interrupts)
            interrupts.checking = True
            data = run_data(run, file, weights_table(run, file, scipy_optimum(file.problem)))
            _add_chain(data, chain, file)
            print_run(console, run, data)
            _print_more(console, run, chain, data)
            if plots:
                data["pictures"] = _draw(place.work, run, chain)
        except (Stop, KeyboardInterrupt):
            code = INTERRUPTED
        interrupts.checking = False
    return _finish(console, run, data, place, as_json, code)


def _code(interrupts: Interrupts) -> int:
    return 0 if interrupts.seen is None else INTERRUPTED


def _anneal(file: ProblemFile, wishes: Wishes) -> Trajectory:
    problem = file.problem.replace(clock=wishes.clock)
    if wishes.duration is not None:
        problem = problem.replace(duration=wishes.duration)
    return anneal(
        problem,
        wishes.stages,
        wishes.strategy,
        wishes.backend,
        wishes.seed,
        method=None if wishes.method is None else parse_method(wishes.method),
        adapt=wishes.adapt,
        restarts=wishes.restarts,
        shots=wishes.shots,
    )


def _sample(run: Trajectory, file: ProblemFile, wishes: Wishes) -> Chain | None:
    """A chain at the last diffusion, or at the end of a path of operators, classically: what lies around the end of the annealing."""
    if not wishes.samples:
        return None
    tau = 5.0 if wishes.tau is None else wishes.tau
    if run.problem.operator is not None:
        return metts(run.problem, tau, wishes.samples, wishes.seed, collapse="alternate", time=run.problem.duration)
    last = float(run.diagnostics["diffusion"][-1])
    return metts(run.problem, tau, wishes.samples, wishes.seed, collapse="alternate", diffusion=last)


def _vote_accuracy(chain: Chain, X: np.ndarray, y: np.ndarray) -> float:
    """Accuracy of the majority vote of all samples on rows that are standardised already."""
    voted = chain.predictor("vote")
    return replace(voted, objective=replace(voted.objective, preparation=None)).score(X, y)


def _add_chain(data: dict[str, Any], chain: Chain | None, file: ProblemFile) -> None:
    if chain is None:
        return
    objective, dataset = file.problem.objective, file.dataset
    report: dict[str, Any] = {
        "tau": chain.tau,
        "beta": chain.beta,
        "reading": chain.reading,
        "effective_sample_size": chain.effective_sample_size,
        "detailed_balance": plain(chain.detailed_balance),
        "total_variation": chain.total_variation,
        "stop": chain.stop,
    }
    data["chain"], best = report, chain.best
    if best is None:  # of an operator
        return
    row: dict[str, Any] = {"from": f"best of {len(chain.samples):,} METTS samples"}
    w = np.array(best.weights)
    row |= {"weights": list(best.weights), "loss": best.value}
    if dataset is not None and objective is not None:
        row["training_accuracy"] = objective.score(w, dataset.X_train, dataset.y_train)
        report["vote_training_accuracy"] = _vote_accuracy(chain, dataset.X_train, dataset.y_train)
        if len(dataset.y_test):
            row["held_out_accuracy"] = objective.score(w, dataset.X_test, dataset.y_test)
            report["vote_held_out_accuracy"] = _vote_accuracy(chain, dataset.X_test, dataset.y_test)
    data["best_weights"].insert(1, row)


def _print_more(console: Console, run: Trajectory, chain: Chain | None, data: dict[str, Any]) -> None:
    """Members, crossings, and the chain."""
    from rich.text import Text

    d = run.diagnostics
    for name, member in d["members"].items():
        told = member.get("error") or f"final energy {member['energy']}"
        console.print(
            Text(f"{name}: {told}" + ("  <- chosen" if name == d["chosen"] and len(d["members"]) > 1 else ""))
        )
    for c in d.get("crossings", []):
        where = f"D = {c['diffusion']:.3g}" if "diffusion" in c else f"t = {c['time']:.3g}"
        console.print(Text(f"crossing at {where} with a gap of {c['gap']:.2g}"))
    if chain is not None:
        console.print(Text("\nSamples around the end", style="bold"))
        console.print(Text("\n".join(line for line in str(chain).splitlines() if not line.startswith("best:"))))
        if "vote_held_out_accuracy" in data.get("chain", {}):
            console.print(
                f"vote of all samples: {100 * data['chain']['vote_held_out_accuracy']:.1f} % held-out accuracy"
            )


def _draw(folder: Path, run: Trajectory, chain: Chain | None) -> list[str]:
    if not pictures.available():
        print(f"qml-dynamics: {pictures.MISSING}", file=sys.stderr)
        return []
    try:
        made = [save_figure(plot_annealing(run), folder / ANNEALING)]
        if chain is not None and chain.problem.operator is None:
            made.append(save_figure(plot_chain(chain), folder / CHAIN))
    except QMLDynamicsError as error:  # a picture is not worth a run
        print(f"qml-dynamics: no picture: {error}", file=sys.stderr)
        return []
    return [path.name for path in made]


def _finish(console: Console, run: Trajectory, data: dict[str, Any], place: Place, as_json: bool, code: int) -> int:
    kept = (
        "strategy",
        "chosen",
        "members",
        "diffusion",
        "time",
        "coefficients",
        "gap",
        "ground_energy",
        "ground_fidelity",
        "crossings",
    )
    data["annealing"] = plain({k: run.diagnostics[k] for k in kept if k in run.diagnostics})
    place.done = not code
    data["folder"] = str(place.shown)
    if "pictures" in data:
        data["pictures"] = [str(place.shown / name) for name in data["pictures"]]
    write_bytes(place.work / RESULT, (to_json(data) + "\n").encode())
    console.print(f"\nfiles: {place.shown}", markup=False)
    for picture in data.get("pictures", []):
        console.print(f"picture: {picture}", markup=False)
    if as_json:
        print(to_json(data))
    return code
