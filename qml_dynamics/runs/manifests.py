"""Manifests of the gallery: numbers compared one by one, each to what is determined of it on every machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..base.places import regular

MANIFEST = "manifest.json"


def rounded(value: Any) -> Any:
    """Floats to nine digits, which rounding leaves alone but for the last."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return float(f"{value:.9g}") if isinstance(value, float) else value


def compare_manifest(folder: Path, wanted: dict[str, Any]) -> list[str]:
    """What is wrong in the manifest of a folder, one sentence each.

    Counts must be the same; numbers agree to ``1e-9 + 1e-7 |value|``: they are sums of a density that the angles' ten decimals and
    the processor's rounding move by 1e-10, times a loss or a weight. Bytes are those of the text as it was written: an angle whose
    last digit is another one elsewhere, or a zero that is not written, moves them, so that they agree to 1 percent.
    """
    try:
        found = json.loads(regular(folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"{MANIFEST} cannot be read: {' '.join(str(error).split())}"]
    return [f"{MANIFEST}: {fault}" for fault in _differences(found, wanted, "")]


def _differences(found: Any, wanted: Any, where: str) -> list[str]:
    if isinstance(wanted, dict):
        if not isinstance(found, dict) or set(found) != set(wanted):
            return [f"{where or 'the file'} has other keys"]
        return [
            fault for key in wanted for fault in _differences(found[key], wanted[key], f"{where}.{key}".lstrip("."))
        ]
    numbers = _number(found) and _number(wanted)
    same = abs(found - wanted) <= _tolerance(where, wanted) if numbers else found == wanted
    return [] if same else [f"{where} is {found}, but should be {wanted}"]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _tolerance(where: str, wanted: float) -> float:
    if where.endswith(".bytes"):
        return 0.01 * wanted
    return 0.0 if isinstance(wanted, int) else 1e-9 + 1e-7 * abs(wanted)
