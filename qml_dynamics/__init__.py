"""Learning dynamics as Hamiltonian simulation: ``i psi_t = H psi`` and ``psi_tau = -H psi`` with ``H(t) = -D(t) L + s(t) zeta(w)``.

A loss over weights is a potential, learning noise is kinetic energy: ``H(t) = -D(t) L + s(t) zeta(w)``. In real time the
wave tunnels and descends, in imaginary time it anneals. Names are loaded when they are first used: importing the package
loads NumPy and nothing heavier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base.lazy import attach
from .base.renamed import answer_for_old_names

__version__ = "0.1.0"

_HOME = {
    "model.domains": ("Grid", "Hypercube"),
    "model.objectives.base": ("Objective",),
    "model.schedules": ("Constant", "Linear", "Geometric", "PowerLaw", "Knots", "QHD"),
    "model.drives": ("Oscillation", "Pulse", "Jumps"),
    "model.operator_sum": ("OperatorSum",),
    "model.initial": ("Uniform", "Gaussian", "PointMass", "State"),
    "model.problem": ("Problem",),
    "model.hamiltonians": ("LearningHamiltonian", "PauliHamiltonian", "hamiltonian"),
    "methods.split_step": ("SplitStep",),
    "methods.krylov": ("Krylov",),
    "methods.energy_bounds": ("ground_bounds", "GroundBounds"),
    "methods.exact": ("Exact",),
    "methods.tensor_train.method": ("TensorTrain",),
    "methods.trotter": ("Trotter",),
    "methods.multi_product": ("MultiProduct",),
    "methods.randomised": ("QDrift", "RandomOrder"),
    "methods.minibatch": ("MiniBatch",),
    "methods.imaginary.options": ("Schrodingerised", "ProbabilisticITE", "QITE", "DoubleBracket"),
    "model.taylor_polynomials": ("taylor", "taylor_step"),
    "learning.iterative": ("iterative_learning",),
    "model.potentials": ("potential",),
    "learning.diffusion.model": ("Diffusion",),
    "learning.annealing": ("anneal", "CrossingWarning"),
    "learning.metts": ("metts", "Chain"),
    "methods.variational.options": ("Variational", "Cutoff", "Growth"),
    "methods.growing.method": ("Growing",),
    "methods.classical.hamilton_jacobi": ("HamiltonJacobi",),
    "methods.classical.koopman": ("KoopmanVonNeumann",),
    "methods.bridge.schrodinger_bridge": ("SchrodingerBridge",),
    "learning.growth.view": ("ensemble_view",),
    "learning.training.run": ("train",),
    "learning.training.optimisers": ("TrainResult",),
    "learning.descent.run": ("descend",),
    "learning.descent.result": ("Descent",),
    "base.estimate": ("Estimate",),
    "results.trajectory": ("Trajectory", "Counts", "Best"),
    "results.observables": ("of_momenta",),
    "methods.evolution": ("evolve", "circuits"),
    "validation.comparison": ("compare", "Comparison"),
    "learning.minibatch.study": ("batch_study", "BatchStudy"),
    "validation.budget": ("error_budget",),
    "validation.error_parts": ("ErrorBudget",),
    "validation.resources": ("cost", "Cost", "step_ends"),
    "backends": ("backend", "Backend", "assert_valid_backend"),
    "conformance.method": ("assert_valid_method",),
    "plotting.pages.run_report": ("report",),
    "runs": ("submit", "open_run"),
    "runs.sweeps": ("sweep", "Sweep"),
    "validation.device_cost": ("NoiseFloorWarning",),
    "runs.problem_file": ("read_operator", "read_problem", "write_problem"),
    "runs.problem_file.json_schema": ("schema",),
    "runs.trajectory_file": ("load",),
    "base.errors": (
        "QMLDynamicsError",
        "ProblemError",
        "MethodError",
        "BackendError",
        "JobLost",
        "BudgetExceeded",
        "EdgeWeightWarning",
        "KineticRoundingWarning",
        "MomentumTailWarning",
    ),
}
_MODULES = {
    "objectives": "model.objectives",
    "synthesis": "synthesis",
    "ensembles": "learning.ensembles",
    "plotting": "plotting",
    "formulas": "model.formulas",
    "growth": "learning.growth",
    "ansatz": "methods.variational.ansatz",
    "gibbs": "learning.gibbs",
    "boltzmann": "learning.boltzmann",
    "diffusion": "learning.diffusion",
    "descent": "learning.descent",
    "minibatch": "learning.minibatch",
}
__all__ = [*attach(__name__, _HOME, _MODULES), "__version__"]
answer_for_old_names(__name__)


if TYPE_CHECKING:
    from . import plotting as plotting
    from . import synthesis as synthesis
    from .backends import Backend as Backend
    from .backends import assert_valid_backend as assert_valid_backend
    from .backends import backend as backend
    from .base.errors import BackendError as BackendError
    from .base.errors import BudgetExceeded as BudgetExceeded
    from .base.errors import EdgeWeightWarning as EdgeWeightWarning
    from .base.errors import JobLost as JobLost
    from .base.errors import KineticRoundingWarning as KineticRoundingWarning
    from .base.errors import MethodError as MethodError
    from .base.errors import MomentumTailWarning as MomentumTailWarning
    from .base.errors import ProblemError as ProblemError
    from .base.errors import QMLDynamicsError as QMLDynamicsError
    from .base.estimate import Estimate as Estimate
    from .conformance.method import assert_valid_method as assert_valid_method
    from .learning import boltzmann as boltzmann
    from .learning import descent as descent
    from .learning import diffusion as diffusion
    from .learning import ensembles as ensembles
    from .learning import gibbs as gibbs
    from .learning import growth as growth
    from .learning import minibatch as minibatch
    from .learning.annealing import CrossingWarning as CrossingWarning
    from .learning.annealing import anneal as anneal
    from .learning.descent.result import Descent as Descent
    from .learning.descent.run import descend as descend
    from .learning.diffusion.model import Diffusion as Diffusion
    from .learning.growth.view import ensemble_view as ensemble_view
    from .learning.iterative import iterative_learning as iterative_learning
    from .learning.metts import Chain as Chain
    from .learning.metts import metts as metts
    from .learning.minibatch.study import BatchStudy as BatchStudy
    from .learning.minibatch.study import batch_study as batch_study
    from .learning.training.result import TrainResult as TrainResult
    from .learning.training.run import train as train
    from .methods.bridge.schrodinger_bridge import SchrodingerBridge as SchrodingerBridge
    from .methods.classical.hamilton_jacobi import HamiltonJacobi as HamiltonJacobi
    from .methods.classical.koopman import KoopmanVonNeumann as KoopmanVonNeumann
    from .methods.energy_bounds import GroundBounds as GroundBounds
    from .methods.energy_bounds import ground_bounds as ground_bounds
    from .methods.evolution import circuits as circuits
    from .methods.evolution import evolve as evolve
    from .methods.exact import Exact as Exact
    from .methods.growing.method import Growing as Growing
    from .methods.imaginary.options import QITE as QITE
    from .methods.imaginary.options import DoubleBracket as DoubleBracket
    from .methods.imaginary.options import ProbabilisticITE as ProbabilisticITE
    from .methods.imaginary.options import Schrodingerised as Schrodingerised
    from .methods.krylov import Krylov as Krylov
    from .methods.minibatch import MiniBatch as MiniBatch
    from .methods.multi_product import MultiProduct as MultiProduct
    from .methods.randomised import QDrift as QDrift
    from .methods.randomised import RandomOrder as RandomOrder
    from .methods.split_step import SplitStep as SplitStep
    from .methods.tensor_train.method import TensorTrain as TensorTrain
    from .methods.trotter import Trotter as Trotter
    from .methods.variational import ansatz as ansatz
    from .methods.variational.options import Cutoff as Cutoff
    from .methods.variational.options import Growth as Growth
    from .methods.variational.options import Variational as Variational
    from .model import formulas as formulas
    from .model import objectives as objectives
    from .model.domains import Grid as Grid
    from .model.domains import Hypercube as Hypercube
    from .model.drives import Jumps as Jumps
    from .model.drives import Oscillation as Oscillation
    from .model.drives import Pulse as Pulse
    from .model.hamiltonians import LearningHamiltonian as LearningHamiltonian
    from .model.hamiltonians import PauliHamiltonian as PauliHamiltonian
    from .model.hamiltonians import hamiltonian as hamiltonian
    from .model.initial import Gaussian as Gaussian
    from .model.initial import PointMass as PointMass
    from .model.initial import State as State
    from .model.initial import Uniform as Uniform
    from .model.objectives.base import Objective as Objective
    from .model.operator_sum import OperatorSum as OperatorSum
    from .model.potentials import potential as potential
    from .model.problem import Problem as Problem
    from .model.schedules import QHD as QHD
    from .model.schedules import Constant as Constant
    from .model.schedules import Geometric as Geometric
    from .model.schedules import Knots as Knots
    from .model.schedules import Linear as Linear
    from .model.schedules import PowerLaw as PowerLaw
    from .model.taylor_polynomials import taylor as taylor
    from .model.taylor_polynomials import taylor_step as taylor_step
    from .plotting.pages.run_report import report as report
    from .results.observables import of_momenta as of_momenta
    from .results.trajectory import Best as Best
    from .results.trajectory import Counts as Counts
    from .results.trajectory import Trajectory as Trajectory
    from .runs import open_run as open_run
    from .runs import submit as submit
    from .runs.problem_file import read_operator as read_operator
    from .runs.problem_file import read_problem as read_problem
    from .runs.problem_file import write_problem as write_problem
    from .runs.problem_file.json_schema import schema as schema
    from .runs.sweeps import Sweep as Sweep
    from .runs.sweeps import sweep as sweep
    from .runs.trajectory_file import load as load
    from .validation.budget import error_budget as error_budget
    from .validation.comparison import Comparison as Comparison
    from .validation.comparison import compare as compare
    from .validation.device_cost import NoiseFloorWarning as NoiseFloorWarning
    from .validation.error_parts import ErrorBudget as ErrorBudget
    from .validation.resources import Cost as Cost
    from .validation.resources import cost as cost
    from .validation.resources import step_ends as step_ends
