"""What the noise of a device is made of, for both chains of an error budget: its readout, its mitigation, and the rest.

Readout errors are those of each qubit, as the device reads all zeros and all ones without mitigation (Bravyi et al., Phys. Rev. A 103,
042605, 2021, arXiv:2006.14044, the tensored model); what gates do, and readout errors that qubits share, is the other noise.

A module of its own beside `budget` and `operator_budget`, which measure different distances of the same links.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..backends import Backend, capabilities
from ..backends import backend as find_backend
from ..base.errors import MethodError
from ..base.estimate import Estimate
from ..results.trajectory import Trajectory
from .comparison import noise_floor

if TYPE_CHECKING:
    from ..backends.mitigation.readout import Calibration

MANY = 200_000  # shots of a circuit whose exact noisy probabilities are not known, and of the calibrations
_CIRCUITS = 64  # that a job may hold, by which its executions are shared out
_MITIGATION = ("readout_mitigation", "zne", "zne_extrapolation")


def without_mitigation(backend: Backend, note: Callable[[str], None]) -> Backend:
    """The same device without mitigation; itself where there is none, or where its name does not open it again.

    Args:
        backend: a noisy one.
        note: is told why they are one.
    """
    can = capabilities(backend)
    if not can.mitigates:
        note("mitigation: off.")
        return backend
    if can.by_object or not any(name in can.keywords for name in _MITIGATION):
        note("mitigation: not told apart, since the device without it has no name; it is in `device`.")
        return backend
    rest = {name: value for name, value in can.keywords.items() if name not in _MITIGATION}
    return find_backend(backend.name, **rest)


def many_shots(backend: Backend) -> int:
    """As many as tell the noise of a device well, or as its jobs may hold."""
    most = capabilities(backend).max_executions
    return MANY if most is None else max(1, min(MANY, most // _CIRCUITS))


def on_device(
    run: Callable[[int | None, int | None], Trajectory],
    device: Backend,
    shots: int | None,
    seed: int | None,
    note: Callable[[str], None],
) -> Trajectory:
    """The run on a noisy device: by exact probabilities, or by many shots where they are not known.

    Args:
        run: of shots and seed.
        device: on which it runs.
        shots: of the budget, by which many are meant.
        seed: of the budget; many shots have the next one.
        note: is told why there are no exact probabilities.
    """
    try:
        return run(None, seed)
    except MethodError:
        raise
    except Exception as error:  # of any kind: the backend may be a person's own
        note(f"device: exact noisy probabilities are not available ({error}); measured from many shots.")
    return run(min(many_shots(device), 100 * (shots or 1000)), (seed or 0) + 1)


def between(value: float, p: np.ndarray, q: np.ndarray, shots: tuple[int | None, int | None]) -> Estimate:
    """A total variation of outcomes ``p`` and ``q``, of which some come from that many shots (None: exact).

    What sampling alone shows, on the average and in its spread, is its error.
    """
    floor = noise_floor(np.clip(p, 0, 1), np.clip(q, 0, 1), *shots)
    return Estimate(value, float(np.hypot(floor.value, floor.stderr)), floor.shots)


def with_spread(found: Estimate, again: np.ndarray | None, shots: int | None) -> Estimate:
    """An estimate with the error of a calibration too: by how much it moves where that is drawn again from what its counts leave open."""
    if again is None:
        return found
    spread = float(np.sqrt(np.mean((again - float(found.value)) ** 2)))
    return Estimate(found.value, float(np.hypot(found.stderr, spread)), found.shots or shots)


def errors_of_readout(device: Backend, num_qubits: int, seed: int | None) -> Calibration:
    """``(p(1|0), p(0|1))`` of each qubit, exactly where the device gives probabilities."""
    from ..backends.mitigation.readout import readout_errors  # circuits: loaded where they are built

    return readout_errors(device, num_qubits, many_shots(device), seed or 0)


def as_read(probabilities: np.ndarray, errors: list[tuple[float, float]]) -> np.ndarray:
    """Probabilities of outcomes, flat, after these errors of readout."""
    from ..backends.mitigation.readout import read

    return read(probabilities, errors)
