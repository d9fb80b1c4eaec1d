"""Learning as stepwise growth: measures of volume, entropy and coherence, and growth of grids, ansaetze and networks."""

from __future__ import annotations

from .entropies import coherence, entropy, participation, purity, reduced
from .flow import (
    Polar,
    flow_values,
    orthogonality,
    orthogonality_flow,
    orthogonality_gradient,
    polar,
    singular_value_loss,
)
from .grid import criteria, refine, residual
from .growing import Growing
from .measures import Volumes, along, log_det_metric, log_volume, metric_volume, volumes
from .view import EnsembleView, ensemble_view, equivariance

__all__ = [
    "EnsembleView",
    "Growing",
    "Polar",
    "Volumes",
    "along",
    "coherence",
    "criteria",
    "ensemble_view",
    "entropy",
    "equivariance",
    "flow_values",
    "log_det_metric",
    "log_volume",
    "metric_volume",
    "orthogonality",
    "orthogonality_flow",
    "orthogonality_gradient",
    "participation",
    "polar",
    "purity",
    "reduced",
    "refine",
    "residual",
    "singular_value_loss",
    "volumes",
]
