"""Ensembles of networks whose learning equilibrium is a wave: the functional, its three regimes, and tests on real runs.

`learning.py` holds the phase diagram, `madelung_variables.py` and `winding_numbers.py` the wave as density and multivalued phase,
`superposition.py` closed forms, `canonical.py`, `grand_canonical.py` and `exchange.py` the neurons, `bridges.py` and
`fluid.py` the other regimes and the negative control, `networks.py` and `perceptrons.py` real networks, and
`observed.py`, `simulated.py`, `fitting.py` (`estimators.py`, `panel.py`, `answers.py`) and `laws.py` (`law_tests.py`)
the measurement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.lazy import attach

_HOME = {
    "learning": (
        "Learning",
        "PhaseDiagram",
        "hbar_from_chemical_potential",
        "hbar_max",
        "multipliers",
        "phase_diagram",
    ),
    "madelung_variables": ("Madelung", "Residuals", "from_madelung", "madelung", "residuals"),
    "winding_numbers": ("circulation", "square_loop"),
    "superposition": (
        "plane_wave",
        "ring",
        "ring_levels",
        "vortex_wave",
        "Oscillator",
        "TwoSlits",
        "number_revival",
        "revival_probability",
    ),
    "..methods.classical.koopman": ("KoopmanVonNeumann",),
    "interference": ("Winding", "measured_circulation", "measured_levels"),
    "canonical": ("BinaryNeurons", "GaussianNeurons", "PhaseField", "as_potential"),
    "grand_canonical": ("GrandCanonical", "gaussian_number", "grand_potential"),
    "exchange": ("Exchange", "ExchangeSample", "conserved"),
    "bridges": ("Bridge", "bridge", "gaussian_bridge"),
    "..methods.bridge.schrodinger_bridge": ("SchrodingerBridge",),
    "fluid": ("Fluid", "hydrodynamic"),
    "..methods.classical.hamilton_jacobi": ("Characteristics", "HamiltonJacobi", "characteristics"),
    "observed": ("ExchangeEvents", "History", "Run", "Steps"),
    "simulated": ("observe_exchange", "observe_sde", "observe_wave"),
    "networks": ("train_ensemble",),
    "law_tests": ("LawTest",),
    "laws": ("fokker_planck", "gibbs_law", "stationary_wave"),
    "answers": ("NotIdentifiable",),
    "fitting": ("Fit", "fit"),
}
__all__ = attach(__name__, _HOME)

if TYPE_CHECKING:
    from ...methods.bridge.schrodinger_bridge import SchrodingerBridge as SchrodingerBridge
    from ...methods.classical.hamilton_jacobi import Characteristics as Characteristics
    from ...methods.classical.hamilton_jacobi import HamiltonJacobi as HamiltonJacobi
    from ...methods.classical.hamilton_jacobi import characteristics as characteristics
    from ...methods.classical.koopman import KoopmanVonNeumann as KoopmanVonNeumann
    from .answers import NotIdentifiable as NotIdentifiable
    from .bridges import Bridge as Bridge
    from .bridges import bridge as bridge
    from .bridges import gaussian_bridge as gaussian_bridge
    from .canonical import BinaryNeurons as BinaryNeurons
    from .canonical import GaussianNeurons as GaussianNeurons
    from .canonical import PhaseField as PhaseField
    from .canonical import as_potential as as_potential
    from .exchange import Exchange as Exchange
    from .exchange import ExchangeSample as ExchangeSample
    from .exchange import conserved as conserved
    from .fitting import Fit as Fit
    from .fitting import fit as fit
    from .fluid import Fluid as Fluid
    from .fluid import hydrodynamic as hydrodynamic
    from .grand_canonical import GrandCanonical as GrandCanonical
    from .grand_canonical import gaussian_number as gaussian_number
    from .grand_canonical import grand_potential as grand_potential
    from .interference import Winding as Winding
    from .interference import measured_circulation as measured_circulation
    from .interference import measured_levels as measured_levels
    from .law_tests import LawTest as LawTest
    from .laws import fokker_planck as fokker_planck
    from .laws import gibbs_law as gibbs_law
    from .laws import stationary_wave as stationary_wave
    from .learning import Learning as Learning
    from .learning import PhaseDiagram as PhaseDiagram
    from .learning import hbar_from_chemical_potential as hbar_from_chemical_potential
    from .learning import hbar_max as hbar_max
    from .learning import multipliers as multipliers
    from .learning import phase_diagram as phase_diagram
    from .madelung_variables import Madelung as Madelung
    from .madelung_variables import Residuals as Residuals
    from .madelung_variables import from_madelung as from_madelung
    from .madelung_variables import madelung as madelung
    from .madelung_variables import residuals as residuals
    from .networks import train_ensemble as train_ensemble
    from .observed import ExchangeEvents as ExchangeEvents
    from .observed import History as History
    from .observed import Run as Run
    from .observed import Steps as Steps
    from .simulated import observe_exchange as observe_exchange
    from .simulated import observe_sde as observe_sde
    from .simulated import observe_wave as observe_wave
    from .superposition import Oscillator as Oscillator
    from .superposition import TwoSlits as TwoSlits
    from .superposition import number_revival as number_revival
    from .superposition import plane_wave as plane_wave
    from .superposition import revival_probability as revival_probability
    from .superposition import ring as ring
    from .superposition import ring_levels as ring_levels
    from .superposition import vortex_wave as vortex_wave
    from .winding_numbers import circulation as circulation
    from .winding_numbers import square_loop as square_loop
