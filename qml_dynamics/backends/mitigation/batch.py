"""The programs of one job: folded copies for zero-noise extrapolation, readout calibrations, and mitigated counts made from them.

Every program of a job carries its role in its circuit metadata, which the vendor returns with the result. So a later process
can read a job with nothing but its id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypedDict, cast

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit

from ...base.errors import BackendError
from ...results.raw_counts import RawCounts
from ...results.sampling import merged_counts
from ...results.trajectory import Counts
from ..device.compile import REGISTER, Compiled
from ..midway import flagged
from ..options import DeviceOptions
from .readout import amplification, as_counts, calibrated, dense, nearest_distribution, unread
from .zne import extrapolated, folded

if TYPE_CHECKING:
    from qiskit.primitives import BitArray, PrimitiveResult

KEY = "qml_dynamics"
_Undone = tuple[np.ndarray, float, RawCounts | None]  # a quasi-distribution, the samples it is worth, and what was read


class Role(TypedDict, total=False):
    """What a circuit of a job is for, as its metadata keep it: a circuit at a noise scale, or a calibration; plain data."""

    circuit: int  # its number among those asked for
    scale: int
    shots: int
    qubits: list[int]  # the physical qubit of each bit
    readout: list[Sequence[float]]  # (p(1|0), p(0|1)) of each of them as the device reported it
    calibration: int  # the bit that it prepares


@dataclass(frozen=True, eq=False)
class Program:
    """One measured circuit of a job, and its role: a circuit at a noise scale, or a calibration."""

    circuit: QuantumCircuit
    seed: int
    role: Role = field(default_factory=Role)


def programs(
    compiled: Sequence[Compiled],
    shots: int,
    seeds: Sequence[int],
    options: DeviceOptions,
    reported: Mapping[int, tuple[float, float]],
) -> list[Program]:
    """Everything that one job runs: each circuit at each noise scale, then (if asked for) two calibration circuits."""
    out = []
    for index, (item, seed) in enumerate(zip(compiled, seeds)):
        for number, scale in enumerate(options.scales):
            role: Role = {"circuit": index, "scale": scale, "shots": shots, "qubits": list(item.qubits)}
            if options.readout_mitigation == "reported":
                role["readout"] = [list(reported[q]) for q in item.qubits]
            out.append(_program(folded(item.circuit, scale), seed if number == 0 else _seed(seed, scale), role))
    if options.readout_mitigation == "calibrated":
        used = sorted({q for item in compiled for q in item.qubits})
        for ones in (False, True):
            role = {"calibration": int(ones), "shots": shots, "qubits": used}
            out.append(_program(_calibration(compiled[0].circuit, used, ones), _seed(seeds[0], -1 - ones), role))
    return out


def reduced(outcomes: Sequence[Counts], roles: Sequence[Role], options: DeviceOptions) -> list[Counts]:
    """The counts of each circuit, readout undone and noise extrapolated where asked for.

    Mitigated counts are whole numbers too: those of the nearest distribution, for the number of samples that would have the
    same variance. So they are fewer than the shots taken. Where readout alone was undone, what was read stands beside them
    (``Counts.raw``), since their own variance is too small near certain outcomes.
    """
    if not options.mitigates:
        return list(outcomes)
    assignment = _assignment(outcomes, roles)
    for role in roles:
        _check_role(role, assignment, options)
    calibrating = min((c.shots for c, role in zip(outcomes, roles) if "calibration" in role), default=0)
    job = _number(outcomes) if calibrating else 0
    found: dict[int, dict[int, _Undone]] = {}
    for counts, role in zip(outcomes, roles):
        if "circuit" not in role:
            continue
        distribution, worth, read = dense(counts, len(role["qubits"])), float(counts.shots), None
        if options.readout_mitigation is not None:
            errors = [(one, zero) for one, zero in role.get("readout", ())] or [assignment[q] for q in role["qubits"]]
            distribution, worth = unread(distribution, errors), worth / amplification(errors) ** 2
            told = 0 if role.get("readout") else calibrating
            rates = np.array([(*pair, told, job + qubit) for pair, qubit in zip(errors, role["qubits"])], dtype=float)
            read = RawCounts(counts.index, counts.count, rates)
        found.setdefault(role["circuit"], {})[role["scale"]] = (distribution, worth, read)
    return [_one(found[index], options) for index in sorted(found)]


def _check_role(role: Role, assignment: Mapping[int, tuple[float, float]], options: DeviceOptions) -> None:
    """A job can only be read with the mitigation that it was submitted with."""
    if "calibration" in role:
        return
    unknown = options.readout_mitigation is not None and "readout" not in role
    if "circuit" not in role or (unknown and not set(role["qubits"]) <= set(assignment)):
        raise BackendError("This job was not submitted with the mitigation that it is to be read with.")


def _one(at: Mapping[int, _Undone], options: DeviceOptions) -> Counts:
    scales = sorted(at)
    distribution, worth, read = at[scales[0]]
    if len(scales) > 1:
        ps, ns, _ = zip(*(at[s] for s in scales))
        (distribution, worth), read = extrapolated(scales, ps, ns, options.zne_extrapolation), None
    return replace(as_counts(nearest_distribution(distribution), worth), raw=read)


def _assignment(outcomes: Sequence[Counts], roles: Sequence[Role]) -> dict[int, tuple[float, float]]:
    """Readout errors of the physical qubits from the calibration circuits of this job.

    Marginals are taken from the sparse counts: a calibration may measure many more qubits than any single circuit.
    """
    seen: dict[int, Counts] = {role["calibration"]: c for c, role in zip(outcomes, roles) if "calibration" in role}
    if not seen:
        return {}
    qubits = next(role["qubits"] for role in roles if "calibration" in role)
    out = {}
    for bit, qubit in enumerate(qubits):
        zeros, ones = (_marginal(seen[which], bit) for which in (0, 1))
        out[qubit] = calibrated(zeros, ones, 1)[0]
    return out


def _number(outcomes: Sequence[Counts]) -> int:
    """Of a job, from all that was counted in it: a multiple of ``2**20``, room for its qubits, below ``2**52``, so exact as a float."""
    digest = hashlib.blake2b(digest_size=4)
    for counts in outcomes:
        digest.update(np.asarray(counts.count, dtype="<i8").tobytes())
    return int.from_bytes(digest.digest(), "big") << 20


def _marginal(counts: Counts, bit: int) -> np.ndarray:
    return np.bincount((counts.index >> bit) & 1, weights=counts.count, minlength=2)


def _program(circuit: QuantumCircuit, seed: int, role: Role) -> Program:
    out = circuit.copy()
    out.metadata = {KEY: role}
    return Program(out, seed, role)


def _calibration(like: QuantumCircuit, qubits: Sequence[int], ones: bool) -> QuantumCircuit:
    out = QuantumCircuit(like.num_qubits)
    bits = ClassicalRegister(len(qubits), REGISTER)
    out.add_register(bits)
    for bit, qubit in enumerate(qubits):
        if ones:
            out.x(qubit)
        out.measure(qubit, bits[bit])
    return out


def _seed(seed: int, key: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=(key + 8,)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def read_result(result: PrimitiveResult) -> tuple[list[Counts], list[Role]]:
    """Counts and roles from a V2 sampler's result; more samples than were asked for (twirling rounds up) are cut off."""
    outcomes, roles = [], []
    for number, part in enumerate(result):
        register = getattr(part.data, REGISTER, None)
        if register is None:
            raise BackendError(
                f"The result of circuit {number} has no register {REGISTER!r}: is the job one of this library?"
            )
        metadata = dict(getattr(part, "metadata", None) or {})
        role = cast(Role, dict((metadata.get("circuit_metadata") or {}).get(KEY, {})))
        on_the_way = [bits for name, bits in part.data.items() if name != REGISTER]
        outcomes.append(_counts(register, on_the_way, role.get("shots")))
        roles.append(role)
    return outcomes, roles


def _counts(register: BitArray, on_the_way: Sequence[BitArray], shots: int | None) -> Counts:
    """Counts of a ``BitArray`` (bytes, the most significant first) as integers, and above them whether any other bit was 1."""
    if register.num_bits + bool(on_the_way) > 62:
        raise BackendError(f"Outcomes of {register.num_bits} bits do not fit into 64-bit integers.")
    data = np.asarray(register.array).reshape(-1, register.array.shape[-1])[:shots]
    values = np.zeros(len(data), dtype=np.int64)
    for column in range(data.shape[1]):
        values = (values << 8) | data[:, column]
    if not on_the_way:
        return merged_counts(values, np.ones(len(values)))
    seen = np.zeros(len(values), dtype=bool)
    for bits in on_the_way:
        seen |= np.asarray(bits.array).reshape(-1, bits.array.shape[-1])[:shots].any(axis=1)
    return flagged(values, seen, register.num_bits, np.ones(len(values)))
