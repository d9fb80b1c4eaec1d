"""`Diffusion`: a generative model whose score is the logarithmic derivative of a wave in imaginary time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...backends.base import BackendLike
from ...base.arguments import checks_arguments
from ...base.errors import real, require
from ...methods.base import Method
from ...model.problem import Problem
from .condition import Condition
from .device import forward_circuit, method_waves, run_forward
from .paths import Paths, Plan, generate
from .waves import Waves

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from .device import CircuitLaw


@dataclass(frozen=True, eq=False, repr=False)
class Diffusion(Waves):
    """A diffusion model of data: noise is added by ``dx = -grad V dt + sqrt(2 T) dW``, and taken away by the reverse process.

    The density is ``p_t = psi0 phi_t`` with ``phi_t = e^{-t H_W} phi_0``, ``psi0 = e^{-V / 2T}`` and H_W the Witten Hamiltonian, so the
    score is exact for the data law that the grid holds: nothing is trained. Time 0 is that law, the rows smoothed by the
    bandwidth (or the density itself). Sources: Sohl-Dickstein et al., arXiv:1503.03585; Song et al., arXiv:2011.13456; the
    equation of learning as a diffusion model, arXiv:2407.19890.

    Args:
        domain: a periodic :class:`Grid` of one to three axes that holds the data and the noise.
        data: rows, shape ``(rows, ndim)``, in the box (see :class:`Scale`); or a density, a function of points ``(m, ndim)``.
        potential: ``"ou"`` (``V = |x|^2 / 2``: noise is a Gaussian of variance T), ``"free"`` (``V = 0`` on a torus: noise is uniform),
            an :class:`Objective` or a function of points (noise is ``e^{-V / T}``).
        temperature: T.
        bandwidth: width of the kernel of each row; None: chosen by leave-one-out likelihood of the rows, of each class
            for itself where there are labels (``bandwidths``; this is the largest of them then).
        labels: one class a row, for conditional generation.
        t_max: where the reverse process starts; None: 6 over the gap of H_W (of an objective: over the mean curvature of V,
            since the gap is small where V has barriers). Where the noise has not forgotten the data by then, paths start
            from ``p_{t_max}`` itself, which the wave gives, so that no ``t_max`` is too short.

    Raises:
        ProblemError: data outside of the box or of another shape; a box too small for the noise; a bandwidth below 1.5 grid
            spacings; labels of another length.

    >>> from qml_dynamics import Grid
    >>> from qml_dynamics.learning.diffusion import gaussian_mixture
    >>> model = Diffusion(Grid((-6, 6), 8), gaussian_mixture([0.3, 0.7], [-2.0, 1.5], [0.05, 0.1]))
    >>> x, p = model.domain.axes[0], model.forward(0.7)
    >>> round(float(p @ x), 6), round(0.45 * 2.718281828**-0.7, 6)       # the mean decays like e^-t
    (0.223463, 0.223463)
    >>> model.sample(4, seed=1, kind="ode", steps=60).shape
    (4, 1)
    """

    @checks_arguments
    def sample(
        self,
        n: int,
        seed: int | None = None,
        kind: str = "sde",
        condition: Condition | None = None,
        steps: int = 200,
        order: int = 2,
        progress: bool | None = None,
    ) -> np.ndarray:
        """New data: noise run backward in time.

        Args:
            n: how many.
            seed: of all draws.
            kind: ``"sde"`` (``dx = (grad V + 2 T score) ds + sqrt(2 T) dW``) or ``"ode"`` (``dx/ds = grad V + T score``: only the
                start is random).
            condition: None; the name of a class; one pair ``(low, high)`` an axis, None for an open end; or a function of
                points ``(m, ndim)`` that returns booleans or probabilities of being kept (Doob's h-transform).
            steps: of the reverse process, dense near time 0.
            order: 1 or 2 (weak order of the SDE), 1, 2 or 4 of the ODE.
            progress: show progress; None: where standard error is a terminal.

        Returns:
            Shape ``(n, ndim)``.

        Raises:
            ProblemError: n or steps not positive, an unknown kind or order, a condition that the data never meet.
        """
        out: np.ndarray = self.paths(n, seed, kind, condition, steps, order, save=1, progress=progress).points[-1]
        return out

    @checks_arguments
    def paths(
        self,
        n: int,
        seed: int | None = None,
        kind: str = "sde",
        condition: Condition | None = None,
        steps: int = 200,
        order: int = 2,
        save: int | Sequence[float] | None = None,
        progress: bool | None = None,
        method: Method | None = None,
        backend: BackendLike | None = None,
    ) -> Paths:
        """The same with the way there: points at descending times.

        Args:
            n, seed, kind, condition, steps, order, progress: as in :meth:`sample`.
            save: None: every step; 1: the end only; or a list of times: the nearest steps.
            method, backend: the waves whose slopes are the scores come from this method on the imaginary clock, such as
                :class:`ProbabilisticITE` on exact circuits, where it is given; classes are the only condition then.

        Raises:
            ProblemError: as in :meth:`sample`; a method with a region as condition.
        """
        plan = Plan.of(n, seed, kind, steps, order, save)
        kept, t_max, source = self.conditioned(condition), float(self.t_max or 0.0), None
        if method is not None:
            require(kept[2] is None, "condition", "be a class or None where a method gives the waves", condition)
            source = method_waves(self.land, method, backend)
        return generate(self.lens, self.start, kept, t_max, plan, self.from_noise, progress, source)

    @checks_arguments
    def problem(self, t: float, condition: Condition | None = None) -> Problem:
        """``phi_t = -H_W phi`` for the time t, from ``phi_0``: for any method on the imaginary clock, circuits too."""
        duration = real(t, "t", positive=True)
        return self.land.problem(self.conditioned(condition)[0], duration)

    @checks_arguments
    def circuit(
        self, t: float, method: Method | str | None = None, condition: Condition | None = None
    ) -> QuantumCircuit:
        """The forward process as gates, unmeasured: the data wave is prepared, run for t, and kept where all ancillas read 0.

        Args:
            t: a positive time.
            method: :class:`ProbabilisticITE` or :class:`Schrodingerised` (None: exact blocks, four Strang steps), or ``"modes"``: the
                register holds the number n of each mode (``"ou"`` only), and ``e^{-n t}`` damps each of its bits by one ancilla.
            condition: a filter on the data: one more ancilla, turned by ``2 acos h``.

        Raises:
            ProblemError, MethodError: t is not positive; a method of another kind; a success probability below its floor.
        """
        return forward_circuit(self, real(t, "t", positive=True), method, condition)

    def run(
        self,
        t: float,
        method: Method | str | None = None,
        backend: BackendLike | None = None,
        shots: int | None = None,
        seed: int | None = None,
        condition: Condition | None = None,
    ) -> CircuitLaw:
        """``p_t`` from circuits: ``psi0`` times the root of the kept frequencies, which are ``phi_t^2``.

        Args:
            t, method, condition: as in :meth:`circuit`.
            backend: a name or an object; None: ``"statevector"``.
            shots: samples, kept and thrown away together; None: exact probabilities.
            seed: of the samples.
        """
        return run_forward(self, real(t, "t", positive=True), method, backend, shots, seed, condition)
