"""A time-dependent operator ``sum_k s_k(t) H_k``: schedules with operators, and its strings with one schedule each."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..base.errors import ProblemError, require
from ..base.printing import printed_briefly
from .drives import Total
from .masks import as_masks
from .operator_inputs import labels_of, wires_of, words_of
from .pauli import OperatorLike, PauliSum, with_wires
from .pauli_words import Reading, Wire
from .schedules import Constant, Schedule, as_schedule


@printed_briefly
@dataclass(frozen=True, eq=False)
class OperatorSum:
    """``H(t) = sum_k s_k(t) H_k`` with sums of Pauli strings H_k on one register.

    Constant schedules are numbers of their operators, and operators with equal schedules are added up.

    Attributes:
        parts: schedules and operators, no two schedules equal.

    Raises:
        ProblemError: no part, or operators of different widths.

    >>> from qml_dynamics.model.pauli import pauli_sum
    >>> from qml_dynamics.model.schedules import Linear
    >>> path = OperatorSum(((Linear(1, 0), pauli_sum({"XI": -1.0})), (Linear(0, 1), pauli_sum({"ZZ": -1.0}))))
    >>> path.num_qubits, path.labels
    (2, ['XI', 'ZZ'])
    """

    parts: tuple[tuple[Schedule, PauliSum], ...]

    def __post_init__(self) -> None:
        require(len(self.parts) > 0, "operator", "have at least one term", "an empty sum")
        widths = sorted({terms.num_qubits for _, terms in self.parts})
        require(len(widths) == 1, "operator", "have terms on one number of qubits", f"of {widths}")
        object.__setattr__(self, "parts", tuple(_merged(self.parts)))

    @property
    def num_qubits(self) -> int:
        """Width of the register."""
        return self.parts[0][1].num_qubits

    @property
    def labels(self) -> list[str]:
        """Labels of all strings, each once."""
        return self.strings()[0].labels

    def strings(self) -> tuple[PauliSum, tuple[int, ...], tuple[Schedule, ...]]:
        """Every string once with its coefficient, the number of its schedule, and the schedules.

        A string of several parts has a schedule of its own, their sum.
        """
        rows: dict[tuple[int, int], list[float]] = {}
        for k, (_, terms) in enumerate(self.parts):
            for x, z, c in zip(terms.x.tolist(), terms.z.tolist(), terms.coefficients.tolist()):
                rows.setdefault((x, z), [0.0] * len(self.parts))[k] += c
        profiles: dict[tuple[float, ...], int] = {}
        coefficients, channel = [], []
        for row in rows.values():
            top = max(row, key=abs)
            profile = tuple(c / top if top else float(k == 0) for k, c in enumerate(row))
            coefficients.append(top)
            channel.append(profiles.setdefault(profile, len(profiles)))
        x, z = (as_masks([key[i] for key in rows], self.num_qubits) for i in (0, 1))
        schedules = tuple(self._schedule(profile) for profile in profiles)
        return PauliSum(self.num_qubits, x, z, np.array(coefficients)), tuple(channel), schedules

    def at(self, t: float, duration: float) -> PauliSum:
        """``sum_k s_k(t) H_k`` with the strings that act at this time; one of coefficient 0 where none does.

        >>> from qml_dynamics.model.pauli import pauli_sum
        >>> from qml_dynamics.model.schedules import Linear
        >>> path = OperatorSum(((Linear(1, 0), pauli_sum({"XI": -1.0})), (Linear(0, 1), pauli_sum({"ZZ": -1.0}))))
        >>> [(path.at(t, 2.0).labels, path.at(t, 2.0).coefficients.tolist()) for t in (0.5, 2.0)]
        [(['XI', 'ZZ'], [-0.75, -0.25]), (['ZZ'], [-1.0])]
        """
        terms, channel, schedules = self.strings()
        values = np.array([schedule.value(t, duration) for schedule in schedules])
        now = PauliSum(terms.num_qubits, terms.x, terms.z, values[list(channel)] * terms.coefficients)
        acting = np.flatnonzero(now.coefficients)
        return now.part(acting if len(acting) else np.array([0]))

    def _schedule(self, profile: tuple[float, ...]) -> Schedule:
        own = tuple((c, schedule) for c, (schedule, _) in zip(profile, self.parts) if c)
        return own[0][1] if len(own) == 1 and own[0][0] == 1 else Total(own)


def _merged(parts: Sequence[tuple[Schedule, PauliSum]]) -> list[tuple[Schedule, PauliSum]]:
    """Equal schedules once; the constant ones are the number 1."""
    found: list[tuple[Schedule, list[PauliSum]]] = []
    for schedule, terms in parts:
        if isinstance(schedule, Constant):
            scaled = PauliSum(terms.num_qubits, terms.x, terms.z, schedule.value0 * terms.coefficients)
            schedule, terms = Constant(1.0), scaled
        home = next((own for known, own in found if _equal(known, schedule)), None)
        if home is None:
            found.append((schedule, [terms]))
        else:
            home.append(terms)
    return [(schedule, _added(own)) for schedule, own in found]


def _equal(a: Schedule, b: Schedule) -> bool:
    """Whether two schedules are one; what cannot be compared is not."""
    try:
        return type(a) is type(b) and bool(a == b)
    except Exception:  # of another package's code, which may raise anything
        return a is b


def _added(sums: Sequence[PauliSum]) -> PauliSum:
    if len(sums) == 1:
        return sums[0]
    x, z, c = (np.concatenate(parts) for parts in zip(*((terms.x, terms.z, terms.coefficients) for terms in sums)))
    return PauliSum(sums[0].num_qubits, x, z, c)  # equal strings become one


ScheduledTerms: TypeAlias = Sequence[tuple[Schedule | float, OperatorLike]]


def is_scheduled(given: object) -> bool:
    """Whether this is a list of pairs of a schedule (or a number) and an operator, at least one of them no label.

    >>> from qml_dynamics.model.schedules import Linear
    >>> is_scheduled([(Linear(1.0, 0.0), "XI"), (0.5, "ZZ")]), is_scheduled([("ZZ", 1.0)]), is_scheduled([[1, 0], [0, 1]])
    (True, False, False)
    """
    if not isinstance(given, (list, tuple)) or not given:
        return False
    if not all(isinstance(item, (list, tuple)) and len(item) == 2 and _is_factor(item[0]) for item in given):
        return False
    moves = any(not _is_number(factor) for factor, _ in given)
    return moves or not any(_is_number(operator) or isinstance(operator, str) for _, operator in given)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, complex, np.number)) and not isinstance(value, bool)


def _is_factor(value: object) -> bool:
    return _is_number(value) or (isinstance(value, Schedule) and not isinstance(value, type))


def read_scheduled(
    given: Sequence[Any], wires: Sequence[Hashable] | None, num_qubits: int | None, name: str = "operator"
) -> tuple[OperatorSum | PauliSum, tuple[Wire, ...] | None]:
    """Pairs of schedules and operators as one sum, and the labels of its wires; a plain operator where no schedule moves.

    All operators share one order of wires: ``wires``; else the labels of all of them in the order in which they are met, where an
    index of a text or of a dictionary counts as an integer label; else qubits 0, 1, ... up to the largest index of them all.

    Raises:
        ProblemError: a schedule or an operator cannot be read, or has its qubits by place beside labels; it is named by its place.
    """
    require(len(given) > 0, name, "have at least one term", "an empty list")
    named = [f"{name}[{k}]" for k in range(len(given))]
    schedules = [as_schedule(factor, f"{place}[0]") for place, (factor, _) in zip(named, given)]
    places = [f"{place}[1]" for place in named]
    operators = [words_of(operator, place) or operator for place, (_, operator) in zip(places, given)]
    known = labels_of(wires, "wires") if wires else _common_labels(operators, places)
    if known is None and num_qubits is None:
        read = _by_index(operators, places)
    else:
        read = [with_wires(each, known, place, num_qubits)[0] for place, each in zip(places, operators)]
    found = OperatorSum(tuple(zip(schedules, read)))
    still = len(found.parts) == 1 and isinstance(found.parts[0][0], Constant)
    return (found.parts[0][1] if still else found), known


def _common_labels(operators: Sequence[Any], places: Sequence[str]) -> tuple[Wire, ...] | None:
    """One order of all labels, as they are met; None where qubits are 0, 1, ... and operators of PennyLane are not alone."""
    own = [_labels(each) for each in operators]
    union = tuple(dict.fromkeys(wire for labels in own for wire in labels or ()))
    if all(wires_of(each) is not None for each in operators):
        return union
    placed = [place for place, labels in zip(places, own) if labels is None]
    for each, labels, place in zip(operators, own, places):
        plain = all(isinstance(wire, int) and wire >= 0 for wire in labels or ())
        turned = plain and wires_of(each) is not None and list(labels or ()) != sorted(map(int, labels or ()))
        if placed and (not plain or turned):
            raise ProblemError(
                f"Argument `{placed[0]}` must name its wires as `{place}` does, {list(labels or ())}, but has its qubits by place: "
                "give wires=[...], the first that of the highest qubit."
            )
    return None if all(isinstance(wire, int) and wire >= 0 for wire in union) else union


def _labels(operator: Any) -> tuple[Wire, ...] | None:
    """The wires that an operator names, which are none for a number; None where its qubits are known by place."""
    if isinstance(operator, Reading):
        return None if operator.lengths else tuple(operator.wires)
    return wires_of(operator)


def _by_index(operators: Sequence[Any], places: Sequence[str]) -> list[PauliSum]:
    """Operators on qubits 0, 1, ... of the widest of them; one of a width of its own must have this one."""
    fixed = {k: with_wires(each, None, places[k])[0] for k, each in enumerate(operators) if _labels(each) is None}
    named = [int(wire) + 1 for each in operators for wire in _labels(each) or ()]
    width = max(named + [terms.num_qubits for terms in fixed.values()], default=1)
    for k, terms in fixed.items():
        if terms.num_qubits != width:
            raise ProblemError(
                f"Argument `{places[k]}` must act on {width} qubits as the others, but acts on {terms.num_qubits}."
            )
    return [fixed[k] if k in fixed else with_wires(each, None, places[k], width)[0] for k, each in enumerate(operators)]
