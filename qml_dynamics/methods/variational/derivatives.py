"""Derivatives of angles, compared with difference quotients before a run uses them.

A symbolic derivative can be wrong (Qiskit before 2.5.2 differentiated powers of products wrongly), and no error bound of a run sees
it, since the bound is made with the same derivatives. The check is at the point where the run starts, and at two points near it, since
a wrong derivative may happen to be right at one point, such as 0.

The quotient is central and extrapolated (Richardson): from steps h and h/8, ``R = D(h/8) + (D(h/8) - D(h))/63``, whose
truncation error is of order h^4. Steps fall from ``2^-8 max(1, |theta|)`` by factors of 8, so that functions that vary fast, or end close
by, are resolved in the end; what rounding may do to a quotient, ``16 eps |f| / h``, ends the search once it is 1e-5 of the slope.
The two must agree to 1e-5, beside the rounding of the first pair. A kink has the right central quotient and a jump between the
one-sided ones that does not fall with the step; it is refused. Source of the method: Ridders, Adv. Eng. Softw. 4, 75 (1982).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...base.errors import MethodError
from .engine.gates import Angles, Curved

_FIRST, _FALL, _LEVELS = 2.0**-8, 8.0, 14
_AGREE = 1e-5
_NEAR = (0.5, 0.05)  # how far the other points may be away, in units of max(1, |theta|)


def check_derivatives(angles: Angles, theta: np.ndarray, names: Sequence[str], argument: str = "ansatz") -> None:
    """Compare the derivatives of all angles that are not affine with difference quotients, at ``theta`` and near it.

    Args:
        angles: of an ansatz.
        theta: where the run starts, shape ``(p,)``.
        names: of the parameters.
        argument: which argument is to blame.

    Raises:
        MethodError: a derivative differs, an angle has no finite value or derivative at ``theta``, or it has a kink there. The
            message names the expression and its gate.

    >>> wrong = Curved(0, (0,), lambda t: t[0] ** 3, lambda t: [t[0] ** 2], "p**3 of ry on qubits [0]")
    >>> angles = Angles(1, np.zeros(1), np.zeros(1, int), np.zeros(1, int), np.zeros(1), (wrong,))
    >>> check_derivatives(angles, np.array([0.5]), ["p"])
    Traceback (most recent call last):
    qml_dynamics.base.errors.MethodError: Argument `ansatz` must have derivatives that agree with difference quotients, but that of \
p**3 of ry on qubits [0] by `p` is 0.25 at 0.5, and the quotient 0.75.
    """
    rng = np.random.default_rng(11)
    near = [theta + far * np.maximum(1.0, np.abs(theta)) * rng.uniform(-1, 1, len(theta)) for far in _NEAR]
    seen = set()
    for piece in angles.curved:
        key = (piece.text.partition(" of ")[0], piece.parameters)
        if piece.text and key in seen:
            continue
        seen.add(key)
        _check(piece, theta, names, argument)
        for point in near:
            _check_near(piece, point, names, argument)


@dataclass(frozen=True)
class _Verdict:
    """Whether slope and quotient agree, the best quotient, how uncertain it is, and whether the function is smooth."""

    agrees: bool
    quotient: float
    uncertain: float
    smooth: bool


def _check(piece: Curved, theta: np.ndarray, names: Sequence[str], argument: str) -> None:
    """At the start: everything must be known."""
    what = piece.text or f"slot {piece.slot}"
    value, slopes = float(piece.value(theta)), np.asarray(piece.gradient(theta), dtype=float)
    if not (np.isfinite(value) and np.isfinite(slopes).all()):
        raise MethodError(
            f"Argument `{argument}` must have finite angles and derivatives at its start, but {what} has {value:.6g} and {slopes}."
        )
    for k, slope in zip(piece.parameters, slopes.tolist()):
        verdict = _compared(_along(piece, theta, k), float(theta[k]), slope)
        if verdict.agrees:
            continue
        if not np.isfinite(verdict.quotient) or not verdict.smooth:
            why = "has no values on both sides" if not np.isfinite(verdict.quotient) else "has a kink"
            raise MethodError(
                f"Argument `{argument}` must have differentiable angles, but {what} {why} at {names[k]} = {theta[k]:.6g}."
            )
        raise MethodError(_differs(what, names[k], float(theta[k]), slope, verdict.quotient, argument))


def _check_near(piece: Curved, theta: np.ndarray, names: Sequence[str], argument: str) -> None:
    """Beside the start: only a clear difference counts, since a function may end or have a kink there."""
    try:
        value, slopes = float(piece.value(theta)), np.asarray(piece.gradient(theta), dtype=float)
    except (MethodError, ArithmeticError, ValueError):
        return
    if not (np.isfinite(value) and np.isfinite(slopes).all()):
        return
    for k, slope in zip(piece.parameters, slopes.tolist()):
        v = _compared(_along(piece, theta, k), float(theta[k]), slope)
        clear = v.smooth and abs(slope - v.quotient) > 10 * v.uncertain + 3 * _AGREE * max(abs(slope), abs(v.quotient))
        if not v.agrees and clear:
            what = piece.text or f"slot {piece.slot}"
            raise MethodError(_differs(what, names[k], float(theta[k]), slope, v.quotient, argument))


def _differs(what: str, name: str, at: float, slope: float, quotient: float, argument: str) -> str:
    return (
        f"Argument `{argument}` must have derivatives that agree with difference quotients, but that of {what} by `{name}` is "
        f"{slope:.6g} at {at:.6g}, and the quotient {quotient:.6g}."
    )


def _along(piece: Curved, theta: np.ndarray, k: int) -> Callable[[float], float]:
    def value(x: float) -> float:
        """The angle with parameter k at ``x``; nan where it cannot be computed."""
        moved = np.array(theta, dtype=float)
        moved[k] = x
        try:
            return float(piece.value(moved))
        except (MethodError, ArithmeticError, ValueError):
            return np.nan

    return value


def _compared(f: Callable[[float], float], x: float, slope: float) -> _Verdict:
    scale, centre = max(1.0, abs(x)), f(x)
    h, floor = _FIRST * scale, np.nan
    last: tuple[float, float] | None = None
    best = _Verdict(False, np.nan, np.inf, False)
    for _ in range(_LEVELS):
        up, down = f(x + h), f(x - h)
        if np.isfinite(up) and np.isfinite(down):
            quotient = (up - down) / ((x + h) - (x - h))
            jump = abs(up - 2 * centre + down) / h
            noise = 16 * np.finfo(float).eps * max(abs(up), abs(down), abs(centre)) / h
            if last is not None:
                floor = noise if np.isnan(floor) else floor
                better = quotient + (quotient - last[0]) / (_FALL**2 - 1)
                smooth = bool(jump <= 0.6 * last[1] + noise)
                size = max(abs(slope), abs(better))
                if smooth and abs(slope - better) <= _AGREE * size + floor:
                    return _Verdict(True, better, noise, True)
                best = min(
                    best, _Verdict(False, better, abs(better - quotient) + noise, smooth), key=lambda v: v.uncertain
                )
                if noise > _AGREE * size:
                    break
            last = (quotient, jump)
        h /= _FALL
    return best
