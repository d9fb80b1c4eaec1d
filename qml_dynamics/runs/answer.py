"""The trajectory of a run folder, with the job that every sample came from, as files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from ..results.trajectory import Trajectory, plain
from .budget import spent_seconds
from .content import write_kept
from .ledger import Batch, Ledger
from .problem_file.files import write_bytes
from .redact import without_credentials
from .trajectory_file import RESULT, TRAJECTORY, save_run, summary, to_json


def write_answer(folder: Path, run_id: str, trajectory: Trajectory, ledger: Ledger) -> Trajectory:
    """Add where every sample came from, and write ``trajectory.npz`` and ``result.json``."""
    rows = ledger.batches()
    run = {
        "id": run_id,
        "planned": ledger.began(),
        "finished": max(b.changed for b in rows),
        "batches": [_origin(b) for b in rows],
    }
    provenance = {**trajectory.provenance, "run": run, "seconds": spent_seconds(rows)}
    provenance["backend_details"] = without_credentials(plain(provenance["backend_details"]))
    out = dataclasses.replace(trajectory, provenance=provenance)
    write_kept(folder, TRAJECTORY, ledger, lambda path: save_run(out, path, folder))
    text = (to_json(summary(out)) + "\n").encode()
    write_kept(folder, RESULT, ledger, lambda path: write_bytes(path, text), whole=True)
    return out


def _origin(b: Batch) -> dict[str, Any]:
    out = {"number": b.number, "tag": b.tag, "job": b.job_id, "circuits": b.count, "shots": b.shots, "seconds": b.used}
    return out if b.compiled is None else {**out, "compiled": json.loads(b.compiled)}
