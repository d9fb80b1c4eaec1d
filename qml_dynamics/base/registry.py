"""Methods as data: frozen options and declared facts. What runs them is in `reference/`, `synthesis/` and `evolve.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar

from ..methods.imaginary.options import QITE, DoubleBracket, ProbabilisticITE, Schrodingerised
from ..methods.randomised_methods import MiniBatch, QDrift, RandomOrder
from ..model.formulas import Formula, by_name, by_order
from ..model.initial import Gaussian, PointMass, Uniform
from .errors import MethodError, integer, one_of, real, require

CLOCKS = ("real", "imaginary")


@dataclass(frozen=True)
class SplitStep:
    """The split-operator method: the classical reference on both clocks.

    Orders 1 (Lie), 2 (Strang) and 4: Suzuki's composition on the real clock, and on the imaginary clock the extrapolation
    ``4/3 S2(dt/2)^2 - 1/3 S2(dt)``, since negative substeps amplify round-off there. The declared order holds for
    time-dependent ``D(t), s(t)`` too. ``formula="chin4a"`` (grids only) is the fastest where the wave is small at the edge
    of the box and its momenta are resolved; its resolution floor is reported in the diagnostics.

    Args:
        steps: equal steps over the duration.
        order: 1, 2 or 4.
        formula: the name of a formula, instead of the one that ``order`` stands for.
        workers: threads of the FFT (``None``: chosen by size).
        precision: ``"double"`` or ``"single"``.
    """

    steps: int
    order: int = 2
    formula: str | None = None
    workers: int | None = None
    precision: str = "double"

    clocks: ClassVar[tuple[str, ...]] = CLOCKS
    needs_backend: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**9, MethodError))
        if self.formula is not None:
            object.__setattr__(self, "order", by_name(self.formula).order)
        by_order(self.order)
        if self.workers is not None:
            integer(self.workers, "workers", 1, 1024, MethodError)
        one_of(self.precision, "precision", ("double", "single"), MethodError)

    @property
    def product_formula(self) -> Formula:
        """The formula of one step (order 4 on the imaginary clock extrapolates Strang's instead)."""
        return by_name(self.formula) if self.formula else by_order(self.order)


@dataclass(frozen=True)
class Krylov:
    """Lanczos propagation with a tolerance: an oracle on both clocks that shares nothing with splitting.

    Time-dependent Hamiltonians go through the commutator-free Magnus integrator of order four with step doubling.

    Args:
        tol: allowed error of the final state in the 2-norm.
        subspace: the largest dimension of a Krylov space.
    """

    tol: float = 1e-10
    subspace: int = 40

    order: ClassVar[None] = None
    clocks: ClassVar[tuple[str, ...]] = CLOCKS
    needs_backend: ClassVar[bool] = False

    def __post_init__(self) -> None:
        real(self.tol, "tol", positive=True, error=MethodError)
        require(self.tol < 1, "tol", "be below 1", self.tol, MethodError)
        integer(self.subspace, "subspace", 4, 400, MethodError)


@dataclass(frozen=True)
class Exact:
    """Dense diagonalisation (constant Hamiltonian) or a dense integrator to 1e-11: small sizes, the oracle of the oracles.

    Args:
        max_size: refuses more points than this.
    """

    max_size: int = 4096

    order: ClassVar[None] = None
    clocks: ClassVar[tuple[str, ...]] = CLOCKS
    needs_backend: ClassVar[bool] = False

    def __post_init__(self) -> None:
        integer(self.max_size, "max_size", 2, 1 << 16, MethodError)


@dataclass(frozen=True)
class Trotter:
    """Product-formula circuits: QFT, dual phases, inverse QFT, Walsh phases. Real clock.

    Args:
        steps: equal steps over the duration.
        order: 1 (Lie), 2 (Strang) or 4 (Suzuki).
        truncation: allowed error of the final state in the 2-norm from leaving out small Walsh terms of the potential
            (0: exact). The bound is rigorous: ``sup |zeta - zeta'|`` times the sum of the absolute amounts of the potential
            factors, which is the integral of ``|s|`` for formulas without negative substeps.
    """

    steps: int
    order: int = 2
    truncation: float = 0.0

    clocks: ClassVar[tuple[str, ...]] = ("real",)
    needs_backend: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", integer(self.steps, "steps", 1, 10**7, MethodError))
        by_order(self.order)
        real(self.truncation, "truncation", nonnegative=True, error=MethodError)

    @property
    def product_formula(self) -> Formula:
        """The formula of one step."""
        return by_order(self.order)


@dataclass(frozen=True)
class MultiProduct:
    """Extrapolation over Trotter numbers: ``sum_j a_j <O>_j`` with ``S2(T / k_j)^{k_j}`` circuits. Real clock.

    The coefficients solve ``sum a_j = 1`` and ``sum a_j k_j^{-2q} = 0`` for ``q = 1 .. l-1``; the error is
    ``O((T/k)^{2l})`` and the variance grows by ``(sum |a_j|)^2``. Densities and expectation values are combined; no single
    state exists. Source: Childs and Wiebe, arXiv:1202.5822; Carrera Vazquez et al., arXiv:2207.11268.

    Args:
        steps: increasing Trotter numbers over the whole duration.
        truncation: as in :class:`Trotter`.
    """

    steps: tuple[int, ...] = (1, 2, 4)
    truncation: float = 0.0

    clocks: ClassVar[tuple[str, ...]] = ("real",)
    needs_backend: ClassVar[bool] = True

    def __post_init__(self) -> None:
        given = self.steps
        ok = isinstance(given, Sequence) and not isinstance(given, str) and len(given) >= 1
        require(ok, "steps", "be a sequence of increasing integers", given, MethodError)
        steps = tuple(integer(k, "steps", 1, 10**7, MethodError) for k in given)
        increasing = all(a < b for a, b in zip(steps, steps[1:]))
        require(increasing, "steps", "be a sequence of increasing integers", steps, MethodError)
        object.__setattr__(self, "steps", steps)
        real(self.truncation, "truncation", nonnegative=True, error=MethodError)

    @property
    def order(self) -> int:
        """Order in the step at a fixed ratio of the Trotter numbers."""
        return 2 * len(self.steps)


_WAVES: dict[str, Any] = {"uniform": Uniform, "gaussian": Gaussian, "point_mass": PointMass}

METHODS: dict[str, type] = {
    "split_step": SplitStep,
    "krylov": Krylov,
    "exact": Exact,
    "trotter": Trotter,
    "multi_product": MultiProduct,
    "qdrift": QDrift,
    "random_order": RandomOrder,
    "mini_batch": MiniBatch,
    "schrodingerised": Schrodingerised,
    "probabilistic_ite": ProbabilisticITE,
    "qite": QITE,
    "double_bracket": DoubleBracket,
}


def register(name: str, cls: type) -> type:
    """Make a method of a room above known by name; done where its class is defined."""
    METHODS[name] = cls
    return cls


PARTS: dict[str, tuple[type, Callable[..., Any], str]] = {}


def register_part(name: str, cls: type, make: Callable[..., Any], field: str) -> type:
    """Make a part of methods (an ansatz, say) known by name: its class, what makes one, and the option that it is usually for."""
    PARTS[name] = (cls, make, field)
    return cls


def is_plain(method: Any) -> bool:
    """Whether a method is one of :data:`METHODS`, and so are the methods that it is built around.

    >>> is_plain(Trotter(4)), is_plain("trotter")
    (True, False)
    """
    if type(method) not in METHODS.values():
        return False
    return all(_storable(getattr(method, f.name)) for f in fields(method))


def _storable(value: Any) -> bool:
    if hasattr(value, "clocks"):
        return is_plain(value)
    if is_dataclass(value):
        return type(value) in (*_WAVES.values(), *(cls for cls, _, _ in PARTS.values()))
    return not callable(value)


def method_spec(method: Any) -> dict[str, Any]:
    """A method as plain data: its kind and its options that differ from the defaults; a method inside it likewise.

    >>> method_spec(Trotter(steps=4))
    {'kind': 'trotter', 'steps': 4}
    """
    kind = next((name for name, cls in METHODS.items() if cls is type(method)), None)
    require(
        kind is not None, "method", f"be one of {', '.join(c.__name__ for c in METHODS.values())}", method, MethodError
    )
    options = {f.name: getattr(method, f.name) for f in fields(method) if getattr(method, f.name) != f.default}
    return {"kind": kind, **{k: _plain(v) for k, v in options.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    for kind, cls in _WAVES.items():
        if type(value) is cls:
            return {"initial": kind, **{f.name: _plain(getattr(value, f.name)) for f in fields(value)}}
    for kind, (part, _, _) in PARTS.items():
        if type(value) is part:
            given = {f.name: getattr(value, f.name) for f in fields(part) if getattr(value, f.name) != f.default}
            return {"kind": kind, **{name: _plain(v) for name, v in given.items() if v is not None}}
    return method_spec(value) if hasattr(value, "clocks") else value


def _unplain(value: Any, field: str) -> Any:
    """A method, a part of one or an initial wave that was written as plain data; ``field`` is the option that it stands for."""
    parts = {kind: make for kind, (_, make, usual) in PARTS.items() if usual == field}
    if isinstance(value, str) and parts:
        value = {"kind": value}
    if not isinstance(value, Mapping):
        return value
    if parts and "initial" not in value:
        return _part(dict(value), field, parts)
    if "kind" in value:
        return method_from_spec(dict(value))
    if "initial" in value:
        options = dict(value)
        cls = _WAVES[one_of(options.pop("initial"), "initial", _WAVES, MethodError)]
        for name in options:
            one_of(name, "initial", [f.name for f in fields(cls)], MethodError)
        return cls(**options)
    return value


def _part(options: dict[str, Any], field: str, parts: dict[str, Callable[..., Any]]) -> Any:
    """A part of a method; where an option has only one kind of part, its kind may be left out."""
    kind = str(options.pop("kind", next(iter(parts)) if len(parts) == 1 else "")).replace("-", "_").lower()
    make = parts[one_of(kind, f"method.{field}", parts, MethodError)]
    for name in options:
        one_of(name, f"method.{field}", [f.name for f in fields(PARTS[kind][0])], MethodError)
    try:
        return make(**options)
    except TypeError as error:
        raise MethodError(f"Argument `method.{field}` must name every option of {kind}: {error}.") from None


def method_from_spec(spec: dict[str, Any]) -> Any:
    """A method from :func:`method_spec`'s plain data; raises :class:`MethodError` for unknown kinds or options.

    >>> method_from_spec({"kind": "trotter", "steps": 4}) == Trotter(steps=4)
    True
    """
    options = dict(spec)
    kind = str(options.pop("kind", "")).replace("-", "_").lower()
    cls = METHODS[one_of(_ALIASES.get(kind, kind), "method", METHODS, MethodError)]
    for name in options:
        one_of(name, f"method.{kind}", [f.name for f in fields(cls)], MethodError)
    try:
        return cls(**{name: _unplain(value, name) for name, value in options.items()})
    except TypeError as error:
        raise MethodError(
            f"Argument `method` must name every option of {cls.__name__} that has no default: {error}."
        ) from None


_ALIASES = {
    "randomorder": "random_order",
    "minibatch": "mini_batch",
    "splitstep": "split_step",
    "multiproduct": "multi_product",
    "probabilisticite": "probabilistic_ite",
    "doublebracket": "double_bracket",
    "hamiltonjacobi": "hamilton_jacobi",
    "koopman": "koopman_von_neumann",
    "koopmanvonneumann": "koopman_von_neumann",
    "schrodingerbridge": "schrodinger_bridge",
}
