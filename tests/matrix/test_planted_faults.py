"""Faults planted into methods of strangers: each is caught, and the sentence names its kind and its cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from strangers import Cayley, LieCircuits, SmallSteps

import qml_dynamics as qd
from qml_dynamics.base import codec
from qml_dynamics.conformance.cells import standard_problem
from qml_dynamics.methods.base import Answer, Facts, Job, Work, space_of


@dataclass(frozen=True)
class WrongOrder(Cayley):
    """It says four, and is of order two."""

    def facts(self) -> Facts:
        return replace(super().facts(), order=4.0)


@dataclass(frozen=True)
class WrongSignOnWalls(Cayley):
    """Time runs backwards between walls."""

    def run(self, job: Job) -> Answer:
        if space_of(job.problem) != "walls":
            return super().run(job)
        return super().run(replace(job, problem=job.problem.replace(diffusion=0.2, strength=-1.1)))


@dataclass(frozen=True)
class WrongTime(Cayley):
    """``exp(+i H t)``."""

    def run(self, job: Job) -> Answer:
        h = job.problem.operator
        return super().run(replace(job, problem=job.problem.replace(operator=replace(h, coefficients=-h.coefficients))))


@dataclass(frozen=True)
class ForgetsSaves(LieCircuits):
    """Its work is that of one saved time."""

    def work(self, job: Job) -> Work:
        work = super().work(job)
        return replace(work, circuits=work.circuits // len(job.saves), shots=work.shots // len(job.saves))


@dataclass(frozen=True)
class OtherCircuits(LieCircuits):
    """It lists the circuits of the parts in the other order."""

    def circuits(self, job: Job) -> Any:
        return LieCircuits(self.steps, reverse=True).circuits(job)

    def run(self, job: Job) -> Answer:
        return LieCircuits(self.steps).run(job)


@dataclass(frozen=True)
class ForgetsGates(LieCircuits):
    """Its work is that of half the steps."""

    def work(self, job: Job) -> Work:
        return LieCircuits(self.steps // 2).work(job)


@dataclass(frozen=True)
class NotNormalised(Cayley):
    """One per cent too much."""

    def run(self, job: Job) -> Answer:
        answer = super().run(job)
        return replace(answer, density=1.01 * answer.density)


@dataclass(frozen=True)
class IgnoresSeed(Cayley):
    """Every run has the seed 1."""

    def run(self, job: Job) -> Answer:
        return super().run(replace(job, seeds=np.random.SeedSequence(1)))


@dataclass(frozen=True)
class RawRefusal(Cayley):
    """An error of a dictionary where the facts exclude a cell."""

    def facts(self) -> Facts:
        return replace(super().facts(), spaces=frozenset({"periodic"}))

    def check(self, problem: Any, backend: Any) -> None:
        {"periodic": 1}[space_of(problem)]


@dataclass(frozen=True)
class LateRefusal(Cayley):
    """It makes a wave before it refuses."""

    def facts(self) -> Facts:
        return replace(super().facts(), spaces=frozenset({"periodic"}))

    def check(self, problem: Any, backend: Any) -> None:
        problem.initial.vector(problem.domain)
        super().check(problem, backend)


@dataclass(frozen=True)
class NoRefusal(Cayley):
    """It runs where its facts exclude it."""

    def facts(self) -> Facts:
        return replace(super().facts(), spaces=frozenset({"periodic"}))

    def check(self, problem: Any, backend: Any) -> None:
        return None


@dataclass(frozen=True)
class WrongNorm(SmallSteps):
    """Half of the norm's logarithm."""

    def run(self, job: Job) -> Answer:
        answer = super().run(job)
        return replace(answer, log_norm=0.5 * answer.log_norm)


@dataclass(frozen=True)
class ExchangedRegisters(Cayley):
    """The wave is read as if axis 1 came first, which shows where the registers have different widths."""

    def run(self, job: Job) -> Answer:
        answer, shape = super().run(job), job.problem.domain.shape
        assert answer.states is not None
        rows = answer.states.reshape(-1, *shape[::-1]).transpose(0, *range(len(shape), 0, -1))
        return replace(answer, states=rows, density=np.abs(rows) ** 2)


