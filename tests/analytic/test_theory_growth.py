"""Numbers of THEORY section 1.4, and T36."""

from __future__ import annotations

import numpy as np
import pytest

from qml_dynamics.growth import entropy, flow_values, log_volume, orthogonality_flow, orthogonality_gradient


def test_volume_and_entropy_of_the_diagonal_layers() -> None:
    for w, expected in ((np.diag([2.0, 0.5]), 0.0), (np.diag([3.0, 0.5]), 0.405465)):
        assert log_volume(w)[0] == pytest.approx(expected, abs=1e-6)
        s = np.array([[1.0, 0.3], [0.3, 2.0]])
        gain = entropy(w @ s @ w.T, kind="differential") - entropy(s, kind="differential")
        assert gain == pytest.approx(expected, abs=1e-6)


def test_t36_orthogonality_flow() -> None:
    assert flow_values([0.3, 1.7], 0.5) == pytest.approx([0.918556, 1.006043], abs=1e-6)
    w, h = np.diag([0.3, 1.7]), 1e-4
    for _ in range(5000):
        w = w - h * orthogonality_gradient(w)
    assert np.diag(w) == pytest.approx(np.diag(orthogonality_flow(np.diag([0.3, 1.7]), 0.5)), abs=1e-4)
