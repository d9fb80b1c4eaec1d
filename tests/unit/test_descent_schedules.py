"""Schedules by name, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import qml_dynamics as qd


def test_a_learned_schedule_by_name_is_the_shipped_one_and_beats_the_fixed_at_equal_depth() -> None:
    named = qd.descend("levy", qubits=5, steps=10, schedule="learned", seed=1, progress=False)
    given = qd.descend("levy", qubits=5, schedule=qd.descent.pretrained(10), seed=1, progress=False)
    fixed = qd.descend("levy", qubits=5, steps=10, schedule="qhd", seed=1, progress=False)
    np.testing.assert_array_equal(named.trajectory.density[-1], given.trajectory.density[-1])
    assert float(named.success) > 2 * float(fixed.success) > 0


@pytest.mark.parametrize("wrong", ["lerned", 3.0, (1.0, 2.0)])
def test_other_schedules_are_refused(wrong: object) -> None:
    with pytest.raises(qd.MethodError, match="`schedule` must be one of qhd, learned"):
        qd.descend("levy", schedule=wrong)
