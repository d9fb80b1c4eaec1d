"""`Objective`: a loss over weights, vectorised and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from ...base.arguments import checks_arguments, checks_arguments_but
from ...base.errors import ProblemError, check_memory, describe, integer, require
from ...base.numeric import number_array
from ...base.options import handed
from ...base.printing import printed_briefly
from ..domains import Domain
from .leaning import lasting, marks
from .shared import SharedTables

if TYPE_CHECKING:
    from .prepared import Preparation

SAME = 1e-4  # of a value: single precision may add up in another order for other points beside it
SAME_OF_ALL, ROUNDING = 1e-6, 1e-12  # of the range; absolute: what may be left of terms of about 1 whose sum is 0
_AGAIN = np.array([1, 3, 5, 6])  # sevenths of the way through the points: asked a second time
ASKED_TWICE = len(_AGAIN)
_DIFFERENCE = np.array([3 / 4, -3 / 20, 1 / 60])  # central, of order six
CHUNK = 1 << 17  # points evaluated at once: bounds the memory of a loss over data


def _again(domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """Number and place of the points that are asked a second time."""
    index = np.unique(_AGAIN * (domain.size - 1) // 7)
    return index, domain.points_at(index)


def columns(points: np.ndarray, name: str, count: int) -> np.ndarray:
    """``points`` if they have ``count`` columns; raises :class:`ProblemError` otherwise.

    >>> columns(np.zeros((5, 2)), "bowl", 3)
    Traceback (most recent call last):
    qml_dynamics.base.errors.ProblemError: The objective `bowl` takes 3 weights, but the points have 2.
    """
    if points.shape[-1] != count:
        unit = "weight" if count == 1 else "weights"
        raise ProblemError(f"The objective `{name}` takes {count} {unit}, but the points have {points.shape[-1]}.")
    return points


def real_array(value: npt.ArrayLike, name: str) -> np.ndarray:
    """A read-only copy as floats; complex numbers, text, ragged lists and values that are not finite are refused."""
    try:
        array = np.array(value)
    except Exception:  # of any kind: the person's own object makes the array
        array = np.array(None)
    require(array.dtype.kind in "fiub", name, "be an array of real numbers", value)
    array = array.astype(float)
    require(bool(np.isfinite(array).all()), name, "be finite", "of values that are infinite or not a number")
    array.setflags(write=False)
    return array


class Model(Protocol):
    """What a trained objective can also do: predict labels and be scored.

    A regressor, which predicts numbers, says so by an attribute ``numbers = True``: then results average its predictions in place of
    counting labels, and their score is R^2.
    """

    def predict(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Labels of the rows of ``X`` under the weights ``w``."""
        ...

    def score(self, w: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
        """Share of the rows of ``X`` whose label under ``w`` is ``y``."""
        ...


@printed_briefly
@dataclass(frozen=True, eq=False)
class Rows:
    """What a mean over rows of data is made of, for mini-batches.

    Attributes:
        count: rows.
        mean: ``(points (m, ndim), index (b,)) -> (m,)``: the mean over the rows of ``index``, repeated ones counted again. It is
            handed copies, so that a function may write into them.
    """

    count: int
    mean: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", integer(self.count, "count", 1, 10**9))
        require(callable(self.mean), "mean", "be a function of points and rows", self.mean)
        object.__setattr__(self, "mean", partial(handed, self.mean))


@printed_briefly
@dataclass(frozen=True)
class Objective:
    """A loss ``zeta(w)``: a function of points ``(m, ndim)`` that returns values ``(m,)``.

    Args:
        fn: the vectorised function; one that takes a single point is asked point by point. It may return a list, a column ``(m, 1)``,
            or a pair of values and gradients.
        name: how it is called in reports.
        minimum: the least value, where it is known.
        minimizer: a place where the minimum is taken, where it is known.
        bounds: the usual box, one pair an axis.
        gradient_fn: ``(m, ndim) -> (m, ndim)``; without it central differences of order six are used.
        spec: how a problem file writes this objective (``{"name": ..., "params": ...}`` and so on), for round trips.
        model: for losses on data, what predicts (`.predict`, `.score`).
        domain: the only weight space on which the loss is known (tables), else ``None``.
        rows: for a mean over rows of data, the means over some of them (see :class:`Rows`).
        preparation: for data of a file, how its rows become rows of the model (see :func:`on_data`).

    >>> bowl = Objective(lambda w: (w**2).sum(axis=1), "bowl")
    >>> bowl(np.array([[1.0, 2.0]]))
    array([5.])
    """

    fn: Callable[[np.ndarray], np.ndarray]
    name: str = "objective"
    minimum: float | None = None
    minimizer: tuple[float, ...] | None = None
    bounds: tuple[tuple[float, float], ...] | None = None
    gradient_fn: Callable[[np.ndarray], np.ndarray] | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)
    model: Model | None = None
    domain: Domain | None = None
    rows: Rows | None = field(default=None, compare=False)
    preparation: Preparation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not callable(self.fn):
            raise ProblemError(
                f"Argument `objective` must be a function of points (m, ndim), but is {describe(self.fn)}."
            )

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Values at ``points`` of shape ``(m, ndim)``; raises :class:`ProblemError` unless they are finite reals."""
        points = np.atleast_2d(np.asarray(points, dtype=float))
        together = bool(vars(self).get("_together", False))
        values = _values(self.fn, points, self.name, together)
        if not together and 1 < len(points) != points.shape[1] and "_together" not in vars(self):
            object.__setattr__(self, "_together", _answered_together(values))
        return _checked(np.asarray(values), points, self.name)

    @checks_arguments
    def on(self, domain: Domain) -> np.ndarray:
        """Values on all points of ``domain``, shape ``domain.shape``, evaluated in chunks, or copied from a :meth:`table` that is there.

        A few points are asked twice, since a loss that is random, or that changes, has no table.

        Raises:
            ProblemError: not finite reals, a table of another domain, or two answers for one point.
        """
        shared = self._shared(domain)
        return self._evaluated(domain)[0] if shared is None else shared.copy()

    @checks_arguments
    def table(self, domain: Domain) -> np.ndarray:
        """The values of :meth:`on` as the one table that all share as long as somebody holds it; it cannot be written to.

        The first look at it in a call of a public function looks at what the function visibly leans on, asks a few points again, and
        makes the table of a function that has changed anew.

        >>> from qml_dynamics import Grid
        >>> bowl = Objective(lambda w: (w**2).sum(axis=1), "bowl")
        >>> here = bowl.table(Grid((-1, 1), 3))
        >>> bowl.table(Grid((-1, 1), 3)) is here, bowl.table(Grid((-2, 2), 3)) is here
        (True, False)
        """
        shared = self._shared(domain)
        if shared is not None:
            return shared
        before, made = marks(self.fn), self._evaluated(domain)
        return self._tables.add(domain, *made, lasting(before, marks(self.fn)))

    @property
    def _tables(self) -> SharedTables:
        found: SharedTables = vars(self).setdefault("_shared_tables", SharedTables())
        return found

    def _shared(self, domain: Domain) -> np.ndarray | None:
        """The table of a domain that somebody holds, if the function still has its values there."""
        found = self._tables.find(domain)
        if found is None or self.domain is not None or self._tables.looked_at(domain):
            return found
        if not self._tables.leans_on(domain, marks(self.fn)):
            return None
        return found if self._tables.unchanged(domain, self(_again(domain)[1])) else None

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}  # copies make tables of their own

    def _evaluated(self, domain: Domain) -> tuple[np.ndarray, np.ndarray]:
        """The values on all points, and those of the few that are asked twice."""
        if self.domain is not None and self.domain != domain:
            raise ProblemError(f"The objective `{self.name}` is a table on {self.domain}, but the domain is {domain}.")
        check_memory(8 * domain.size, f"The loss on {domain.size:,} points")
        values = np.empty(domain.size)
        for start in range(0, domain.size, CHUNK):
            stop = min(start + CHUNK, domain.size)
            values[start:stop] = self(domain.points_at(np.arange(start, stop)))
        again = self._check_again(domain, values) if self.domain is None else np.empty(0)
        return values.reshape(domain.shape), again

    def _check_again(self, domain: Domain, values: np.ndarray) -> np.ndarray:
        """Refuse a loss that is random, or that depends on the other points it is asked together with."""
        index, points = _again(domain)
        first, second = values[index], self(points)
        wide = SAME * np.abs(first) + SAME_OF_ALL * float(np.ptp(values)) + 1e-12 * float(np.abs(values).max())
        apart = (off := np.abs(second - first)) > wide
        if apart.any() and not (off.max() < ROUNDING and np.array_equal(self(points), second)):
            k = int(np.argmax(apart))
            raise ProblemError(
                f"The objective `{self.name}` must have one value at a point, but has {first[k]:.6g} and {second[k]:.6g} at "
                f"{points[k].tolist()}, asked twice: fix its random numbers, or give their mean as a table."
            )
        return second

    @checks_arguments_but("points")
    def gradient(self, points: np.ndarray, spacing: Sequence[float] | None = None) -> np.ndarray:
        """Gradient at ``points``, shape ``(m, ndim)``: ``gradient_fn``, or central differences of order six.

        Args:
            points: where.
            spacing: of a grid that resolves the loss, one an axis: differences are taken over a tenth of it. Without it over
                ``3e-3 max(1, |w|)``, which suits losses that vary over lengths of about 1.
        """
        points = np.atleast_2d(number_array(points, "points"))
        if spacing is not None:
            given, spacing = spacing, number_array(spacing, "spacing").tolist()
            fits = np.shape(given) == points.shape[1:] and min(spacing) > 0
            require(fits, "spacing", f"be {points.shape[1]} positive numbers, one an axis", given)
        if self.gradient_fn is not None:
            return np.asarray(_asked(self.gradient_fn, points, self.name), dtype=float)
        if self.domain is not None:
            raise ProblemError(f"The objective `{self.name}` is a table, which has no gradient between its points.")
        return _central_difference(self, points, spacing)

    def asks_of_gradient(self, ndim: int) -> int:
        """How often the function is asked for the gradient at a point: once for one of its own, else for its differences."""
        return 1 if self.gradient_fn is not None else 2 * len(_DIFFERENCE) * ndim

    @checks_arguments
    def predict(self, w: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Labels of the rows of ``X`` under the weights ``w`` (losses on data only)."""
        return self._need_model().predict(np.asarray(w, dtype=float), np.asarray(X, dtype=float))

    @checks_arguments_but("y")
    def score(self, w: np.ndarray, X: np.ndarray, y: npt.ArrayLike) -> float:
        """Accuracy on ``X, y`` under the weights ``w`` (losses on data only)."""
        return self._need_model().score(np.asarray(w, dtype=float), np.asarray(X, dtype=float), np.asarray(y))

    def _need_model(self) -> Model:
        if self.model is None:
            raise ProblemError(f"The objective `{self.name}` has no model: only losses on data predict.")
        return self.model


