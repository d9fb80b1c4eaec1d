"""A bound of the error of a step of any product formula by nested commutators, as many levels of them as its order.

A step ``S(t) = prod_l e^{-i t a_l H_l}`` of order p solves ``S' = -i G(t) S`` with ``G(t) - H`` of the order ``t^p``, so that
``|S(t) - e^{-i H t}| <= int |G - H|``. G is a sum of parts, each between the factors behind it and their inverses. Expanded to order p
the rest of such a part holds commutators of p levels between unitaries (Childs et al., Phys. Rev. X 11, 011020, 2021,
arXiv:1912.08854, theorem 5),

    |rest of Ad(X_m) ... Ad(X_1) H_j| <= t^p sum_{q_1 + ... + q_m = p} |ad_{X_m}^{q_m} ... ad_{X_1}^{q_1} H_j| / (q_1! ... q_m!),

and the lower orders cancel in the sum, since the formula has its order. Both sides may be turned by what acts before any place between the
factors: parts are then between those that lie on the way to the place, and H between those before it. From the middle on these ways are
shorter; the bound is the lesser of that from the middle and that from the end. For Lie's and Strang's formulas it is that of
:mod:`.commutator_bounds`, which does without equal strings where there are many.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial

from .commutator_bounds import PAIRS, Budget, Indexed, Spent, Summed, commutator, size
from .operator_parts import Term

Word = tuple[int, ...]  # numbers of parts, that of the outermost commutator last
_Weights = dict[Word, float]
_WORDS = 20_000  # different commutators that are added up


def formula_constant(parts: Sequence[Sequence[Term]], ramps: Sequence[float], order: int, pairs: int = PAIRS) -> float:
    """The constant of ``t^{order+1}`` for a step of a formula, with sums of absolute coefficients for norms.

    Args:
        parts: of the operator, in the order of a sweep forwards.
        ramps: fractions of the step for which sweeps run, forwards and backwards in turn.
        order: of the formula.
        pairs: of strings that may be looked at.

    Raises:
        Spent: there are more, or too many different commutators of the parts.

    >>> from qml_dynamics.model.formulas import by_name
    >>> parts = [[(0, 1, 0.5)], [(1, 0, 2.0)]]
    >>> 0.01 < formula_constant(parts, by_name("blanes_moan4").ramps, 4) < 10
    True
    """
    if len(parts) ** (order + 1) > _WORDS:
        raise Spent
    factors = _factors(len(parts), ramps)
    middle = len(factors) // 2
    places = [_weights(factors, len(parts), order, place) for place in (middle, len(factors))]
    wanted = {word for weights in places for word in weights}
    sizes = _sizes(parts, wanted, order, pairs)
    return min(sum(weight * sizes[word] for word, weight in weights.items()) for weights in places) / (order + 1)


def _factors(count: int, ramps: Sequence[float]) -> list[tuple[int, float]]:
    """Parts and fractions of the step in the order in which they act, neighbours of one part merged."""
    out: list[tuple[int, float]] = []
    for k, ramp in enumerate(ramps):
        for part in range(count) if k % 2 == 0 else reversed(range(count)):
            if out and out[-1][0] == part:
                out[-1] = (part, out[-1][1] + ramp)
            else:
                out.append((part, ramp))
    return [factor for factor in out if factor[1]]


def _weights(factors: Sequence[tuple[int, float]], count: int, order: int, place: int) -> _Weights:
    """What each nested commutator is multiplied with where parts are conjugated from one place on, by what lies in between."""
    before, behind = list(factors[:place]), list(reversed(factors[place:]))  # from far away to the place
    whole: _Weights = {(k,): 1.0 for k in range(count)}
    out: _Weights = {}
    for start, along, own in ((_Weights(), before, True), (_Weights(), behind, True), (whole, before, False)):
        for word, weight in _nested(start, along, order, own).items():
            out[word] = out.get(word, 0.0) + weight
    return out


def _nested(start: _Weights, along: Sequence[tuple[int, float]], order: int, own: bool) -> _Weights:
    """The words of as many commutators as the order, from conjugations one after the other.

    With ``own`` each factor is one of the parts that those behind it conjugate; else they are those that there are at the start.
    """
    words, full = dict(start), order + 1
    for part, amount in along:
        for word, weight in list(words.items()):
            for q in range(1, full - len(word) + 1):
                longer = word + (part,) * q
                words[longer] = words.get(longer, 0.0) + weight * abs(amount) ** q / factorial(q)
        if own:
            words[part,] = words.get((part,), 0.0) + abs(amount)
    return {word: weight for word, weight in words.items() if len(word) == full and word[0] != word[1]}


def _sizes(parts: Sequence[Sequence[Term]], wanted: set[Word], order: int, pairs: int) -> dict[Word, float]:
    """The sums of absolute coefficients of nested commutators, inner ones once."""
    indexed, budget = [Indexed() for _ in parts], Budget(pairs)
    for each, own in zip(indexed, parts):
        each.add(own)
    needed = {word[:k] for word in wanted for k in range(1, len(word) + 1)}
    out: dict[Word, float] = {}

    def visit(word: Word, here: Summed) -> None:
        """This commutator, and those that it is inside of."""
        if len(word) == order + 1:
            out[word] = size(here)
            return
        for part in range(len(parts)):
            if (*word, part) in needed:
                visit((*word, part), commutator(here, indexed[part], budget))

    for part in range(len(parts)):
        if (part,) in needed:
            visit((part,), indexed[part].strings)
    return out
