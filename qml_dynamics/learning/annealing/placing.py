"""Values of the diffusion between two ends: by the schedule, or by equal integrals of std(-L) / gap^2 or std(-L) / std(s zeta)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...methods.evolution import evolve
from ...model.hamiltonian import LearningHamiltonian
from ...model.problem import Problem
from .engine import Annealing
from .spectrum import Spectrum
from .stages import equidistributed, held, stage_times, staged

_PROBES = 33


def placed(
    p: Problem, h: LearningHamiltonian, record: Annealing, ends: np.ndarray
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Diffusion and strength of every stage."""
    schedules = (p.diffusion, p.strength)
    plain: Any = tuple(staged(schedule, record.stages, p.duration) for schedule in schedules)
    if record.adapt is None:
        return plain
    spectrum = Spectrum(h)
    if record.adapt == "gap":
        t = stage_times(_PROBES, p.duration)
        d, s = (np.array(staged(schedule, _PROBES, p.duration)) for schedule in schedules)
        density = np.array([_local_adiabaticity(spectrum, *pair, 1.0 / p.duration) for pair in zip(d, s)])
    else:
        pilot = evolve(held(p, *plain), replace(record, method=None), save=ends, progress=False)
        assert pilot.states is not None
        t, d = stage_times(record.stages, p.duration), np.array(plain[0])
        density = np.array([_two_spreads(spectrum, psi, s) for psi, s in zip(pilot.states[1:], plain[1])])
    values = equidistributed(d, density, record.stages)
    when = np.interp(-values, -d, t)
    return tuple(values.tolist()), tuple(p.strength.value(float(x), p.duration) for x in when)


def _local_adiabaticity(spectrum: Spectrum, d: float, s: float, floor: float) -> float:
    energies, waves = spectrum.lowest(d, s)
    return spectrum.kinetic_spread(waves[0]) / max(float(energies[1] - energies[0]), floor) ** 2


def _two_spreads(spectrum: Spectrum, psi: np.ndarray, s: float) -> float:
    """``std(-L) / std(s zeta)``: in a harmonic well the denominator is the gap over ``2 sqrt(2)``."""
    law = np.abs(psi) ** 2
    zeta = s * spectrum.h.zeta
    spread = float(np.sqrt(max(0.0, float((law * zeta**2).sum() - (law * zeta).sum() ** 2))))
    return spectrum.kinetic_spread(psi) / max(spread, 1e-12)