@dataclass(frozen=True)
class NoErrors(Cayley):
    """Samples without standard errors."""

    def run(self, job: Job) -> Answer:
        answer = super().run(job)
        if job.shots is None:
            return answer
        bare = {name: replace(e, stderr=0.0 * np.asarray(e.value)) for name, e in answer.expectations.items()}
        return replace(answer, expectations=bare)


@dataclass(frozen=True)
class RoundsTimes(Cayley):
    """It answers at the ends of steps instead of the saved times."""

    def run(self, job: Job) -> Answer:
        step = job.problem.duration / self.steps
        return super().run(replace(job, saves=np.unique(np.round(job.saves / step) * step)))


@dataclass(frozen=True)
class RefinesNothing(Cayley):
    """Its finer form has the same step."""

    def refined(self) -> Cayley:
        return self


@dataclass(frozen=True)
class WrongLossOnWalls(Cayley):
    """The loss has the other sign between walls."""

    def run(self, job: Job) -> Answer:
        strength = -1.1 if space_of(job.problem) == "walls" else 1.1
        return super().run(replace(job, problem=job.problem.replace(diffusion=0.2, strength=strength)))


@dataclass(frozen=True)
class RefusesByAssert(Cayley):
    """An assertion of its own in the place of a refusal."""

    def check(self, problem: Any, backend: Any) -> None:
        assert problem.clock == "real", "the clock"


@dataclass(frozen=True)
class NoFacts(Cayley):
    """Facts that are none."""

    def facts(self) -> Facts:
        return Facts(frozenset({"imag"}), frozenset({"walls"}), "classical", 2.0)  # type: ignore[arg-type]


STILL = standard_problem("walls", "real", moving=False)
FAULTS = [
    (
        WrongOrder(8),
        "evolve",
        "flux",
        "real",
        r"^on flux, real clock: the wave converges with order [12]\.\d+ where 4 is declared\.$",
    ),
    (
        WrongSignOnWalls(8),
        "evolve",
        "walls",
        "real",
        r"^on walls, real clock: the wave differs from the dense propagator by 0\.\d+ where ",
    ),
    (
        WrongTime(8),
        "evolve",
        "operator",
        "real",
        "^on an operator, real clock: the wave differs .* time running backwards, so a sign is wrong",
    ),
    (
        ForgetsSaves(4),
        "cost",
        "hypercube",
        "real",
        r"^on a hypercube, real clock: cost says 2 circuits, 6 were sent\.$",
    ),
    (
        ForgetsGates(4),
        "cost",
        "hypercube",
        "real",
        r"^on a hypercube, real clock: cost says \d+ two-qubit gates, \d+ were sent\.$",
    ),
    (
        OtherCircuits(4),
        "circuits",
        "hypercube",
        "real",
        "^on a hypercube, real clock: the circuits differ from the run: their wave",
    ),
    (
        NotNormalised(8),
        "evolve",
        "periodic",
        "real",
        "^on a periodic grid, real clock: the answer of `evolve` is none: .* the density has sum 1.01 instead of 1",
    ),
    (
        IgnoresSeed(8),
        "shots",
        "walls",
        "real",
        "^on walls, real clock: the seed is ignored: seeds 0 and 1 give the same samples",
    ),
    (
        RawRefusal(8),
        "evolve",
        "walls",
        "real",
        "^on walls, real clock: `evolve` is refused by a raw KeyError .* instead of one sentence",
    ),
    (
        LateRefusal(8),
        "evolve",
        "walls",
        "real",
        r"^on walls, real clock: a refusal takes \d+ MiB on 22 qubits: it must come before a wave",
    ),
    (
        NoRefusal(8),
        "evolve",
        "walls",
        "real",
        "^on walls, real clock: `evolve` must be refused, since the facts exclude this cell, but runs",
    ),
    (
        WrongNorm(64),
        "evolve",
        "walls",
        "imaginary",
        "^on walls, imaginary clock: log_norm differs from the dense propagator .* is wrong",
    ),
    (
        ExchangedRegisters(8),
        "evolve",
        "periodic",
        "real",
        "^on a periodic grid, real clock: the wave differs .* the order of its bits is wrong",
    ),
    (
        NoErrors(8),
        "shots",
        "flux",
        "real",
        "^on flux, real clock: with shots, the standard error of 'energy' is 0 at the end",
    ),
    (
        RefinesNothing(8),
        "evolve",
        "walls",
        "real",
        r"^on walls, real clock: `refined` leaves the answer as it is .* must halve the step of RefinesNothing\(steps=8",
    ),
    (
        RefusesByAssert(8),
        "evolve",
        "walls",
        "imaginary",
        r"^on walls, imaginary clock: `evolve` is refused by a raw AssertionError \(the clock.*\) instead of one sentence",
    ),
    (NoFacts(8), "evolve", "walls", "real", "^`facts` ends with MethodError: Argument `clocks` must be some of real, "),
    (RoundsTimes(8), "evolve", "flux", "real", r"^on flux, real clock: the saved times are \[.*\], not \[.*\]\.$"),
]


