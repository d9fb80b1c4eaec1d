"""Learning as stepwise growth: measures of volume, entropy and coherence, and growth of grids, ansaetze and networks."""

from __future__ import annotations

from ...methods.growing.grid import criteria, refine, residual
from ...methods.growing.method import Growing
from .circuits import LayerRun, run_layer
from .datasets import class_data
from .entropies import coherence, entropy, participation, purity, reduced
from .flow import (
    Polar,
    flow_values,
    learned_layer,
    orthogonality,
    orthogonality_flow,
    orthogonality_gradient,
    orthogonality_problem,
    polar,
    singular_value_loss,
)
from .insertion import NeuronGrowth
from .loaders import Loaded
from .measures import Volumes, along, log_det_metric, log_volume, metric_volume, volumes
from .mlp import MLP, insert_layer, insert_neurons
from .recorder import Recorder, Recording, load_recording, record
from .scikit import from_sklearn, record_sklearn
from .state_dicts import from_torch
from .trainer import train_network
from .training import Trained, Training
from .view import EnsembleView, ensemble_view, equivariance

__all__ = [
    "EnsembleView",
    "Growing",
    "LayerRun",
    "Loaded",
    "MLP",
    "NeuronGrowth",
    "Polar",
    "Recorder",
    "Recording",
    "Trained",
    "Training",
    "Volumes",
    "along",
    "class_data",
    "coherence",
    "criteria",
    "ensemble_view",
    "entropy",
    "equivariance",
    "flow_values",
    "from_sklearn",
    "from_torch",
    "insert_layer",
    "insert_neurons",
    "learned_layer",
    "load_recording",
    "log_det_metric",
    "log_volume",
    "metric_volume",
    "orthogonality",
    "orthogonality_flow",
    "orthogonality_gradient",
    "orthogonality_problem",
    "participation",
    "polar",
    "purity",
    "record",
    "record_sklearn",
    "reduced",
    "refine",
    "residual",
    "run_layer",
    "singular_value_loss",
    "train_network",
    "volumes",
]
