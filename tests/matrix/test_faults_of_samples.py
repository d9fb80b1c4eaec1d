"""Faults that show with shots alone, and options inside tables: each is caught by the contract of a method, and named."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest
from strangers import Cayley, LieCircuits, Optioned, SmallSteps

import qml_dynamics as qd
from qml_dynamics.conformance.cells import standard_problem
from qml_dynamics.methods.base import Answer, Job, Stream, circuit_seed


@dataclass(frozen=True)
class HalfTheNorm(SmallSteps):
    """Half of the norm's logarithm, but only with shots."""

    def run(self, job: Job) -> Answer:
        answer = super().run(job)
        return answer if job.shots is None else replace(answer, log_norm=0.5 * answer.log_norm)


@dataclass(frozen=True)
class OldMeans(Cayley):
    """Its samples follow the seed, its expectation values those of the seed 5."""

    def run(self, job: Job) -> Answer:
        answer = super().run(job)
        other = super().run(replace(job, seeds=np.random.SeedSequence(5)))
        return replace(answer, expectations=other.expectations)


class OneForAll(Job):
    """A job whose circuits all have the seed of the first."""

    def seed(self, *key: int) -> int:
        return circuit_seed(self.entropy, Stream.WEIGHT, 0)


@dataclass(frozen=True)
class OneSeed(LieCircuits):
    """It gives all its circuits one seed, so that the samples of both bases and of all times go together."""

    def run(self, job: Job) -> Answer:
        return super().run(OneForAll(**{f.name: getattr(job, f.name) for f in fields(job)}))


FAULTS: list[tuple[Any, Any, Any, str]] = [
    (
        HalfTheNorm(64),
        "walls",
        "imaginary",
        r"^on walls, imaginary clock: with shots, log_norm is off by its errors and 0\.\d+ more, so the logarithm of the norm is wrong\.$",
    ),
    (
        OldMeans(8),
        "flux",
        "real",
        "^on flux, real clock: the seed is ignored: seeds 0 and 1 give the same expectation of '",
    ),
    (
        OneSeed(4),
        "hypercube",
        "real",
        "^on a hypercube, real clock: 5 circuits are given the seed of another one, so that their samples go together",
    ),
]


@pytest.mark.parametrize(("method", "space", "clock", "sentence"), FAULTS, ids=[type(f[0]).__name__ for f in FAULTS])
def test_a_fault_of_the_samples_is_named(method: Any, space: Any, clock: Any, sentence: str) -> None:
    """Without shots the same method passes."""
    cell = [standard_problem(space, clock)]
    assert qd.assert_valid_method(method, problems=cell, verbs=["evolve"]).ran
    with pytest.raises(AssertionError, match=sentence):
        qd.assert_valid_method(method, problems=cell, verbs=["shots"])


def test_sequences_inside_tables_are_no_lost_option(offered: Any) -> None:
    """A file gives a list back as a tuple, in a table of options as beside it."""
    given = Optioned(8, limit={"rates": [0.25, 0.5], "names": ("a", "b")}, pair=(1, 2))
    report = qd.assert_valid_method(given, problems=[standard_problem("flux", "real")], verbs=["files", "problem_file"])
    assert report.ran == ("on flux, real clock",)
    assert not report.refused


def test_a_stranger_is_found_by_the_name_of_its_class(offered: Any) -> None:
    """As the built-in ones are: without underscores, in any case."""
    from qml_dynamics.base.registry import method_class

    assert method_class("LieCircuits") is method_class("lie-circuits") is LieCircuits
    with pytest.raises(qd.MethodError, match="Did you mean 'lie_circuits'"):
        method_class("LieCircuit")
