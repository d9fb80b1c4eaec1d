"""Named test functions of two weights: the 22 of quantum Hamiltonian descent and five usual ones.

The first 22 are the benchmark of quantum Hamiltonian descent (Leng, Hickman, Li, Wu, arXiv:2303.01471), with the
formulas and boxes of its public code. Three of them are scaled there and differ from the literature by that factor:
``levy13`` (0.05), ``rosenbrock`` (1/100) and ``styblinski_tang`` (1/78). The other five (``branin``, ``himmelblau``,
``beale``, ``mccormick``, ``goldstein_price``) are the usual ones (Jamil and Yang, arXiv:1308.4008).

Every public name here is a function without arguments that returns an :class:`Objective`.

>>> ackley().bounds
((-32.768, 32.768), (-32.768, 32.768))
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .base import Objective, columns

Floats = npt.NDArray[np.float64]
Formula = Callable[[np.ndarray, np.ndarray], np.ndarray]
Pair = tuple[float, float]

TEST_FUNCTIONS: dict[str, Callable[[], Objective]] = {}


def _named(
    minimum: float, minimizer: Pair, box: Pair, box1: Pair | None = None
) -> Callable[[Formula], Callable[[], Objective]]:
    """Turn a formula of ``x, y`` into a function that returns its objective, and enter it in ``TEST_FUNCTIONS``."""

    def register(formula: Formula) -> Callable[[], Objective]:
        """Enter a formula under its own name."""
        name = formula.__name__

        def fn(points: np.ndarray) -> np.ndarray:
            """The formula at points ``(m, 2)``, shape ``(m,)``."""
            return formula(*columns(points, name, 2).T)

        def factory() -> Objective:
            """The objective, with its known minimum and box."""
            return Objective(fn, name, minimum, minimizer, (box, box1 or box), spec={"name": name})

        factory.__name__ = factory.__qualname__ = name
        factory.__doc__ = formula.__doc__
        TEST_FUNCTIONS[name] = factory
        return factory

    return register


@_named(0.0, (0.0, 0.0), (-32.768, 32.768))
def ackley(x: Floats, y: Floats) -> np.ndarray:
    """``-20 exp(-0.2 sqrt((x^2 + y^2)/2)) - exp((cos 2 pi x + cos 2 pi y)/2) + 20 + e``."""
    waves = np.exp((np.cos(2 * np.pi * x) + np.cos(2 * np.pi * y)) / 2)
    return -20 * np.exp(-0.2 * np.sqrt((x**2 + y**2) / 2)) - waves + 20 + np.e


@_named(-200.0, (0.0, 0.0), (-32.0, 32.0))
def ackley2(x: Floats, y: Floats) -> np.ndarray:
    """``-200 exp(-0.2 sqrt(x^2 + y^2))``."""
    return -200 * np.exp(-0.2 * np.hypot(x, y))


@_named(0.0, (0.0, 0.0), (-10.0, 10.0))
def alpine1(x: Floats, y: Floats) -> np.ndarray:
    """``|x sin x + 0.1 x| + |y sin y + 0.1 y|``."""
    return np.abs(x * np.sin(x) + 0.1 * x) + np.abs(y * np.sin(y) + 0.1 * y)


@_named(-7.885600724127536, (7.917052684666206, 7.917052684666206), (0.0, 10.0))
def alpine2(x: Floats, y: Floats) -> np.ndarray:
    """``-sqrt(x) sin x sqrt(y) sin y``, with ``sqrt |x|`` outside of the box."""
    return -np.sqrt(np.abs(x)) * np.sin(x) * np.sqrt(np.abs(y)) * np.sin(y)


@_named(0.0, (0.0, 0.0), (-5.0, 5.0))
def bohachevsky2(x: Floats, y: Floats) -> np.ndarray:
    """``x^2 + 2 y^2 - 0.3 cos(3 pi x) cos(4 pi y) + 0.3``."""
    return x**2 + 2 * y**2 - 0.3 * np.cos(3 * np.pi * x) * np.cos(4 * np.pi * y) + 0.3


@_named(0.0, (0.0, 0.0), (-2.0, 2.0))
def camel3(x: Floats, y: Floats) -> np.ndarray:
    """``2 x^2 - 1.05 x^4 + x^6/6 + x y + y^2``."""
    return 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2


@_named(0.0, (0.0, 0.0), (-1.0, 1.0))
def csendes(x: Floats, y: Floats) -> np.ndarray:
    """``x^6 (2 + sin(1/x)) + y^6 (2 + sin(1/y))``, by continuity 0 where a weight is 0."""
    out: np.ndarray = _csendes_term(x) + _csendes_term(y)
    return out


def _csendes_term(x: np.ndarray) -> np.ndarray:
    tiny = np.abs(x) < 1e-60  # x^6 underflows there, and 1/x would overflow for the very smallest
    return np.where(tiny, 0.0, x**6 * (2 + np.sin(1 / np.where(tiny, 1.0, x))))


@_named(-1.0, (5.0, 5.0), (0.0, 10.0))
def defl_corr_spring(x: Floats, y: Floats) -> np.ndarray:
    """``0.1 r^2 - cos(5 r)`` with ``r^2 = (x - 5)^2 + (y - 5)^2``: the deflected corrugated spring."""
    r = np.hypot(x - 5, y - 5)
    out: np.ndarray = 0.1 * r**2 - np.cos(5 * r)
    return out


@_named(-1.0, (0.0, 0.0), (-5.12, 5.12))
def dropwave(x: Floats, y: Floats) -> np.ndarray:
    """``-(1 + cos(12 r)) / (0.5 r^2 + 2)`` with ``r^2 = x^2 + y^2``."""
    out: np.ndarray = -(1 + np.cos(12 * np.hypot(x, y))) / (0.5 * (x**2 + y**2) + 2)
    return out


@_named(-1.0, (0.0, 0.0), (-10.0, 10.0))
def easom(x: Floats, y: Floats) -> np.ndarray:
    """``-cos x cos y exp(-x^2 - y^2)``: Easom's function with its minimum moved to 0."""
    return -np.cos(x) * np.cos(y) * np.exp(-(x**2) - y**2)