# what callers may give for a loss: values (m,) at points (m, ndim)
LossLike: TypeAlias = Objective | Callable[[np.ndarray], np.ndarray]


def is_pair(found: object, points: np.ndarray) -> TypeGuard[tuple[object, object]]:
    """Whether a function answered with values and gradients: a pair whose second part has the shape of the points."""
    return isinstance(found, tuple) and len(found) == 2 and points.ndim > 0 and np.shape(found[1]) == points.shape


class _Each(np.ndarray):
    """Values that were asked for point by point."""


def _answered_together(values: np.ndarray) -> bool:
    """Whether a function answered for all points at once: from then on it is known to."""
    return not isinstance(values, _Each)


def _values(fn: Callable[[np.ndarray], object], points: np.ndarray, name: str, together: bool = False) -> np.ndarray:
    """The values of a function, ``(m,)``, in whichever form it answers.

    A function that fails on all points at once, or answers in another shape, is asked for one point; where it has one number for it,
    it is a function of one point, and is asked for each. Where there are as many points as weights, a function of one point may
    answer in the shape of values without knowing them: then it is asked once more, with a point more.
    """
    count, failure = len(points), None
    try:
        found = _flat(_asked(fn, points, name, points), points)
    except ProblemError as error:
        if type(error.__cause__) is KeyboardInterrupt or not isinstance(error.__cause__, Exception):
            raise
        found, failure = np.empty(0), error
    if failure is None and found.shape == (count,) and (together or not (1 < count == points.shape[1])):
        return found
    if failure is None and found.shape == (count,):
        more = np.vstack([points, points[:1]])
        with suppress(ProblemError):
            if _flat(_asked(fn, more, name, more), more).shape == (count + 1,):
                return found
    each = _point_by_point(fn, points, name)
    if each is not None and not (failure is None and count > 1 and _ignores(each, found)):
        return each
    if failure is not None:
        raise failure
    return found


