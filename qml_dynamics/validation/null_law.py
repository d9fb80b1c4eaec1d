"""The joint null distribution of all statistics of a comparison, by simulation, and the p-value of what was seen.

Every look is made standard by mean, deviation and skewness of its simulated values (Wilson and Hilferty, PNAS 17, 684, 1931), and
the largest of them is the test: its rank among simulated largest ones is an exact p-value (Barnard 1963), whatever the correlations
of the looks, so that the number of looks costs what it must and no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from ..base.tails import chi_square_sf, normal_isf
from .draws import DRAWS, ROOT, Setting, setting_of, simulated
from .readings import Reading

_POWER = 1.645  # the normal quantile of 0.95
_PAIRS = (
    ("shift", "momentum", "a displacement"),
    ("width", "chirp", "a squeezing"),
)  # one is the other a quarter of a turn later
_JOINED = {  # directions that any rotation of the axes mixes
    "shift": "a shift",
    "momentum": "a momentum",
    "width": "a change of width",
    "bumps": "a change of width of all bumps",
    "widths": "a change of width of each well",
}
_MOST_AXES = 4
_ROUNDING = 1e-13  # of the largest value of a look: by less its mean moves in no run, but for rounding


@dataclass(frozen=True, eq=False)
class Tested:
    """What the looks say together.

    Attributes:
        p_value: probability of as large a largest look where the runs agree.
        looks: how many there were.
        largest: the name of the largest, in words.
        size: of it, in standard deviations of the law where the runs agree.
        detectable: by what, in its own units, a reading must differ to be told apart in 95 of 100 runs.
    """

    p_value: float
    looks: int
    largest: str
    size: float
    detectable: dict[str, float]


@dataclass(frozen=True, eq=False)
class _Scale:
    """How numbers become sizes of normal ones: by mean, deviation and skewness of simulated ones, shape ``(k,)`` each."""

    mean: np.ndarray
    spread: np.ndarray
    skew: np.ndarray
    two_sided: np.ndarray

    @classmethod
    def of(cls, null: np.ndarray, two_sided: np.ndarray, most: np.ndarray | float = 1.0) -> _Scale:
        """The scale of simulated sizes, shape ``(runs, k)``, of numbers whose terms are at most ``most``."""
        mean, spread = null.mean(axis=0), null.std(axis=0)
        still = spread <= np.maximum(1e-12 * np.abs(null).max(axis=0), np.maximum(_ROUNDING * most, 1e-300))
        spread = np.where(still, 0.0, spread)
        z = (null - mean) / np.where(still, np.inf, spread)
        return cls(mean, spread, (z**3).mean(axis=0), two_sided)

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """Of values ``(rows, k)``; 0 of those that never move."""
        z = _normal((values - self.mean) / np.where(self.spread > 0, self.spread, np.inf), self.skew)
        return np.where(self.two_sided, np.abs(z), z)


def _normal(z: np.ndarray, skew: np.ndarray) -> np.ndarray:
    """Standard numbers of that skewness as normal ones, by the cube root; small skewness is left alone."""
    g = np.where(np.abs(skew) < 1e-3, 1e-3, skew)
    inside = np.maximum(0.5 * g * z + 1, 0.0)
    return np.where(np.abs(skew) < 1e-3, z, 6 / g * (np.cbrt(inside) - 1) + g / 6)


@dataclass(frozen=True)
class Energy:
    """The gap of the energies: so much of the loss, and so much of the kinetic part."""

    loss: float
    kinetic: float


class Law:
    """The sizes of all looks, and the largest of them in simulated runs that agree.

    Args:
        settings: what is measured in each basis; at least one is sampled.
        energy: None where a basis is missing, or the energies come from elsewhere.
        beside: names of numbers of standard errors that come from elsewhere, normal where the runs agree.
    """

    def __init__(self, settings: tuple[Setting, ...], energy: Energy | None, beside: tuple[str, ...]) -> None:
        self.settings, self.energy = settings, energy
        null = [simulated(setting) for setting in settings]
        self._singles = [_Scale.of(*self._single(s, m), _largest(s)) for s, m in zip(settings, null)]
        self._sums = self._shared()
        mixed = self._mixed(null)
        self._mixture = _Scale.of(mixed, np.ones(mixed.shape[1], dtype=bool))
        self._pairs = self._paired(mixed)
        self._joins = _joins(settings, self._singles)
        both = self._together(null)
        self._both = _Scale.of(both, np.zeros(both.shape[1], dtype=bool))
        self.names = [*self._names(), *beside]
        drawn = np.random.default_rng(ROOT).standard_normal((DRAWS, len(beside)))
        self.most = np.sort(self.sizes(null, drawn).max(axis=1))

    def sizes(self, measured: Sequence[np.ndarray], beside: np.ndarray) -> np.ndarray:
        """Of all looks, shape ``(rows, looks)``, from what was measured in each basis and the numbers of standard errors beside."""
        out = [scale.sizes(self._single(s, m)[0]) for scale, s, m in zip(self._singles, self.settings, measured)]
        out += [m[:, m.shape[1] - len(s.rare) :] for s, m in zip(self.settings, measured)]
        mixed = self._mixed(measured)
        out.append(self._mixture.sizes(mixed))
        out += [
            _from_chi_square(_squares(mixed[:, columns], inverse), len(columns))[:, None]
            for _, columns, inverse in self._pairs
        ]
        for _, members in self._joins:
            total = sum(np.square(measured[b][:, k] / self._singles[b].spread[k]) for b, k in members)
            out.append(_from_chi_square(np.asarray(total), len(members))[:, None])
        out.append(self._both.sizes(self._together(measured)))
        return np.concatenate([*out, np.abs(beside)], axis=1)

    def p_values(self, largest: np.ndarray) -> np.ndarray:
        """Ranks of largest sizes among the simulated ones."""
        return np.asarray((1 + len(self.most) - np.searchsorted(self.most, largest)) / (DRAWS + 1))

    @cached_property
    def _where(self) -> list[dict[str, int]]:
        """Columns of the parts of each basis."""
        return [{name: len(s.looks) + k for k, name in enumerate(s.parts)} for s in self.settings]

    @staticmethod
    def _single(setting: Setting, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Looks and total variations of one basis, and which have two sides."""
        looks, levels = len(setting.looks), len(setting.levels)
        start = looks + len(setting.parts)
        values = np.concatenate([measured[:, :looks], measured[:, start : start + levels]], axis=1)
        return values, np.arange(looks + levels) < looks

    def _shared(self) -> list[str]:
        """Directions whose parts in both bases are added."""
        if len(self.settings) < 2 or not all(s.effective for s in self.settings):
            return []
        weights, momenta = self._where
        return [n for n in self.settings[0].reading.tangents if (n in weights or n in momenta) and self._enough(n)]

    @cached_property
    def _cells(self) -> set[str]:
        """Cells with enough samples to be looks."""
        return {look.name for look in self.settings[0].looks if look.kind == "cell"}

    def _enough(self, name: str) -> bool:
        return not name.startswith("cell") or f"the weight of weight {name}" in self._cells

    def _mixed(self, measured: Sequence[np.ndarray]) -> np.ndarray:
        """Log-likelihood ratios of the directions, to first order, and the energy: ``(rows, k)``."""
        rows = len(measured[0])
        out = []
        for name in self._sums:
            total = np.zeros(rows)
            for setting, where, values in zip(self.settings, self._where, measured):
                if name in where:
                    total = total + setting.effective * values[:, where[name]]
            out.append(total)
        if self.energy is not None:
            loss, kinetic = (
                m[:, [x.name for x in s.looks].index(name)] for s, m, name in zip(self.settings, measured, _PARTS)
            )
            out.append(self.energy.loss * loss + self.energy.kinetic * kinetic)
        return np.stack(out, axis=1) if out else np.zeros((rows, 0))

    def _paired(self, mixed: np.ndarray) -> list[tuple[str, list[int], np.ndarray]]:
        """Names, columns and inverse covariances of directions that turn into one another, or that any rotation of the axes mixes."""
        out = []
        for words, names in _groups(self._sums):
            columns = [self._sums.index(name) for name in names]
            out.append((words, columns, np.linalg.pinv(np.cov(mixed[:, columns].T))))
        return out

    def _together(self, measured: Sequence[np.ndarray]) -> np.ndarray:
        """The root of the sum of the squares of the largest look at each basis: for what shows itself by halves in both."""
        if len(self.settings) < 2:
            return np.zeros((len(measured[0]), 0))
        each = [scale.sizes(self._single(s, m)[0]) for scale, s, m in zip(self._singles, self.settings, measured)]
        return np.asarray(np.sqrt(np.square([sizes.max(axis=1) for sizes in each]).sum(axis=0)))[:, None]

    def _names(self) -> list[str]:
        out = []
        for s in self.settings:
            out += [look.name for look in s.looks]
            out += [f"the total variation of {s.reading.basis} on {count} cells" for count in s.levels]
        for s in self.settings:
            out += [f"samples of {s.reading.basis} where none should be"] * len(s.rare)
        out += [f"the likelihood ratio of {_in_words(name)}" for name in self._sums]
        out += ["the energy"] * (self.energy is not None) + [name for name, _, _ in self._pairs]
        out += [f"{name}, all together" for name, _ in self._joins]
        return out + ["weights and momenta together"] * (len(self.settings) > 1)

    def detectable(self, rate: float) -> dict[str, float]:
        """By what each kind of reading must differ to be told apart in 95 of 100 runs."""
        reach = float(self.most[int(np.ceil((1 - rate) * (DRAWS + 1))) - 1]) + _POWER
        out: dict[str, float] = {}
        for setting, scale in zip(self.settings, self._singles):
            out.update(_detectable(setting, scale, reach))
        if self.energy is not None:
            out["energy"] = reach * float(self._mixture.spread[-1])
        elif "the energy" in self.names:
            out["energy"] = reach
        return out


