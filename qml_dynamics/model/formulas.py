"""Product formulas as data, and the one sequence of factors that simulator, circuit and cost all read.

A formula splits one step of ``H(t) = D(t) K + s(t) V`` into factors of the potential ``V`` and the kinetic part ``K``.
It is a ``base`` (factors with fractions of a substep) repeated over ``substeps`` (fractions of the step). On every
substep of a composition of Strang's formula the schedules enter by their exact averages, which keeps it symmetric in time, so
that compositions of it keep their order for time-dependent Hamiltonians too (Suzuki, Proc. Japan Acad. B 69, 161, 1993). In
formulas with several kinetic factors time advances with them, and the potential is taken at the time that is reached.

A formula for two parts is one for any number of them: sweeps through all parts, forwards and backwards in turn
(:attr:`Formula.ramps`), of the same order (McLachlan, SIAM J. Sci. Comput. 16, 151, 1995, doi:10.1137/0916010).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..base.arguments import checks_arguments
from ..base.errors import MethodError, describe, one_of
from ..base.printing import printed_briefly
from . import drives
from .schedules import Schedule


@printed_briefly
@dataclass(frozen=True)
class Formula:
    """One product formula.

    Attributes:
        name: how it is called.
        order: its order of convergence (global error ``O(dt^order)``).
        base: pairs of factor (``"V"``, ``"K"``, or ``"W"``: the potential with Chin's gradient correction) and the
            fraction of the substep it runs for.
        substeps: fractions of the step; a negative one makes the formula unfit for imaginary time.
        reference: where it was published.
    """

    name: str
    order: int
    base: tuple[tuple[str, float], ...]
    substeps: tuple[float, ...]
    reference: str

    @property
    def forward(self) -> bool:
        """Whether no factor runs backwards, which imaginary time demands (backward diffusion amplifies round-off)."""
        return all(s > 0 for s in self.substeps) and all(fraction >= 0 for _, fraction in self.base)

    @property
    def ramps(self) -> tuple[float, ...]:
        """Fractions of the step for which sweeps through all parts run: forwards, backwards, forwards, and so on.

        >>> FORMULAS["strang"].ramps, FORMULAS["lie"].ramps
        ((0.5, 0.5), (1.0,))

        Raises:
            MethodError: a factor is corrected by a gradient, so that the formula is for two parts only.
        """
        if any(kind == "W" for kind, _ in self.base):
            raise MethodError(f"Argument `formula` must be one without gradients, but is {self.name!r}.")
        sweeps = [self.base[0][1]]
        for _, fraction in self.base[1:]:
            sweeps.append(fraction - sweeps[-1])
        if abs(sweeps[-1]) < 1e-12:  # both parts run for the whole step, so that nothing is left for a last sweep
            sweeps.pop()
        return tuple(substep * sweep for substep in self.substeps for sweep in sweeps)


def _completed(half: Sequence[float], count: int) -> list[float]:
    """A symmetric list of so many fractions with sum 1, from the first ones; the one left of the half is what is missing."""
    if count % 2:
        return [*half, 1 - 2 * sum(half), *reversed(half)]
    full = [*half, 0.5 - sum(half)]
    return [*full, *reversed(full)]


def _symmetric(stages: int, potential: Sequence[float], kinetic: Sequence[float]) -> tuple[tuple[str, float], ...]:
    """A symmetric base ``V K V ... K V`` with so many kinetic factors, from the first fractions of both parts."""
    v, k = _completed(potential, stages + 1), _completed(kinetic, stages)
    return (*(pair for i in range(stages) for pair in (("V", v[i]), ("K", k[i]))), ("V", v[-1]))


_SUZUKI = 1 / (4 - 4 ** (1 / 3))
_STRANG = (("V", 0.5), ("K", 1.0), ("V", 0.5))

FORMULAS = {
    f.name: f
    for f in (
        Formula("lie", 1, (("V", 1.0), ("K", 1.0)), (1.0,), "Trotter, Proc. Amer. Math. Soc. 10, 545 (1959)"),
        Formula("strang", 2, _STRANG, (1.0,), "Strang, SIAM J. Numer. Anal. 5, 506 (1968)"),
        Formula(
            "suzuki4",
            4,
            _STRANG,
            (_SUZUKI, _SUZUKI, 1 - 4 * _SUZUKI, _SUZUKI, _SUZUKI),
            "Suzuki, Phys. Lett. A 146, 319 (1990)",
        ),
        Formula(
            "chin4a",
            4,
            (("V", 1 / 6), ("K", 0.5), ("W", 2 / 3), ("K", 0.5), ("V", 1 / 6)),
            (1.0,),
            "Chin, Phys. Lett. A 226, 344 (1997)",
        ),
        Formula(
            "omelyan2",
            2,
            _symmetric(2, (0.1931833275037836,), ()),
            (1.0,),
            "Omelyan, Mryglod and Folk, Comput. Phys. Commun. 146, 188 (2002), doi:10.1016/S0010-4655(02)00451-4",
        ),
        Formula(
            "omelyan4",
            4,
            _symmetric(
                5,
                (0.08398315262876693, 0.6822365335719091),
                (0.2539785108410595, -0.03230286765269967),
            ),
            (1.0,),
            "Omelyan, Mryglod and Folk, Comput. Phys. Commun. 151, 272 (2003), doi:10.1016/S0010-4655(02)00754-3, eq. 71; "
            "Ostmeyer, J. Phys. A 56, 285303 (2023), arXiv:2211.02691",
        ),
        Formula(
            "blanes_moan4",
            4,
            _symmetric(
                6, (0.0792036964311957, 0.353172906049774, -0.0420650803577195), (0.209515106613362, -0.143851773179818)
            ),
            (1.0,),
            "Blanes and Moan, J. Comput. Appl. Math. 142, 313 (2002), doi:10.1016/S0377-0427(01)00492-7, S6",
        ),
        Formula(
            "blanes_moan6",
            6,
            _symmetric(
                10,
                (0.0502627644003922, 0.413514300428344, 0.0450798897943977, -0.188054853819569, 0.541960678450780),
                (0.148816447901042, -0.132385865767784, 0.067307604692185, 0.432666402578175),
            ),
            (1.0,),
            "Blanes and Moan, J. Comput. Appl. Math. 142, 313 (2002), doi:10.1016/S0377-0427(01)00492-7, S10",
        ),
    )
}

BY_ORDER = {1: "lie", 2: "strang", 4: "suzuki4"}


@checks_arguments
def by_order(order: int) -> Formula:
    """The formula that an order stands for; raises :class:`MethodError` for orders other than 1, 2, 4.

    >>> by_order(2).name
    'strang'
    """
    if not isinstance(order, (int, np.integer)) or isinstance(order, bool) or order not in BY_ORDER:
        raise MethodError(f"Argument `order` must be 1, 2 or 4, but is {describe(order)}.")
    return FORMULAS[BY_ORDER[order]]


@checks_arguments
def by_name(name: str) -> Formula:
    """The formula of that name; raises :class:`MethodError` with the nearest known one.

    >>> by_name("blanes_moan6").order
    6
    """
    return FORMULAS[one_of(name, "formula", FORMULAS, MethodError)]


@dataclass(frozen=True)
class Factor:
    """``exp(-i amount G)`` (imaginary clock: ``exp(-amount G)``), with G the potential or minus the Laplacian.

    ``amount`` is the integral of the schedule over the time this factor stands for; ``square`` is the coefficient of
    ``|grad zeta|^2`` that Chin's middle factor adds to the potential on the imaginary clock (minus it on the real one).
    """

    kind: str
    amount: float
    square: float = 0.0


@checks_arguments
def boundaries(duration: float, steps: int, saves: Sequence[float] | np.ndarray) -> np.ndarray:
    """Ends of all steps: ``k duration / steps`` with an integer k, cut at the save times.

    A save time closer to a step's end than 1e-9 of a step is taken to be that end.

    >>> boundaries(1.0, 2, [0.0, 0.3, 1.0]).tolist()
    [0.0, 0.3, 0.5, 1.0]
    """
    regular = duration * np.arange(steps + 1) / steps
    return _cut(regular, duration / steps, saves)


@checks_arguments
def steps_of(duration: float, step: float, saves: Sequence[float] | np.ndarray) -> np.ndarray:
    """Ends of steps of one length and of a shorter one behind them, cut at the save times.

    A rest below 1e-9 of a step is none: the last step ends with the duration.

    >>> steps_of(1.0, 0.3, [0.0, 0.5, 1.0]).round(6).tolist()
    [0.0, 0.3, 0.5, 0.6, 0.9, 1.0]
    """
    whole = int(duration / step * (1 + 1e-15) + 1e-9)
    regular = step * np.arange(whole + 1)
    if duration - regular[-1] > 1e-9 * step:
        regular = np.append(regular, duration)
    regular[-1] = duration
    return _cut(regular, step, saves)


def _cut(regular: np.ndarray, step: float, saves: Sequence[float] | np.ndarray) -> np.ndarray:
    """Ends of steps, and the save times further than 1e-9 of a step from all of them."""
    times = np.asarray(saves, dtype=float)
    after = np.clip(np.searchsorted(regular, times), 1, len(regular) - 1)
    away = np.minimum(np.abs(times - regular[after]), np.abs(times - regular[after - 1]))
    return np.union1d(regular, times[away > 1e-9 * step])


@checks_arguments
def segments(ends: np.ndarray, saves: Sequence[float] | np.ndarray) -> Iterator[np.ndarray]:
    """The ends of the steps between one save time and the next."""
    middles = 0.5 * (ends[1:] + ends[:-1])
    where = np.searchsorted(middles, np.asarray(saves, dtype=float)).tolist()  # the nearest end
    for first, last in zip(where[:-1], where[1:]):
        yield ends[first : last + 1]


@checks_arguments
def factors(
    formula: Formula, ends: Sequence[float] | np.ndarray, diffusion: Schedule, strength: Schedule, duration: float
) -> Iterator[Factor]:
    """The factors of consecutive steps whose ends are ``ends``, in the order in which they act, neighbours merged.

    >>> from qml_dynamics.model.schedules import Constant
    >>> [f.kind for f in factors(by_order(2), [0.0, 0.5, 1.0], Constant(1.0), Constant(1.0), 1.0)]
    ['V', 'K', 'V', 'K', 'V']
    """
    make = _plain_factors if len(formula.base) <= 3 else _riding_factors
    make = _chin_factors if any(kind == "W" for kind, _ in formula.base) else make
    steps = zip(ends[:-1], ends[1:])
    return merged(f for t0, t1 in steps for f in make(formula, float(t0), float(t1), diffusion, strength, duration))


@checks_arguments
def merged(every: Iterable[Factor]) -> Iterator[Factor]:
    """Add up neighbours of one kind (a potential next to a corrected one commutes with it too)."""
    last: Factor | None = None
    for factor in every:
        if last is not None and (last.kind == "K") == (factor.kind == "K"):
            square = last.square + factor.square
            kind = "K" if factor.kind == "K" else "W" if square else "V"
            last = Factor(kind, last.amount + factor.amount, square)
            continue
        if last is not None:
            yield last
        last = factor
    if last is not None:
        yield last


def _plain_factors(
    formula: Formula, t0: float, t1: float, diffusion: Schedule, strength: Schedule, duration: float
) -> Iterator[Factor]:
    done, dt = 0.0, t1 - t0
    for substep in formula.substeps:
        a, b = t0 + done * dt, t0 + (done + substep) * dt
        kinetic, potential = drives.between(diffusion, a, b, duration), drives.between(strength, a, b, duration)
        for kind, fraction in formula.base:
            yield Factor(kind, fraction * (kinetic if kind == "K" else potential))
        done += substep


def _riding_factors(
    formula: Formula, t0: float, t1: float, diffusion: Schedule, strength: Schedule, duration: float
) -> Iterator[Factor]:
    """Time is one more part of the splitting, and advances with the kinetic factors, whose schedule enters by its integrals.

    The potential is taken at the time that is reached. The integral of its schedule is known exactly, and what the values miss of it
    (of the order of the formula) is shared out evenly, so that a pulse is not missed.
    """
    dt, fractions = t1 - t0, [fraction for kind, fraction in formula.base if kind == "K"]
    nodes = t0 + dt * np.concatenate([[0.0], np.cumsum(fractions)])
    nodes[-1] = t1
    values = [strength.value(t, duration) for t in nodes.tolist()]
    weights = [fraction for kind, fraction in formula.base if kind == "V"]
    missed = strength.integral(t0, t1, duration) - dt * float(np.dot(weights, values))
    reached = 0
    for kind, fraction in formula.base:
        if kind == "K":
            a, b = float(nodes[reached]), float(nodes[reached + 1])
            reached += 1
            yield Factor("K", drives.between(diffusion, a, b, duration))
        else:
            yield Factor("V", fraction * (dt * values[reached] + missed))


def _chin_factors(
    formula: Formula, t0: float, t1: float, diffusion: Schedule, strength: Schedule, duration: float
) -> Iterator[Factor]:
    """Chin 4A in the time ``u = int D dt``, where only the potential ``g(u) V, g = s / D`` depends on time.

    The time-ordered form evaluates g at the ends and in the middle of the step in u (Chin and Chen, J. Chem. Phys. 117,
    1409, 2002), which keeps order four for D(t) and s(t).
    """
    du = diffusion.integral(t0, t1, duration)
    if not du > 0:
        raise MethodError(
            f"Argument `formula` must not be 'chin4a' where the diffusion is not positive: its integral is {du}."
        )
    middle = _halfway(diffusion, t0, t1, duration)
    g0, gm, g1 = (strength.value(t, duration) / diffusion.value(t, duration) for t in (t0, middle, t1))
    # the step's mean of g is known exactly; three values may miss a pulse, and are of its order four where there is none
    missed = strength.integral(t0, t1, duration) / du - (g0 + 4 * gm + g1) / 6
    g0, gm, g1 = g0 + missed, gm + missed, g1 + missed
    yield Factor("V", g0 * du / 6)
    yield Factor("K", du / 2)
    # (du^2 / 48) [V, [K, V]] = (du^2 / 24) |grad V|^2 inside the factor that runs for 2 du / 3
    yield Factor("W", 2 * du * gm / 3, (2 * du / 3) * gm**2 * du**2 / 24)
    yield Factor("K", du / 2)
    yield Factor("V", g1 * du / 6)


def _halfway(diffusion: Schedule, t0: float, t1: float, duration: float) -> float:
    """The time at which half of the integral of D over the step is reached."""
    half = 0.5 * diffusion.integral(t0, t1, duration)
    low, high = t0, t1
    t = 0.5 * (t0 + t1)
    for _ in range(60):
        miss = diffusion.integral(t0, t, duration) - half
        if abs(miss) <= 1e-15 * abs(half):
            break
        low, high = (t, high) if miss < 0 else (low, t)
        slope = diffusion.value(t, duration)
        newton = t - miss / slope if slope else t
        t = newton if low < newton < high else 0.5 * (low + high)
    return t


@checks_arguments
def multiproduct_coefficients(steps: Sequence[int], order: int = 2) -> np.ndarray:
    """Weights ``a_j`` of a multi-product formula: ``sum a_j = 1`` and ``sum a_j k_j^-(order + 2 q) = 0``, q = 0 .. l-2.

    The base formula is symmetric, so its error has only even powers. Source: Childs and Wiebe, arXiv:1202.5822.

    >>> multiproduct_coefficients([1, 2]).round(6).tolist()
    [-0.333333, 1.333333]
    """
    k = np.asarray(steps, dtype=float)
    powers = np.concatenate([[0], order + 2 * np.arange(len(k) - 1)])
    right = np.zeros(len(k))
    right[0] = 1.0
    return np.linalg.solve(k[None, :] ** -powers[:, None], right)
