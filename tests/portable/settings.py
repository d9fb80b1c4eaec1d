"""Settings of the environment under which one machine rounds like others: which there are, and which of them take effect here."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
X86 = platform.machine().lower() in ("x86_64", "amd64")
KERNELS = ("Cooperlake", "SkylakeX", "Haswell", "Zen", "Sandybridge", "Nehalem", "Prescott")
LEAST = 4  # settings with different digests: below that nothing is proved
_OURS = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "GLIBC_TUNABLES")


@dataclass(frozen=True)
class Setting:
    """Environment variables, and whether the same digests as those of an earlier setting make it superfluous."""

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    kind: str = "native"

    def environment(self) -> dict[str, str]:
        """The environment of a child: one BLAS thread, and nothing that is left of the caller's own settings."""
        base = {k: v for k, v in os.environ.items() if k not in _OURS}
        path = os.pathsep.join(filter(None, [str(ROOT), base.get("PYTHONPATH", "")]))
        return {**base, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **self.variables}


NATIVE = Setting("native")


@dataclass(frozen=True)
class Probed:
    """A setting, what a child found under it, and why it is not run (empty if it is)."""

    setting: Setting
    facts: Mapping[str, Any]
    reason: str = ""


def probe(setting: Setting) -> Probed:
    """Ask a child what it computes under a setting."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.portable.probe"],
        cwd=ROOT,
        env=setting.environment(),
        capture_output=True,
        text=True,
    )
    if child.returncode:
        how = f"signal {-child.returncode}" if child.returncode < 0 else f"exit status {child.returncode}"
        last = (child.stderr.strip().splitlines() or [""])[-1]
        return Probed(setting, {}, f"the processor lacks it: {how} {last}".rstrip())
    return Probed(setting, json.loads(child.stdout))


def candidates(groups: Iterable[str]) -> list[Setting]:
    """All settings but the native one; ``groups`` are NumPy's groups of instructions in use, the highest first."""
    names = list(groups)
    without = [" ".join(names[: i + 1]) for i in range(len(names))]
    threads = Setting("two BLAS threads", {"OPENBLAS_NUM_THREADS": "2"}, "threads")
    if not X86:
        return [threads]
    return [
        *(Setting(f"BLAS kernel {k}", {"OPENBLAS_CORETYPE": k}, "kernel") for k in KERNELS),
        *(Setting(f"NumPy without {w}", {"NPY_DISABLE_CPU_FEATURES": w}, "numpy") for w in without),
        Setting("C library without FMA", {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2"}, "libm"),
        threads,
    ]


def judge(probed: Iterable[Probed]) -> list[Probed]:
    """Name the reason for every setting that would only repeat an earlier one; the native one comes first."""
    out: list[Probed] = []
    for one in probed:
        ran = [p for p in out if not p.reason]
        out.append(one if one.reason else Probed(one.setting, one.facts, _repeats(one, ran)))
    return out


def _repeats(one: Probed, ran: list[Probed]) -> str:
    kind, facts = one.setting.kind, one.facts
    if kind == "kernel":
        same = [p.setting.name for p in ran if p.facts["kernels"] == facts["kernels"]]
        return (
            f"OpenBLAS runs {', '.join(facts['kernels']) or 'no kernel of its own'}, as in {same[0]!r}" if same else ""
        )
    if kind == "threads":
        return "" if facts["threads"] == [2] else f"BLAS runs {facts['threads'] or 'an unknown number of'} threads"
    same = [p.setting.name for p in ran if p.facts["digests"] == facts["digests"]]
    return f"it rounds as in {same[0]!r}" if same else ""


def survey() -> list[Probed]:
    """Every setting, asked on this machine."""
    native = probe(NATIVE)
    if native.reason:
        raise SystemExit(f"The probe fails under the native setting: {native.reason}")
    return judge([native, *map(probe, candidates(native.facts["groups"]))])


def distinct(probed: Iterable[Probed]) -> int:
    """How many different digests the settings give."""
    return len({json.dumps(p.facts["digests"], sort_keys=True) for p in probed if p.facts})


def other_processor(probed: Iterable[Probed]) -> Setting | None:
    """A processor unlike this one: the first kernel with other digests, and NumPy without the instructions that matter."""
    native, *others = probed
    chosen: dict[str, Setting] = {}
    for one in others:
        if not one.reason and one.facts["digests"] != native.facts["digests"]:
            chosen.setdefault(one.setting.kind, one.setting)
    parts = [chosen[kind] for kind in ("kernel", "numpy") if kind in chosen]
    if not parts:
        return None
    variables = {k: v for part in parts for k, v in part.variables.items()}
    return Setting(", ".join(part.name for part in parts), variables, "kernel")
