"""Learning dynamics as Hamiltonian simulation.

A loss over weights is a potential, learning noise is kinetic energy: ``H(t) = -D(t) L + s(t) zeta(w)``. In real time the
wave tunnels and descends, in imaginary time it anneals. Names are loaded when they are first used: importing the package
loads NumPy and nothing heavier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import attach

__version__ = "0.1.0"

_HOME = {
    "domains": ("Grid", "Hypercube"),
    "objectives.base": ("Objective",),
    "schedules": ("Constant", "Linear", "Geometric", "PowerLaw", "Knots", "QHD"),
    "initial": ("Uniform", "Gaussian", "PointMass", "State"),
    "problem": ("Problem",),
    "hamiltonian": ("LearningHamiltonian", "PauliHamiltonian", "hamiltonian"),
    "methods": ("SplitStep", "Krylov", "Exact", "Trotter", "MultiProduct"),
    "randomised_methods": ("QDrift", "RandomOrder", "MiniBatch"),
    "imaginary_methods": ("Schrodingerised", "ProbabilisticITE", "QITE", "DoubleBracket"),
    "taylor": ("taylor", "taylor_step"),
    "iterative": ("iterative_learning",),
    "potentials": ("potential",),
    "diffusion.model": ("Diffusion",),
    "annealing": ("anneal", "CrossingWarning"),
    "metts": ("metts", "Chain"),
    "variational.method": ("Variational", "Cutoff", "Growth"),
    "growth.growing": ("Growing",),
    "ensembles.hamilton_jacobi": ("HamiltonJacobi",),
    "ensembles.koopman": ("KoopmanVonNeumann",),
    "ensembles.schrodinger_bridge": ("SchrodingerBridge",),
    "growth.view": ("ensemble_view",),
    "variational.measured.train": ("train",),
    "variational.measured.descent": ("TrainResult",),
    "descent.run": ("descend",),
    "descent.result": ("Descent",),
    "estimate": ("Estimate",),
    "trajectory": ("Trajectory", "Counts", "Best"),
    "observe": ("of_momenta",),
    "evolve": ("evolve", "circuits"),
    "compare": ("compare", "Comparison"),
    "batch_study": ("batch_study", "BatchStudy"),
    "budget": ("error_budget", "ErrorBudget"),
    "cost": ("cost", "Cost"),
    "backends": ("backend", "Backend", "assert_valid_backend"),
    "runs": ("submit", "open_run"),
    "device_plan": ("NoiseFloorWarning",),
    "config": ("read_problem", "write_problem"),
    "storage": ("load",),
    "errors": (
        "QMLDynamicsError",
        "ProblemError",
        "MethodError",
        "BackendError",
        "JobLost",
        "BudgetExceeded",
        "EdgeWeightWarning",
        "MomentumTailWarning",
    ),
}
_MODULES = {
    "objectives": "objectives",
    "synthesis": "synthesis",
    "ensembles": "ensembles",
    "plotting": "plotting",
    "formulas": "formulas",
    "growth": "growth",
    "ansatz": "variational.ansatz",
    "gibbs": "gibbs",
    "boltzmann": "boltzmann",
    "diffusion": "diffusion",
    "descent": "descent",
    "minibatch": "minibatch",
}
__all__ = [*attach(__name__, _HOME, _MODULES), "__version__"]


if TYPE_CHECKING:
    from . import boltzmann as boltzmann
    from . import descent as descent
    from . import diffusion as diffusion
    from . import ensembles as ensembles
    from . import formulas as formulas
    from . import gibbs as gibbs
    from . import growth as growth
    from . import minibatch as minibatch
    from . import objectives as objectives
    from . import plotting as plotting
    from . import synthesis as synthesis
    from .annealing import CrossingWarning as CrossingWarning
    from .annealing import anneal as anneal
    from .backends import Backend as Backend
    from .backends import assert_valid_backend as assert_valid_backend
    from .backends import backend as backend
    from .batch_study import BatchStudy as BatchStudy
    from .batch_study import batch_study as batch_study
    from .budget import ErrorBudget as ErrorBudget
    from .budget import error_budget as error_budget
    from .compare import Comparison as Comparison
    from .compare import compare as compare
    from .config import read_problem as read_problem
    from .config import write_problem as write_problem
    from .cost import Cost as Cost
    from .cost import cost as cost
    from .descent.result import Descent as Descent
    from .descent.run import descend as descend
    from .device_plan import NoiseFloorWarning as NoiseFloorWarning
    from .diffusion.model import Diffusion as Diffusion
    from .domains import Grid as Grid
    from .domains import Hypercube as Hypercube
    from .ensembles.hamilton_jacobi import HamiltonJacobi as HamiltonJacobi
    from .ensembles.koopman import KoopmanVonNeumann as KoopmanVonNeumann
    from .ensembles.schrodinger_bridge import SchrodingerBridge as SchrodingerBridge
    from .errors import BackendError as BackendError
    from .errors import BudgetExceeded as BudgetExceeded
    from .errors import EdgeWeightWarning as EdgeWeightWarning
    from .errors import JobLost as JobLost
    from .errors import MethodError as MethodError
    from .errors import MomentumTailWarning as MomentumTailWarning
    from .errors import ProblemError as ProblemError
    from .errors import QMLDynamicsError as QMLDynamicsError
    from .estimate import Estimate as Estimate
    from .evolve import circuits as circuits
    from .evolve import evolve as evolve
    from .growth.growing import Growing as Growing
    from .growth.view import ensemble_view as ensemble_view
    from .hamiltonian import LearningHamiltonian as LearningHamiltonian
    from .hamiltonian import PauliHamiltonian as PauliHamiltonian
    from .hamiltonian import hamiltonian as hamiltonian
    from .imaginary_methods import QITE as QITE
    from .imaginary_methods import DoubleBracket as DoubleBracket
    from .imaginary_methods import ProbabilisticITE as ProbabilisticITE
    from .imaginary_methods import Schrodingerised as Schrodingerised
    from .initial import Gaussian as Gaussian
    from .initial import PointMass as PointMass
    from .initial import State as State
    from .initial import Uniform as Uniform
    from .iterative import iterative_learning as iterative_learning
    from .methods import Exact as Exact
    from .methods import Krylov as Krylov
    from .methods import MultiProduct as MultiProduct
    from .methods import SplitStep as SplitStep
    from .methods import Trotter as Trotter
    from .metts import Chain as Chain
    from .metts import metts as metts
    from .objectives.base import Objective as Objective
    from .observe import of_momenta as of_momenta
    from .potentials import potential as potential
    from .problem import Problem as Problem
    from .randomised_methods import MiniBatch as MiniBatch
    from .randomised_methods import QDrift as QDrift
    from .randomised_methods import RandomOrder as RandomOrder
    from .runs import open_run as open_run
    from .runs import submit as submit
    from .schedules import QHD as QHD
    from .schedules import Constant as Constant
    from .schedules import Geometric as Geometric
    from .schedules import Knots as Knots
    from .schedules import Linear as Linear
    from .schedules import PowerLaw as PowerLaw
    from .storage import load as load
    from .taylor import taylor as taylor
    from .taylor import taylor_step as taylor_step
    from .trajectory import Best as Best
    from .trajectory import Counts as Counts
    from .trajectory import Trajectory as Trajectory
    from .variational import ansatz as ansatz
    from .variational.measured.descent import TrainResult as TrainResult
    from .variational.measured.train import train as train
    from .variational.method import Cutoff as Cutoff
    from .variational.method import Growth as Growth
    from .variational.method import Variational as Variational
