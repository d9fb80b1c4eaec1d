"""Learning as stepwise growth: measures of volume, entropy and coherence, and growth of grids, ansaetze and networks."""

from __future__ import annotations

from .circuits import LayerRun, run_layer
from .datasets import class_data
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
from .insertion import NeuronGrowth
from .loaders import Loaded, from_sklearn, from_torch, record_sklearn
from .measures import Volumes, along, log_det_metric, log_volume, metric_volume, volumes
from .mlp import MLP, insert_layer, insert_neurons
from .recording import Recorder, Recording, load_recording, record
from .spectrum import learned_layer, orthogonality_problem
from .trainer import Trained, Training, train_network
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
