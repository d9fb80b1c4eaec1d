"""Training an ensemble of networks at once, beside the same networks trained one by one.

Iris (two classes, two features), one hidden neuron or four that a reservoir exchanges. Peer: ``train_ensemble`` with one network,
as often as there are networks: the same arithmetic in as many loops over Python.

Run: python -m benchmarks.bench_ensembles [--networks 200] [--steps 200] [--whole]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import qml_dynamics as qd
from benchmarks.timing import ratio, seconds

IRIS = Path(__file__).resolve().parents[1] / "circuits" / "iris_neuron" / "iris.csv"
KINDS: dict[str, dict[str, Any]] = {"neuron": {}, "exchanged": {"hidden": 4, "beta": 40.0, "mu_c": -0.01}}


def main() -> None:
    """Print one line a kind of ensemble."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--whole", action="store_true", help="also 2000 networks over 5000 steps, in seconds")
    chosen = parser.parse_args()
    data = qd.objectives.load_data(IRIS, target="species", classes=["versicolor", "virginica"], num_features=2)
    for kind, options in KINDS.items():

        def trained(networks: int, steps: int, options: dict[str, Any] = options) -> None:
            qd.ensembles.train_ensemble(
                data.X_train, data.y_train, networks=networks, steps=steps, seed=0, progress=False, **options
            )

        def one_by_one() -> None:
            for _ in range(chosen.networks):
                trained(1, chosen.steps)

        ours, peer, share = ratio(lambda: trained(chosen.networks, chosen.steps), one_by_one, repeats=3)
        print(f"{kind:<10} {chosen.networks} networks at once {ours:.2f} s, one by one {peer:.2f} s, ratio {share:.3f}")
        if chosen.whole:
            print(f"{kind:<10} 2000 networks, 5000 steps: {seconds(lambda: trained(2000, 5000)):.0f} s")


if __name__ == "__main__":
    main()
