"""IBM's local mode: the client's own primitives on a simulation of the device. One call a circuit, each with its own seed.

Local mode takes one seed a call, and would draw all circuits of a call with the same random numbers.

A module of its own beside `device`: the local simulation of a fake device, where no service takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...results.trajectory import Counts
from ..base import Expected
from ..device.compile import active_qubits
from ..estimator.estimates import on_used_qubits, read_estimates
from ..failures import told
from ..mitigation.batch import Program, Role, read_result, reduced
from ..options import DeviceOptions
from . import runtime

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2
    from qiskit.providers import BackendV2
    from qiskit.quantum_info import SparsePauliOp


def simulation(device: BackendV2, circuits: Sequence[QuantumCircuit], options: DeviceOptions) -> Any:
    """Where circuits run: Aer itself, or Aer as the fake device, with the noise of those of its qubits that they use."""
    if runtime.is_simulator(device):
        return device
    if not options.device_noise:
        return runtime.noiseless_simulator(device)
    return runtime.noisy_simulator(device, frozenset(q for circuit in circuits for q in active_qubits(circuit)))


def sampled(
    work: Sequence[Program],
    device: BackendV2,
    options: DeviceOptions,
    shots: int,
    tag: str,
    make: Callable[..., BaseSamplerV2],
    what: str,
) -> list[Counts]:
    """The counts of every program, mitigated as the options say."""
    outcomes: list[Counts] = []
    roles: list[Role] = []
    where = simulation(device, [program.circuit for program in work], options)
    for program in work:
        run = lambda: make(where, options, tag, program.seed).run([(program.circuit,)], shots=shots).result()  # noqa: B023, E731
        result = told(run, f"Running on {what}")
        counts, role = read_result(result)
        outcomes += counts
        roles += role
    return reduced(outcomes, roles, options)


def estimated(
    pubs: Sequence[tuple[QuantumCircuit, list[SparsePauliOp]]], seeds: Sequence[int], device: BackendV2,
    options: DeviceOptions, shots: int, tag: str, make: Callable[..., BaseEstimatorV2], what: str,
) -> list[Expected]:  # fmt: skip
    """The operators of every pub, mitigated by the estimator itself."""
    out: list[Expected] = []
    for whole, seed in zip(pubs, seeds):
        pub, where = whole, device
        if not runtime.is_simulator(device):
            pub, part = on_used_qubits(whole)
            where = runtime.part_simulator(device, part, options.device_noise)
        run = lambda: make(where, options, tag, seed, shots).run([pub]).result()  # noqa: B023, E731
        out += read_estimates(told(run, f"Running on {what}"), options)
    return out
