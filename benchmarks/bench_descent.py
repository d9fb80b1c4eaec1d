"""Quantum Hamiltonian descent: the 22 test functions, classical optimisers, learned schedules, noisy data.

``python -m benchmarks.bench_descent [functions] [rivals] [learned] [noise] [flat] [--pictures FOLDER]``: all parts by default.
The numbers and pictures of docs/descent.md come from here.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import qml_dynamics as qd
from qml_dynamics import descent
from qml_dynamics.model.objectives import Objective, load_data, network, neuron
from qml_dynamics.plotting import descent as pictures
from qml_dynamics.plotting import save_figure

SHIFT = (0.5, 0.37)  # of a grid cell
CIRCUITS = Path(__file__).resolve().parents[1] / "circuits"


def functions(folder: Path | None) -> None:
    """The published table at 12 qubits, and the same on boxes moved off the grid."""
    started = time.perf_counter()
    rows = descent.functions_table(seed=0)
    print(f"22 functions at 12 qubits, 5,000 steps each: {time.perf_counter() - started:.0f} s")
    shifted = {row.name: row for row in descent.functions_table(shift=SHIFT, seed=0)}
    for row in rows:
        moved = shifted[row.name]
        print(
            f"{row.name:<18} published {row.published:.3f}  here {row.success:.4f}  shifted {moved.success:.4f}  "
            f"best of 100 samples +{row.loss_gap:.1e} ({moved.loss_gap:.1e}), polished +{moved.polished_gap:.1e}, "
            f"momentum tail {row.momentum_tail:.0e}"
        )
    print(f"mean: published {np.mean([r.published for r in rows]):.3f}, here {np.mean([r.success for r in rows]):.3f}")
    if folder is not None:
        beside = descent.rivals_table(seeds=range(5))
        save_figure(
            pictures.plot_functions(rows, list(shifted.values()), beside), folder / "descent_functions.png", dpi=120
        )


def rivals(folder: Path | None) -> None:
    """Classical optimisers at 4,096 evaluations, ten seeds."""
    rows = descent.rivals_table(seeds=range(10))
    for name in sorted({row.rival for row in rows}):
        mine = [row for row in rows if row.rival == name]
        print(
            f"{name:<24} success {np.mean([r.success for r in mine]):.2f}, median gap {np.median([r.gap for r in mine]):.1e}, "
            f"evaluations {np.median([r.evaluations for r in mine]):.0f}, {1e3 * np.median([r.seconds for r in mine]):.0f} ms; "
            f"worst on {min(mine, key=lambda r: r.success).name} ({min(r.success for r in mine):.1f})"
        )
    if folder is not None:
        warnings.simplefilter("ignore")
        levy = descent.shifted_bounds(qd.objectives.levy(), 6, SHIFT)
        found = qd.descend("levy", bounds=levy, seed=1, samples=100, save=[0.5, 1.5, 3.0, 10.0], compare=True)
        save_figure(pictures.plot_descent(found), folder / "descent.png", dpi=92)


def learned(folder: Path | None) -> None:
    """Learned schedules beside the best fixed ones, on what they were learned on and on what was held out."""
    groups = {
        "training": descent.crops(descent.TRAINING, count=2, seed=0),
        "same functions,\nother boxes": descent.crops(descent.TRAINING, count=2, seed=1),
        "other\nfunctions": descent.crops(descent.HELD_OUT, count=2, seed=2),
    }
    chances: dict[str, dict[str, float]] = {}
    for steps in (10, 20, 40):
        mine = descent.pretrained(steps)
        fixed, _ = descent.best_fixed(groups["training"], steps)
        print(f"{steps} steps; best fixed on the training boxes: {fixed.name}")
        for label, instances in groups.items():
            a, b = descent.chances(fixed, instances), descent.chances(mine, instances)
            own, score = descent.best_fixed(instances, steps)
            title = label.replace("\n", " ")
            print(
                f"  {title:<30} fixed {a.mean():.3f}, best fixed for these very boxes {score:.3f}, learned {b.mean():.3f}; "
                f"learned is better on {(b > a).sum()} of {len(b)}"
            )
            if label.startswith("other"):
                chances[f"{steps} steps"] = {"fixed, tuned on these": score, "learned on others": float(b.mean())}
                for one, x, y in zip(instances, descent.chances(own, instances), b):
                    print(f"      {one.name:<18} {x:.3f} {y:.3f}")
    free = descent.learn_schedule(groups["training"], 10, knots=11, starts=2, iterations=80)
    scores = {label.replace("\n", " "): round(float(descent.chances(free, g).mean()), 3) for label, g in groups.items()}
    print(f"10 steps with 11 knots, nearly free angles: {scores}")
    if folder is not None:
        shown = {f"learned, {steps} steps": descent.pretrained(steps) for steps in (10, 20, 40)}
        figure = pictures.plot_schedules(shown, chances=chances)
        save_figure(figure, folder / "descent_schedules.png", dpi=120)


def wine() -> Callable[[int], descent.Setting]:
    """Two wines by two columns: a network with one hidden unit, three weights, 12 qubits; not convex."""
    data = load_data(
        CIRCUITS / "binary_perceptron/wine.csv",
        target="cultivar",
        classes=("class_1", "class_2"),
        features=["malic_acid", "hue"],
        test_fraction=0.0,
    )
    return descent.split_settings(
        data.X_train, data.y_train, lambda X, y: network(X, y, hidden=1, bias=False), bounds=[(-4, 4)] * 3, qubits=4
    )


def iris() -> Callable[[int], descent.Setting]:
    """Two irises by the sepals: a logistic neuron, two weights, 12 qubits; convex."""
    data = load_data(
        CIRCUITS / "iris_neuron/iris.csv",
        target="species",
        classes=("versicolor", "virginica"),
        features=["sepal_length", "sepal_width"],
        test_fraction=0.0,
    )
    return descent.split_settings(
        data.X_train, data.y_train, lambda X, y: neuron(X, y, l2=0.01), bounds=[(-6, 6)] * 2, qubits=6
    )


def noise(folder: Path | None) -> None:
    """Mini-batches of four rows, 20 splits of the wines and of the irises."""
    for name, settings in (("wine network", wine()), ("iris neuron", iris())):
        study = descent.noise_study(settings, descent.pretrained(20), splits=20)
        print(name)
        print(study)
        pairs = [("descent", other) for other in ("SGD", "dual annealing", "differential evolution", "random search")]
        pairs += [("descent", "full loss"), ("descent, vote", "full loss"), ("descent, vote", "Gibbs vote")]
        for what in ("held_out", "accuracy"):
            for mine, other in pairs:
                mean, low, high = study.interval(what, mine, other)
                print(f"  {mine} minus {other}: {what} {mean:+.4f} [{low:+.4f}, {high:+.4f}]")
        if folder is not None:
            title = f"Mini-batches of 4 rows, {name}"
            save_figure(pictures.plot_study(study, title), folder / f"descent_noise_{name.split()[0]}.png", dpi=120)


def flat(folder: Path | None) -> None:
    """Two wells of one weight, one three times as wide: where descent, gradient descent and uniform points end."""
    for deeper in (0.0, 0.1, 0.3):
        print(f"sharp well deeper by {deeper}: {two_wells(deeper)}")
    flat_on_data()


def flat_on_data(splits: int = 20) -> None:
    """The wine network with its exact loss: curvature and held-out loss of one sample, of the best of 64, and of the best fit."""
    settings, rows = wine(), []
    for split in range(splits):
        one = settings(split)
        problem = qd.Problem(one.grid, one.train, 1.0, clock="real", duration=1.0)
        found = qd.descend(problem, schedule=descent.pretrained(20), samples=64, polish=0, seed=split)
        law = found.trajectory.density[-1].reshape(-1)
        single = one.grid.points_at(np.random.default_rng(split).choice(law.size, 1, p=law / law.sum()))[0]
        starts = np.random.default_rng(split).uniform(-4, 4, (8, 3))
        fit = min(descent.polish.polish_samples(one.train, starts, one.grid.bounds), key=lambda p: p.loss)
        drawn = one.grid.points_at(np.random.default_rng([split, 1]).integers(0, one.grid.size, 64))
        uniform = drawn[int(np.argmin(one.train(drawn)))]
        everywhere = one.train.on(one.grid).reshape(-1)
        least = one.grid.points_at(np.array([int(np.argmin(everywhere))]))[0]  # for comparison only
        for w in (single, np.array(found.weights), uniform, least, np.array(fit.weights)):
            rows.append((curvature(one.train, w), float(one.train(w[None])[0]), float(one.held_out(w[None])[0])))
    table = np.array(rows).reshape(splits, 5, 3)
    picks = np.random.default_rng(0).integers(0, splits, (2000, splits))
    for i, name in enumerate(
        ("one sample", "best of 64 samples", "best of 64 uniform", "least of the grid", "L-BFGS-B, 8 starts")
    ):
        low, high = np.quantile(table[picks, i].mean(axis=1), (0.025, 0.975), axis=0)
        parts = [f"{m:.3f} [{a:.3f}, {b:.3f}]" for m, a, b in zip(table[:, i].mean(axis=0), low, high)]
        print(f"{name:<22} trace of the Hessian {parts[0]}, training loss {parts[1]}, held-out loss {parts[2]}")


def curvature(loss: Objective, w: np.ndarray, h: float = 0.01) -> float:
    """The trace of the Hessian, by differences."""
    eye = h * np.eye(len(w))
    return float((loss(w + eye) + loss(w - eye) - 2 * loss(w[None])).sum() / h**2)


def two_wells(deeper: float) -> dict[str, float]:
    """The share of answers in the wide well (width 0.36 at 0.7), beside a sharp one (0.12 at -0.7) that is deeper by so much."""

    def fn(w: np.ndarray) -> np.ndarray:
        x = w[:, 0]
        sharp, wide = np.exp(-(((x + 0.7) / 0.12) ** 2) / 2), np.exp(-(((x - 0.7) / 0.36) ** 2) / 2)
        return 2 * x**2 / 9 - (1 + deeper) * sharp - wide

    warnings.simplefilter("ignore")
    loss, box = Objective(fn, "two wells"), [(-2.0, 2.0)]
    out = {}
    for name, schedule in (("descent, T=10", None), ("learned, 20 steps", descent.pretrained(20))):
        found = qd.descend(loss, bounds=box, qubits=8, schedule=schedule, seed=0, polish=0)
        x = -2.0 + 4 * found.problem.domain.axes[0]
        density = found.trajectory.density[-1]
        out[name] = float(density[(x > 0.1) & (x < 1.4)].sum())
    grid = np.linspace(-2, 2, 4001)
    gibbs = np.exp(-fn(grid[:, None]) / 0.2)
    out["Gibbs law at T = 0.2"] = float(gibbs[(grid > 0.1) & (grid < 1.4)].sum() / gibbs.sum())
    starts = np.random.default_rng(0).uniform(-2, 2, (400, 1))
    ends = np.array([p.weights[0] for p in descent.polish.polish_samples(loss, starts, ((-2.0, 2.0),))])
    out["L-BFGS-B from uniform starts"] = float((np.abs(ends - 0.7) < 0.3).mean())
    return {name: round(value, 3) for name, value in out.items()}


PARTS = {"functions": functions, "rivals": rivals, "learned": learned, "noise": noise, "flat": flat}


def main(arguments: Sequence[str] | None = None) -> None:
    """The parts that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="bench_descent")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    parser.add_argument("--pictures", type=Path, default=None)
    given = parser.parse_args(arguments)
    for name in given.parts or PARTS:
        print(f"-- {name}", flush=True)
        PARTS[name](given.pictures)


if __name__ == "__main__":
    main()
