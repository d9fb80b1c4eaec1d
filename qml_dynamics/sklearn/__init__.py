"""Estimators with the interface of scikit-learn: a classifier and a regressor whose weights are a wave, and a density that is one.

The package stands at the root since it is a face, and is loaded only where it is imported: scikit-learn comes with the extra ``sklearn``.
"""

from __future__ import annotations

try:
    from sklearn.utils.validation import validate_data  # noqa: F401  # from version 1.6 on
except ImportError as missing:
    raise ImportError(
        'This needs scikit-learn 1.6 or newer. Install it with: pip install "qml-dynamics[sklearn]"'
    ) from missing

from .density import GibbsSampler
from .estimators import QuantumDynamicsClassifier, QuantumDynamicsRegressor

__all__ = ["GibbsSampler", "QuantumDynamicsClassifier", "QuantumDynamicsRegressor"]
