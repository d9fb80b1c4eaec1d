"""The state of a measured run between steps: parameters, their covariance, the angle bound, and the record of every evaluation.

A module of its own beside `run`: what a run holds at a point, whichever circuits gave the estimates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ....model.hamiltonians import Hamiltonian
from ..engine.bound import AngleBound, Ends, Floor, energy_error
from .device import Device, Point
from .estimates import Residual, residual

PIECES = ("start", "ansatz", "step", "shots")
_NOISE = 5.0  # standard errors,
_ROSE = 0.3  # and standard deviations of the energy, by which a step that is not resolved raises it


class Walk:
    """Parameters, their covariance, the bound, and one row a point."""

    def __init__(self, h: Hamiltonian, device: Device, start_angle: float) -> None:
        self.h, self.imaginary = h, device.imaginary
        self.floor = Floor(h) if self.imaginary else None
        self.ends = Ends(h, self.floor)
        self.theta = device.theta0.copy()
        self.covariance = np.zeros((len(self.theta),) * 2)
        self.log_norm = self.sigma = 0.0
        self.evaluations = self.circuits = self.largest = 0
        self.start_angle = start_angle if start_angle > 1e-10 else 0.0
        self.bound = AngleBound(self.imaginary, pieces=dict.fromkeys(PIECES, 0.0))
        self.bound.start(self.start_angle)
        self.rows: dict[str, list[Any]] = {}
        self.left: np.ndarray | None = None  # dt, ansatz, upper, gap and sigma of the step before
        self.velocity = np.zeros(len(self.theta))
        self.point: Point

    @property
    def time(self) -> float:
        """Where the run stands."""
        return float(self.rows["times"][-1]) if self.rows else 0.0

    def sent(self, circuits: int) -> None:
        """Count an evaluation."""
        self.evaluations += 1
        self.circuits += circuits
        self.largest = max(self.largest, circuits)

    def arrive(self, point: Point, circuits: int) -> None:
        """A complete evaluation: close the step that led here, and note the point."""
        self.sent(circuits)
        assert point.variance is not None
        self.point = point
        self.sigma = float(np.sqrt(max(point.variance[0], 0.0)))
        here = self._residual(point.velocity, 1.0)
        gap = self._gap()
        if self.left is not None:
            self._close(here, gap)
        self._note(here)

    def leave(self, dt: float, velocity: np.ndarray, covariance: np.ndarray, share: float) -> None:
        """Walk straight to the next point; ``share`` of the velocity comes from the solve at this one."""
        here = self._residual(velocity, share)
        self.left = np.array([dt, here.ansatz, here.upper, self._gap(), self.sigma])
        self.velocity = velocity
        self.theta = self.theta + dt * velocity
        self.covariance = self.covariance + dt**2 * covariance
        if self.imaginary:
            self.log_norm -= dt * self.point.energy.value

    def _residual(self, velocity: np.ndarray, share: float) -> Residual:
        p = self.point
        assert p.variance is not None
        return residual(velocity, p.metric, p.force, p.variance, p.solved, share)

    def _gap(self) -> float:
        """``E - E_0``, two standard errors up."""
        if self.floor is None:
            return 0.0
        energy = self.point.energy
        return max(0.0, energy.value + 2 * energy.stderr - self.floor.at(self.point.time))

    def _close(self, here: Residual, gap: float) -> None:
        """The bound over the step before: the residual of its own velocity at both ends, where the second end is new data."""
        assert self.left is not None
        dt, ansatz, upper, before, sigma = self.left.tolist()
        last = self._residual(self.velocity, 0.0)
        total = dt * (upper + last.upper) * (0.5 + 1 / 12)  # as `bound.straight`, with the largest possible bend
        of_ansatz = min(total, 0.5 * dt * (ansatz + here.ansatz))
        stale = max(0.0, last.value - here.value)  # the velocity of the start, seen from the end: the step's own doing
        noisy = upper - ansatz + last.upper - here.ansatz - stale
        of_shots = min(total - of_ansatz, 0.5 * dt * max(noisy, 0.0))
        self.bound.pieces["shots"] += of_shots
        self.bound.pieces["step"] -= of_shots
        sigmas = max(sigma, self.sigma)
        self.bound.advance(dt, of_ansatz, total - of_ansatz, max(before, gap), sigmas)

    def _note(self, here: Residual) -> None:
        p, s = self.point, self.point.solved.solution
        low, high = self.ends.at(p.time)
        error = p.energy.stderr
        flow = float(np.sqrt(max(4 * p.force.value @ self.covariance @ p.force.value, 0.0))) if self.imaginary else 0.0
        values = {
            "times": p.time,
            "theta": p.theta.copy(),
            "theta_stderr": np.sqrt(np.maximum(np.diag(self.covariance), 0.0)),
            "log_norm": self.log_norm,
            "energy": p.energy.value,
            "energy_stderr": error,
            "energy_flow_stderr": float(np.hypot(error, flow)),
            "sigma": self.sigma,
            "residual": here.value,
            "residual_upper": here.upper,
            "rank": s.rank,
            "condition": s.condition,
            "regularisation": s.regularisation,
            "metric_noise": p.metric.noise,
            "num_parameters": len(p.theta),
            "bound": self.bound.angle,
            "energy_bound": energy_error(self.bound.angle, p.energy.value, self.sigma, low, high) + 2 * error,
            **{f"bound/{name}": self.bound.pieces[name] for name in PIECES},
        }
        for name, value in values.items():
            self.rows.setdefault(name, []).append(value)

    def unstable(self) -> str:
        """What to say of a step of imaginary time after which the energy is higher, beyond shot noise; empty where it is not.

        No exact flow raises it: such a step is longer than the region of stability of Euler's rule allows.
        """
        energies, errors, sigmas = (self.rows[name][-2:] for name in ("energy", "energy_stderr", "sigma"))
        if not self.imaginary or len(energies) < 2:
            return ""
        rise, noise = energies[1] - energies[0], float(np.hypot(*errors))
        if rise <= _NOISE * noise + _ROSE * sigmas[0]:
            return ""
        return (
            f"the energy rose from {energies[0]:.6g} to {energies[1]:.6g} ({rise / max(noise, 1e-300):.1f} standard errors): the steps "
            "leave the region of stability of Euler's rule; take more steps or integrator='rk4'"
        )

    def record(self) -> dict[str, Any]:
        """The rows as arrays, and what sums them up."""
        arrays = {name: np.array(values) for name, values in self.rows.items()}
        pieces = {name: arrays.pop(f"bound/{name}") for name in PIECES}
        arrays.pop("log_norm")
        return {
            **arrays,
            "bound_pieces": pieces,
            "dominates": self.bound.dominates,
            "start_angle": self.start_angle,
            "evaluations": self.evaluations,
            "circuits": self.circuits,
            "circuits_per_batch": self.largest,
        }

    def verdict(self, duration: float) -> str:
        """In a sentence, how the run ended."""
        p = self.point
        bound = f"the bound of the angle is {self.bound.angle:.2e}, mostly {self.bound.dominates}"
        return f"reached t = {p.time:g} of {duration:g} with {self.circuits} circuits in {self.evaluations} batches; {bound}"

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that :meth:`restore` needs, before the outcomes of the next evaluation are read."""
        numbers = [self.log_norm, self.sigma, self.evaluations, self.circuits, self.largest, self.bound.angle]
        out = {
            "theta": self.theta,
            "covariance": self.covariance,
            "velocity": self.velocity,
            "numbers": np.array(numbers, dtype=float),
            "pieces": np.array([self.bound.pieces[name] for name in PIECES]),
            "left": np.zeros(0) if self.left is None else self.left,
        }
        return {**out, **{f"row/{name}": np.array(values) for name, values in self.rows.items()}}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go back to :meth:`arrays`."""
        self.theta, self.covariance, self.velocity = (arrays[n].copy() for n in ("theta", "covariance", "velocity"))
        numbers = arrays["numbers"].tolist()
        self.log_norm, self.sigma = numbers[:2]
        self.evaluations, self.circuits, self.largest = map(int, numbers[2:5])
        self.bound.angle = numbers[5]
        self.bound.pieces = dict(zip(PIECES, arrays["pieces"].tolist()))
        self.left = arrays["left"].copy() if len(arrays["left"]) else None
        prefix = "row/"
        self.rows = {n.removeprefix(prefix): list(a) for n, a in arrays.items() if n.startswith(prefix)}