@pytest.mark.parametrize(
    ("method", "verb", "space", "clock", "sentence"), FAULTS, ids=[type(f[0]).__name__ for f in FAULTS]
)
def test_a_planted_fault_is_named(method: Any, verb: str, space: Any, clock: Any, sentence: str) -> None:
    """Kind and cell in one sentence; the method without it passes, as the tests of the strangers show."""
    with pytest.raises(AssertionError, match=sentence) as caught:
        qd.assert_valid_method(method, problems=[standard_problem(space, clock)], verbs=[verb])
    assert "\n" not in str(caught.value)


def test_the_sentence_says_which_sign_is_wrong() -> None:
    """That of the loss, between walls only."""
    with pytest.raises(
        AssertionError, match=r"^on walls, real clock: the wave .* with the loss of the other sign, so a sign"
    ):
        qd.assert_valid_method(WrongLossOnWalls(8), problems=[STILL], verbs=["evolve"])


def test_a_check_that_fails_names_its_verb(offered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be read again, whatever its reader raises."""
    made = codec.method_class
    monkeypatch.setattr(codec, "method_class", lambda kind: made("trotter" if kind == "cayley" else kind))
    with pytest.raises(AssertionError, match=r"^on walls, real clock: `files` ends with MethodError: .*damping"):
        qd.assert_valid_method(Cayley(8, 0.5), problems=[standard_problem("walls", "real")], verbs=["files"])


def test_a_sign_that_is_wrong_on_walls_only_is_found_there_only() -> None:
    """The same method passes on a periodic grid."""
    report = qd.assert_valid_method(
        WrongSignOnWalls(8), problems=[standard_problem("periodic", "real")], verbs=["evolve", "shots"]
    )
    assert len(report.ran) == 1
    with pytest.raises(AssertionError, match=r"^on walls, real clock"):
        qd.assert_valid_method(WrongSignOnWalls(8), problems=[standard_problem("walls", "real")], verbs=["evolve"])


def test_an_option_that_a_file_loses(offered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, with what it was and what it is."""
    written: Callable[..., dict[str, Any]] = codec._options
    monkeypatch.setattr(codec, "_options", lambda *given: {k: v for k, v in written(*given).items() if k != "damping"})
    for verb, where in (("files", "a saved trajectory"), ("problem_file", "problem.toml")):
        with pytest.raises(AssertionError, match=f"{where}: option `damping` is 0.5 before and 0.0 after"):
            qd.assert_valid_method(Cayley(8, 0.5), problems=[standard_problem("walls", "real")], verbs=[verb])


def test_an_error_that_is_rounding_says_nothing_of_the_order() -> None:
    """A method whose error cannot be seen is sent back for fewer steps."""
    still = standard_problem("hypercube", "real", moving=False).replace(strength=0.0, initial=qd.Uniform())
    with pytest.raises(AssertionError, match="which is rounding: its order cannot be measured, take fewer steps"):
        qd.assert_valid_method(Cayley(2), problems=[still], verbs=["evolve"])


def test_what_is_no_method() -> None:
    """A class, and an object without the members."""
    for given in (Cayley, 4):
        with pytest.raises(AssertionError, match="has not all members of a method"):
            qd.assert_valid_method(given)
