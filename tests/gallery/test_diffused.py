"""The folder of the diffusion model: programs that no problem file compiles to are those that its command line makes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import qml_dynamics as qd
from qml_dynamics.cli.diffuse import Fit, forward_program, read_statement
from qml_dynamics.synthesis.qasm import from_qasm3
from qml_dynamics.synthesis.qasm_compare import differences

ROOT = Path(__file__).resolve().parents[2] / "circuits"


def test_programs_of_the_gallery_are_these_circuits_and_give_the_density() -> None:
    folder = ROOT / "diffusion"
    # Points of `blocks` have amplitudes of 4e-7 beside rounding of 1e-16, so that their angles hold to 4e-10, or less.
    near = {"modes": 1e-9, "blocks": 1e-8}
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["programs"]
    for method in ("modes", "blocks"):
        fit = Fit(read_statement(folder / "petal.toml", method=method))
        text, facts = forward_program(fit)
        assert differences((folder / f"{method}.qasm").read_text(encoding="utf-8"), text, tolerance=near[method]) == []
        known = manifest[f"{method}.qasm"]
        assert known["bytes"] == pytest.approx(len(text), rel=0.01)
        assert {k: v for k, v in known.items() if k != "bytes"} == pytest.approx(facts, abs=1e-7)
        circuit = from_qasm3(text)
        circuit.remove_final_measurements()
        kept = next(iter(qd.backend("statevector").probabilities([circuit])))[:32]
        assert kept.sum() == pytest.approx(facts["success_probability"], abs=1e-8)
        assert facts["qubits"] == circuit.num_qubits == 10
        assert 0.5 < kept.sum() < 0.7
        model = fit.model if method == "modes" else fit.on(5)
        law = model.run(0.4, None if method == "blocks" else "modes")
        assert np.abs(law.density - model.forward(0.4)).max() < 1e-3
        if method == "blocks":
            p = np.exp(-(model.domain.axes[0] ** 2) / 4) * np.sqrt(kept)
            assert np.abs(p / p.sum() - model.forward(0.4)).max() < 1e-3
