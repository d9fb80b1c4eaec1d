"""Cost and device seconds of a run before anything is sent, compared with its budget."""

from __future__ import annotations

import sys

from ..backends.base import Backend, capabilities
from ..base.errors import BudgetExceeded
from ..validation.resources import Cost, price
from .specification import RunSpecification
from .units import keeps_jobs


def forecast(s: RunSpecification, device: Backend, quiet: bool) -> None:
    """Say what a run costs on a device, and refuse one that is known to exceed its budget.

    Methods whose circuits do not depend on outcomes are planned whole, and compared with the budget there.

    Raises:
        BudgetExceeded: all steps of a measured run together take more shots, or more seconds by the vendor's formula.
    """
    steps = not s.method.facts().circuits_known_ahead
    on_a_device = capabilities(device).on_device
    limited = steps and (s.max_shots is not None or s.max_seconds is not None)
    if not limited and not on_a_device:
        return
    estimate = price(s.problem, s.method, device, s.shots, s.saves, together=not steps)
    if on_a_device and not quiet:
        print(estimate, file=sys.stderr)
    if limited:
        _compare(s, device, estimate)


def _compare(s: RunSpecification, device: Backend, estimate: Cost) -> None:
    executions = max(estimate.shots, 0 if estimate.device is None else estimate.device.executions)
    if s.max_shots is not None and executions > s.max_shots:
        raise BudgetExceeded(
            f"All steps together take {executions:,} shots, but `max_shots` is {s.max_shots:,}. Nothing was sent; "
            "resume(max_shots=...) goes on."
        )
    plan = estimate.device if keeps_jobs(device) else None  # the seconds of others are measured as they pass
    if s.max_seconds is not None and plan is not None and plan.formula and plan.seconds > s.max_seconds:
        raise BudgetExceeded(
            f"All steps together take about {plan.seconds:.3g} s on the device, but `max_seconds` is {s.max_seconds:g}. "
            "Nothing was sent; resume(max_seconds=...) goes on."
        )