def _flat(found: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A column of values as a row of them."""
    return found[:, 0] if found.shape == (len(points), 1) else found


def _ignores(each: np.ndarray, together: np.ndarray) -> bool:
    """Whether a function has the same number for every point and for all of them together: it does not look at the weights."""
    return together.size == 1 and bool((each == together.reshape(())).all())


def _point_by_point(fn: Callable[[np.ndarray], object], points: np.ndarray, name: str) -> np.ndarray | None:
    """The values of a function of one point; None where it is none."""
    found: list[np.ndarray] = []
    for point in points:
        try:
            value = _asked(fn, point, name, point)
        except ProblemError:
            if found:
                raise
            return None
        if value.size != 1:
            return None
        found.append(value.reshape(()))
    return np.array(found).view(_Each)


def _asked(
    fn: Callable[[np.ndarray], object], points: np.ndarray, name: str, paired: np.ndarray | None = None
) -> np.ndarray:
    """What a person's function returns; whatever it raises comes out as :class:`ProblemError` in one line, `sys.exit` too."""
    try:
        found = handed(fn, points)
        return np.asarray(found[0] if paired is not None and is_pair(found, paired) else found)
    except ProblemError:
        raise
    except BaseException as error:
        if not _of_the_function(error, fn):
            raise
        text = " ".join(str(error).split())
        reason = text if isinstance(error, Exception) and text else f"it raised {type(error).__name__}({text})"
        raise ProblemError(f"The objective `{name}` failed on points of shape {points.shape}: {reason}") from error


def _of_the_function(error: BaseException, fn: Callable[[np.ndarray], object]) -> bool:
    """Whether an exception is the function's own.

    Ctrl-C is not, and neither are signals of other programs that only pass through it (a cancelled task, a test that ends).
    """
    if isinstance(error, Exception):
        return True
    home = type(error).__module__
    return not isinstance(error, KeyboardInterrupt) and home in ("builtins", getattr(fn, "__module__", None))


def _checked(values: np.ndarray, points: np.ndarray, name: str) -> np.ndarray:
    """The one place where a person's loss is checked: shape, realness, finiteness."""
    wanted = (len(points),)
    if values.shape != wanted:
        raise ProblemError(
            f"The objective `{name}` must return shape {wanted} for points {points.shape}, but returned {values.shape}."
        )
    if np.iscomplexobj(values) or values.dtype.kind not in "fiub":
        raise ProblemError(f"The objective `{name}` must return real numbers, but returned {values.dtype}.")
    values = values.astype(float)
    bad = ~np.isfinite(values)
    if bad.any():
        first = int(np.argmax(bad))
        raise ProblemError(
            f"The objective `{name}` must be finite, but is {values[first]} at {points[first].tolist()}."
        )
    return values


def _central_difference(objective: Objective, points: np.ndarray, spacing: Sequence[float] | None) -> np.ndarray:
    """Central differences of order six; the step balances truncation h^6 against round-off eps / h."""
    gradient = np.empty_like(points)
    for axis in range(points.shape[1]):
        own = None if spacing is None else 0.1 * spacing[axis]
        step = own or 3e-3 * max(1.0, float(np.abs(points[:, axis]).max(initial=0.0)))
        total = np.zeros(len(points))
        for order, weight in enumerate(_DIFFERENCE, start=1):
            shift = np.zeros(points.shape[1])
            shift[axis] = order * step
            total += weight * (objective(points + shift) - objective(points - shift))
        gradient[:, axis] = total / step
    return gradient
