"""Manifests of the gallery: numbers that are the same on every machine, compared one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .places import regular

MANIFEST = "manifest.json"


def rounded(value: Any) -> Any:
    """Floats to nine digits: what is the same on every machine."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return float(f"{value:.9g}") if isinstance(value, float) else value


def compare_manifest(folder: Path, wanted: dict[str, Any]) -> list[str]:
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
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (found, wanted))
    same = abs(found - wanted) <= 1e-7 * max(1.0, abs(wanted)) if numbers else found == wanted
    return [] if same else [f"{where} is {found}, but should be {wanted}"]