_PARTS = ("the loss", "the kinetic part")


def _largest(setting: Setting) -> np.ndarray:
    """The largest values of the looks of a basis, and 1 of each total variation."""
    looks = np.abs(setting.functions[: len(setting.looks)]).max(axis=1) if setting.looks else np.zeros(0)
    return np.concatenate([looks, np.ones(len(setting.levels))])


def _groups(names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Directions that are tested as one: a shift and a momentum along an axis, the shifts along all axes, the weights of all wells."""
    known = set(names)
    for name in names:
        kind, _, axis = name.partition(" ")
        for first, second, words in _PAIRS:
            if kind == first and f"{second} {axis}" in known:
                yield f"{words} along axis {axis}", [name, f"{second} {axis}"]
    for end in ("", " of the start"):
        for kind, words in _JOINED.items():
            along = [n for k in range(_MOST_AXES) if (n := f"{kind} {k + 1}{end}") in known]
            if len(along) > 1:
                yield f"{words} along any direction{end}", along
        wells = [n for n in names if n.startswith("well ") and " of " in n and n.endswith(" of the start") == bool(end)]
        wells = [n for n in wells if " along " not in n]
        if len(wells) > 1:
            yield f"the weights of the wells{end}", wells


def _in_words(name: str) -> str:
    kind, _, rest = name.partition(" ")
    known = {"shift": "a shift", "momentum": "a momentum", "width": "a change of width", "chirp": "a chirp"}
    known["envelope"] = "an envelope"
    known["bumps"] = "a change of width of all bumps"
    known["widths"] = "a change of width of each well"
    where = rest.replace("all", "all axes", 1) if rest.startswith("all") else f"axis {rest}"
    return f"{known[kind]} along {where}" if kind in known else f"the weight of {name}"


def test(
    readings: Sequence[Reading], energy: tuple[float, float] | None, beside: dict[str, float], rate: float
) -> Tested:
    """All looks at all readings, and numbers of standard errors that come from elsewhere.

    Args:
        readings: the bases in which both runs are known; at least one is sampled.
        energy: how much of the loss and of the kinetic part is in the energy; None where a basis is missing.
        beside: gaps in standard errors, normal where the runs agree and taken as independent of the samples.
        rate: of false alarms.
    """
    settings = tuple(setting_of(reading) for reading in readings)
    law = law_of(settings, None if energy is None else Energy(*energy), tuple(beside))
    given = np.array([list(beside.values())]).reshape(1, len(beside))
    seen = law.sizes([s.measured(s.gap()) for s in settings], given)[0]
    k = int(np.argmax(seen))
    p_value = float(law.p_values(seen[k]))
    return Tested(p_value, len(seen), law.names[k], float(seen[k]), law.detectable(rate))


@lru_cache(maxsize=8)
def law_of(settings: tuple[Setting, ...], energy: Energy | None, beside: tuple[str, ...]) -> Law:
    """The law of all looks; kept for the next comparison."""
    return Law(settings, energy, beside)


def _detectable(setting: Setting, scale: _Scale, reach: float) -> dict[str, float]:
    out: dict[str, float] = {}
    reading, looks = setting.reading, setting.looks
    law = reading.law.reshape(-1)
    for look, sd in zip(looks, scale.spread):
        if look.kind == "spread":  # of the variance: by what the standard deviation must differ
            sd = sd / (2 * max(np.sqrt(law @ look.values), 1e-300))
        if look.kind:
            name = {"mean": f"mean {reading.basis}", "spread": f"spread of {reading.basis}"}.get(look.kind, "cell")
            name = f"weight of a {reading.basis} cell" if name == "cell" else name
            out[name] = max(out.get(name, 0.0), float(reach * sd))
    k = len(looks)  # the mean of the observed distance is at least the true one
    out[f"total variation of {reading.basis}"] = float(scale.mean[k] + reach * scale.spread[k])
    return out


def _joins(settings: Sequence[Setting], scales: Sequence[_Scale]) -> list[tuple[str, list[tuple[int, int]]]]:
    """Names of sums of squares of looks that one cause moves together, with basis and column of each of them."""
    found: dict[str, list[tuple[int, int]]] = {}
    for basis, (setting, scale) in enumerate(zip(settings, scales)):
        for k, look in enumerate(setting.looks):
            for name in look.joins if scale.spread[k] > 0 else ():
                found.setdefault(name, []).append((basis, k))
    return [(name, members) for name, members in found.items() if len(members) > 1]


def _squares(values: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("ri,ij,rj->r", values, inverse, values))


def _from_chi_square(total: np.ndarray, count: int) -> np.ndarray:
    """The size of a normal number that is as rare as this sum of that many squares."""
    return normal_isf(np.clip(0.5 * chi_square_sf(total, count), 1e-300, 0.5))