@_named(0.0, (0.0, 0.0), (-10.0, 10.0))
def griewank(x: Floats, y: Floats) -> np.ndarray:
    """``(x^2 + y^2)/4000 - cos x cos(y / sqrt 2) + 1``."""
    out: np.ndarray = (x**2 + y**2) / 4000 - np.cos(x) * np.cos(y / np.sqrt(2)) + 1
    return out


@_named(-19.208502567886732, (8.055023475736563, 9.664590019241272), (0.0, 10.0))
def holder(x: Floats, y: Floats) -> np.ndarray:
    """``-|sin x cos y exp|1 - sqrt(x^2 + y^2)/pi||``: Hoelder's table, one of its four quadrants."""
    out: np.ndarray = -np.abs(np.sin(x) * np.cos(y)) * np.exp(np.abs(1 - np.hypot(x, y) / np.pi))
    return out


@_named(-52 / 3 * float(np.exp(-2.0)), (4.0, 2.0), (0.0, 5.0))
def hosaki(x: Floats, y: Floats) -> np.ndarray:
    """``(1 - 8 x + 7 x^2 - 7 x^3/3 + x^4/4) y^2 exp(-y)``."""
    return (1 - 8 * x + 7 * x**2 - 7 / 3 * x**3 + x**4 / 4) * y**2 * np.exp(-y)


@_named(0.0, (1.0, 1.0), (-10.0, 10.0))
def levy(x: Floats, y: Floats) -> np.ndarray:
    """``sin^2(pi u) + (u-1)^2 (1 + 10 sin^2(pi u + 1)) + (v-1)^2 (1 + sin^2(2 pi v))``.

    Here ``u = 1 + (x - 1)/4`` and ``v = 1 + (y - 1)/4``.
    """
    u, v = (x - 1) / 4, (y - 1) / 4  # u - 1 and v - 1; the waves below use their periods
    slope = u**2 * (1 + 10 * np.sin(np.pi * (u + 1) + 1) ** 2)
    out: np.ndarray = np.sin(np.pi * u) ** 2 + slope + v**2 * (1 + np.sin(2 * np.pi * v) ** 2)
    return out


@_named(0.0, (1.0, 1.0), (-10.0, 10.0))
def levy13(x: Floats, y: Floats) -> np.ndarray:
    """``0.05 [sin^2(3 pi x) + (x-1)^2 (1 + sin^2(3 pi y)) + (y-1)^2 (1 + sin^2(2 pi y))]``."""
    u, v = x - 1, y - 1  # all the waves have period 1 in x and y
    first = np.sin(3 * np.pi * u) ** 2 + u**2 * (1 + np.sin(3 * np.pi * v) ** 2)
    out: np.ndarray = 0.05 * (first + v**2 * (1 + np.sin(2 * np.pi * v) ** 2))
    return out


@_named(-1.8013034100985532, (2.2029055201726093, np.pi / 2), (0.0, np.pi))
def michalewicz(x: Floats, y: Floats) -> np.ndarray:
    """``-[sin x sin^20(x^2/pi) + sin y sin^20(2 y^2/pi)]``."""
    out: np.ndarray = -np.sin(x) * np.sin(x**2 / np.pi) ** 20 - np.sin(y) * np.sin(2 * y**2 / np.pi) ** 20
    return out


