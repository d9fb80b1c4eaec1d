"""Mini-batch learning as circuits: :func:`averaged_state` is the channel that :class:`qml_dynamics.MiniBatch` averages to.

>>> from qml_dynamics import minibatch
>>> sorted(name for name in minibatch.__all__)
['averaged_state', 'draw_batches', 'noise']
"""

from __future__ import annotations

from ...methods.minibatch import draw_batches, noise
from .channel import averaged_state

__all__ = ["averaged_state", "draw_batches", "noise"]
