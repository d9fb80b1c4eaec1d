"""A pytest plugin: relative noise of the size of rounding at the seams of the library where processors differ.

No setting of the environment changes how a fast Fourier transform rounds, nor in what order a library sums. So every result that
passes one of the `SEAMS` is multiplied by ``1 + size * u``, with ``u`` uniform between -1 and 1 in each entry (in the real and in the
imaginary part). Which ``u`` follows from the seed and from the bytes of the array: equal results get equal noise, so that what must
be repeatable stays repeatable.

    python -m pytest -p tests.portable.perturb --perturb-seed 3 --perturb-size 1e-13 tests/analytic
"""

from __future__ import annotations

import functools
import importlib
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

LIBRARY = "qml_dynamics"
SIZE = 1e-14
_POOL = 1 << 18  # numbers drawn once: a generator of its own for each array would double the time of the tests
Touch = Callable[["Noise", tuple[Any, ...], Any], Any]


class Noise:
    """What one run adds, and the calls that it was added in.

    Attributes:
        seed, size: of the noise.
        calls: of each place.
    """

    def __init__(self, seed: int, size: float = SIZE) -> None:
        self.seed, self.size = seed, size
        self.calls: Counter[str] = Counter()
        self.pool = np.random.default_rng(seed).uniform(-1.0, 1.0, _POOL)

    def on(self, values: Any) -> Any:
        """``values * (1 + size * u)``; arrays of other than floating-point numbers, and empty ones, as they are."""
        array = np.asarray(values)
        if array.dtype.kind not in "fc" or not array.size:
            return values
        start = zlib.crc32(np.ascontiguousarray(array).data.cast("B"), self.seed)
        count = array.size * (2 if array.dtype.kind == "c" else 1)
        u = self.pool[np.arange(start, start + count) % _POOL]
        u = (u.view(complex) if array.dtype.kind == "c" else u).reshape(array.shape)
        return (array * (1.0 + self.size * u)).astype(array.dtype, copy=False)


def _result(noise: Noise, args: tuple[Any, ...], result: Any) -> Any:
    return noise.on(result)


def _first(noise: Noise, args: tuple[Any, ...], result: Any) -> Any:
    """Of a pair of which only the first is an array."""
    return (noise.on(result[0]), *result[1:])


def _phase(noise: Noise, args: tuple[Any, ...], result: Any) -> Any:
    """Of a method that stores its answer."""
    args[0].phase = noise.on(args[0].phase)
    return result


def _geometry(noise: Noise, args: tuple[Any, ...], result: Any) -> Any:
    """Metric, which stays symmetric, and force."""
    metric = noise.on(np.tril(result.metric))
    metric = metric + np.tril(metric, -1).T
    return type(result)(result.psi, metric, noise.on(result.force), result.speed2)


def _pairs(noise: Noise, args: tuple[Any, ...], result: Any) -> Any:
    """Eigenvalues and eigenvectors."""
    values, vectors = noise.on(result[0]), noise.on(result[1])
    return type(result)(values, vectors) if hasattr(result, "_fields") else (values, vectors, *result[2:])


SEAMS: dict[str, tuple[tuple[str, Touch], ...]] = {
    "transforms forward": (
        ("qml_dynamics.model.transforms:walsh_hadamard", _result),  # its own inverse
        ("qml_dynamics.methods.variational.engine.runs:_walsh_rows", _result),
        *((f"scipy.fft:{name}", _result) for name in ("fft", "fftn", "rfftn", "dst", "dstn")),
        *((f"numpy.fft:{name}", _result) for name in ("fft", "rfft")),
    ),
    "transforms inverse": (
        *((f"scipy.fft:{name}", _result) for name in ("ifft", "ifftn", "irfftn", "idst", "idstn")),
        *((f"numpy.fft:{name}", _result) for name in ("ifft", "irfft")),
    ),
    "diagonal phases": (
        ("qml_dynamics.methods.split_step:_Engine._kinetic", _first),
        ("qml_dynamics.methods.split_step:_Engine._potential", _first),
        ("qml_dynamics.methods.variational.engine.runs:Phases.prepare", _phase),
        ("qml_dynamics.methods.variational.engine.runs:DualPhases.prepare", _phase),
    ),
    "metric and force": (("qml_dynamics.methods.variational.engine.tangent:Engine.geometry", _geometry),),
    "eigenpairs": (
        ("numpy.linalg:eigh", _pairs),
        ("numpy.linalg:eigvalsh", _result),
        ("scipy.sparse.linalg:eigsh", _pairs),
    ),
}


def wrap(noise: Noise, place: str, touch: Touch) -> None:
    """Replace a function by one whose result is perturbed, in its module and wherever the library imported it by name.

    Functions of NumPy and SciPy are perturbed only where the library calls them: the oracles of the tests stay exact.
    """
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    original = getattr(owner, name)
    foreign = not module.startswith(LIBRARY)

    @functools.wraps(original)
    def perturbed(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if foreign and not sys._getframe(1).f_globals.get("__name__", "").startswith(LIBRARY):
            return result
        noise.calls[place] += 1
        return touch(noise, args, result)

    setattr(owner, name, perturbed)
    for loaded in [m for key, m in sys.modules.items() if key.startswith(LIBRARY)]:
        if vars(loaded).get(name) is original:
            setattr(loaded, name, perturbed)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Seed and size of the noise, and whether each seam must be passed."""
    group = parser.getgroup("perturbation of the last bits")
    group.addoption("--perturb-seed", type=int, help="seed of the noise; without it there is none")
    group.addoption("--perturb-size", type=float, default=SIZE, help="relative size of the noise")
    group.addoption("--perturb-every-seam", action="store_true", help="fail if no test passes one of the seams")


def pytest_configure(config: pytest.Config) -> None:
    """Wrap all seams before any test module is imported."""
    seed = config.getoption("perturb_seed")
    if seed is None:
        return
    noise = Noise(seed, config.getoption("perturb_size"))
    for places in SEAMS.values():
        for place, touch in places:
            wrap(noise, place, touch)
    config.pluginmanager.register(Session(noise, config.getoption("perturb_every_seam")), "perturbed-session")


class Session:
    """Adds up the calls of all workers, shows them, and fails the session where a place was never passed."""

    def __init__(self, noise: Noise, every: bool) -> None:
        self.noise, self.every = noise, every

    def unused(self) -> list[str]:
        """Places without a call."""
        return [place for places in SEAMS.values() for place, _ in places if not self.noise.calls[place]]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker counted."""
        self.noise.calls.update(getattr(node, "workeroutput", {}).get("perturbed", {}))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand the counts to the session that started this one, or judge them."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["perturbed"] = dict(self.noise.calls)
        elif self.every and self.unused() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Calls of each seam."""
        terminalreporter.section(f"perturbed by {self.noise.size:g}, seed {self.noise.seed}")
        for seam, places in SEAMS.items():
            calls = [f"{place.rpartition(':')[2]} {self.noise.calls[place]}" for place, _ in places]
            terminalreporter.write_line(f"{seam}: {', '.join(calls)}")
        if self.every and self.unused():
            terminalreporter.write_line(f"FAILED: no call of {', '.join(self.unused())}", red=True)