@_named(0.0, (0.0, 0.0), (-5.12, 5.12))
def rastrigin(x: Floats, y: Floats) -> np.ndarray:
    """``20 + x^2 - 10 cos 2 pi x + y^2 - 10 cos 2 pi y``."""
    out: np.ndarray = 20 + x**2 - 10 * np.cos(2 * np.pi * x) + y**2 - 10 * np.cos(2 * np.pi * y)
    return out


@_named(0.0, (1.0, 1.0), (-1.5, 1.5))
def rosenbrock(x: Floats, y: Floats) -> np.ndarray:
    """``(y - x^2)^2 + (1 - x)^2/100``: Rosenbrock's valley divided by 100."""
    return (y - x**2) ** 2 + (1 - x) ** 2 / 100


@_named(-11.70551804140347, (-0.7146204558690397, 1.084951048202182), (-2.0, 2.0))
def shubert(x: Floats, y: Floats) -> np.ndarray:
    """``(cos(2x+1) + 2 cos(3x+2) + 3 cos(4x+3)) (cos(2y+1) + cos(y+2))``: changed so that its minimum is unique."""
    out: np.ndarray = (np.cos(2 * x + 1) + 2 * np.cos(3 * x + 2) + 3 * np.cos(4 * x + 3)) * (
        np.cos(2 * y + 1) + np.cos(y + 2)
    )
    return out


@_named(-1.0042606590710619, (-2.903534027771177, -2.903534027771177), (-5.0, 5.0))
def styblinski_tang(x: Floats, y: Floats) -> np.ndarray:
    """``(x^4 - 16 x^2 + 5 x + y^4 - 16 y^2 + 5 y) / 156``: half of the sum, divided by 78."""
    return (x**4 - 16 * x**2 + 5 * x + y**4 - 16 * y**2 + 5 * y) / 156


@_named(0.0, (0.0, 0.0), (-1.0, 1.0))
def sumofsquares(x: Floats, y: Floats) -> np.ndarray:
    """``x^2 + 2 y^2``."""
    return x**2 + 2 * y**2


@_named(-1.0, (0.0, 0.0), (-20.0, 20.0))
def xinsheyang3(x: Floats, y: Floats) -> np.ndarray:
    """``exp(-(x/15)^6 - (y/15)^6) - 2 exp(-x^2 - y^2) cos^2 x cos^2 y``."""
    out: np.ndarray = (
        np.exp(-((x / 15) ** 6) - (y / 15) ** 6) - 2 * np.exp(-(x**2) - y**2) * (np.cos(x) * np.cos(y)) ** 2
    )
    return out


@_named(10 / (8 * np.pi), (np.pi, 2.275), (-5.0, 10.0), (0.0, 15.0))
def branin(x: Floats, y: Floats) -> np.ndarray:
    """``(y - 5.1 x^2/(4 pi^2) + 5 x/pi - 6)^2 + 10 (1 - 1/(8 pi)) cos x + 10``; three equal minima."""
    bend = y - 5.1 * x**2 / (4 * np.pi**2) + 5 * x / np.pi - 6
    return bend**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10


@_named(0.0, (3.0, 2.0), (-5.0, 5.0))
def himmelblau(x: Floats, y: Floats) -> np.ndarray:
    """``(x^2 + y - 11)^2 + (x + y^2 - 7)^2``; four equal minima."""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


@_named(0.0, (3.0, 0.5), (-4.5, 4.5))
def beale(x: Floats, y: Floats) -> np.ndarray:
    """``(1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2``."""
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


@_named(-float(np.sqrt(3)) / 2 - np.pi / 3, (0.5 - np.pi / 3, -0.5 - np.pi / 3), (-1.5, 4.0), (-3.0, 4.0))
def mccormick(x: Floats, y: Floats) -> np.ndarray:
    """``sin(x + y) + (x - y)^2 - 1.5 x + 2.5 y + 1``."""
    return np.sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1


@_named(3.0, (0.0, -1.0), (-2.0, 2.0))
def goldstein_price(x: Floats, y: Floats) -> np.ndarray:
    """The product of two factors, ``f = a b``.

    ``a = 1 + (x + y + 1)^2 (19 - 14 x + 3 x^2 - 14 y + 6 x y + 3 y^2)`` and
    ``b = 30 + (2 x - 3 y)^2 (18 - 32 x + 12 x^2 + 48 y - 36 x y + 27 y^2)``.
    """
    left = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    return left * (30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2))
