"""What tests share of methods of other packages: they have the members of the contract, and no class of ours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import qml_dynamics as qd


@dataclass(frozen=True)
class OfAStranger:
    """A post-selected method of another package: no class of ours, with the members of one."""

    inner: qd.ProbabilisticITE = qd.ProbabilisticITE(1.0, 3, block="exact")
    floor: float = 1e-4

    name: ClassVar[str] = "of_a_stranger"

    def facts(self) -> Any:
        return self.inner.facts()

    def check(self, problem: Any, backend: Any) -> None:
        self.inner.check(problem, backend)

    def run(self, job: Any) -> Any:
        return self.inner.run(job)

    def circuits(self, job: Any) -> Any:
        return self.inner.circuits(job)

    def work(self, job: Any) -> Any:
        return self.inner.work(job)

    def refined(self) -> Any:
        return replace(self, inner=self.inner.refined())

    def without_encoding(self) -> Any:
        return self

    def forecast(self, problem: Any, h: Any, times: Any) -> Any:
        return self.inner.forecast(problem, h, times)

    def step(self, problem: Any, h: Any, backend: Any) -> Any:
        return self.inner.step(problem, h, backend)

    def ancillas(self, blocks: int) -> int:
        return self.inner.ancillas(blocks)

    def without_floor(self) -> Any:
        return replace(self, floor=0.0)
