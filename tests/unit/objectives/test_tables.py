"""Tables on a domain, Ising and QUBO costs."""

import itertools

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.model.domains import Grid, Hypercube
from qml_dynamics.model.objectives import from_table, ising, named, qubo

DOMAINS = [
    Grid((-1, 3), qubits=3),
    Grid([(-1, 3), (0, 1)], qubits=(2, 3)),
    Grid([(-1, 3), (0, 1)], qubits=(2, 3), boundary="walls"),
    Hypercube(4),
    Hypercube(3, values=(1, 0)),
]


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_table_gives_back_its_values_on_its_domain(domain):
    values = np.random.default_rng(0).normal(size=domain.shape)
    for given in (values, values.reshape(-1), values.tolist()):
        table = from_table(given, domain)
        assert table.on(domain) == pytest.approx(values, abs=0)
    assert table.domain == domain
    assert table.spec["table"] == values.tolist()


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_other_points_take_the_value_of_the_nearest(domain):
    generator = np.random.default_rng(1)
    values = generator.normal(size=domain.size)
    low = np.array([axis.min() for axis in domain.axes])
    high = np.array([axis.max() for axis in domain.axes])
    points = generator.uniform(low - 0.2, high + 0.2, (300, domain.ndim))
    difference = points[:, None, :] - domain.points[None, :, :]
    if isinstance(domain, Grid) and domain.boundary == "periodic":
        lengths = np.array(domain.lengths)
        difference -= lengths * np.rint(difference / lengths)
    nearest = np.argmin((np.abs(difference) / np.abs(domain.spacing)).sum(axis=2), axis=1)
    assert from_table(values, domain)(points) == pytest.approx(values[nearest], abs=0)


def test_table_is_a_copy():
    values = np.arange(8.0)
    table = from_table(values, DOMAINS[0])
    values[:] = -1
    assert table.on(DOMAINS[0]).tolist() == list(range(8))


def test_large_tables_are_not_written_out():
    assert dict(from_table(np.zeros(2**13), Grid((0, 1), qubits=13)).spec) == {}


def test_table_refuses_bad_input():
    grid = DOMAINS[1]
    with pytest.raises(ProblemError, match=r"`values` must have shape \(4, 8\), but is of shape \(8, 4\)"):
        from_table(np.zeros((8, 4)), grid)
    with pytest.raises(ProblemError, match="`values` must be finite, but is of values that are infinite"):
        from_table(np.where(np.arange(32) == 5, np.nan, 0.0), grid)
    with pytest.raises(ProblemError, match="`values` must be an array of real numbers"):
        from_table(np.zeros(32, dtype=complex), grid)
    with pytest.raises(ProblemError, match="`values` must be an array of real numbers"):
        from_table([[1.0], [2.0, 3.0]], grid)
    with pytest.raises(ProblemError, match="`domain` must be a Grid or a Hypercube, but is 5"):
        from_table([1.0], 5)
    with pytest.raises(ProblemError, match=r"is a table on Grid.*but the domain is Hypercube"):
        from_table(np.zeros(32), grid).on(Hypercube(5))
    with pytest.raises(ProblemError, match="`table` takes 2 weights, but the points have 1"):
        from_table(np.zeros(32), grid)(np.zeros((3, 1)))
    with pytest.raises(ProblemError, match="has no gradient between its points"):
        from_table(np.zeros(32), grid).gradient(np.zeros((1, 2)))


def spins_and_energies(h, J):
    n = len(h)
    for s in itertools.product((-1, 1), repeat=n):
        pairs = sum(J[i][j] * s[i] * s[j] for i in range(n) for j in range(i + 1, n))
        yield s, sum(a * b for a, b in zip(h, s)) + pairs


@pytest.mark.parametrize("symmetric", [False, True])
def test_ising_counts_every_pair_once(symmetric):
    generator = np.random.default_rng(2)
    h, J = generator.normal(size=4), np.triu(generator.normal(size=(4, 4)), 1)
    cost = ising(h, J + J.T if symmetric else J)
    spins, energies = zip(*spins_and_energies(h, J))
    assert cost(np.array(spins)) == pytest.approx(energies)
    assert cost.on(Hypercube(4)).reshape(-1) == pytest.approx(energies)


def test_qubo_is_the_quadratic_form_of_bits():
    Q = np.random.default_rng(3).normal(size=(3, 3))
    bits = list(itertools.product((0, 1), repeat=3))
    wanted = [sum(Q[i, j] * x[i] * x[j] for i in range(3) for j in range(3)) for x in bits]
    assert qubo(Q).on(Hypercube(3, values=(0, 1))).reshape(-1) == pytest.approx(wanted)


def test_ising_of_a_qubo_has_the_same_landscape():
    Q = np.random.default_rng(4).normal(size=(4, 4))
    couplings = np.triu(Q + Q.T, 1) / 4  # x = (1 + s) / 2
    fields = np.diag(Q) / 2 + (couplings + couplings.T).sum(axis=1)
    energies = ising(fields, couplings).on(Hypercube(4))
    costs = qubo(Q).on(Hypercube(4, values=(0, 1)))
    assert np.ptp(energies - costs) == pytest.approx(0, abs=1e-12)
    assert np.ptp(costs) > 0.1


@pytest.mark.parametrize("cost", [ising([1.0, -2.0], [[0, 0.5], [0, 0]]), qubo([[1.0, 2.0], [-0.5, 3.0]])])
def test_spec_and_gradient(cost):
    again = named(cost.spec["name"], **cost.spec["params"])
    domain = Hypercube(2, values=(-1, 1) if cost.name == "ising" else (0, 1))
    assert again.on(domain) == pytest.approx(cost.on(domain), abs=0)
    assert all(isinstance(value, list) for value in cost.spec["params"].values())
    w, v = domain.points, np.array([0.3, -0.7])  # the quadratic extension along a line: exact central difference
    if cost.name == "ising":
        h, J = np.array([1.0, -2.0]), np.array([[0, 0.5], [0.5, 0]])
        assert cost.gradient(w) @ v == pytest.approx((h + w @ J) @ v)
    else:
        Q = np.array([[1.0, 2.0], [-0.5, 3.0]])
        wanted = [((p + v) @ Q @ (p + v) - (p - v) @ Q @ (p - v)) / 2 for p in w]
        assert cost.gradient(w) @ v == pytest.approx(wanted)


def test_binary_costs_refuse_bad_input():
    with pytest.raises(ProblemError, match="`h` must be a list of numbers"):
        ising([[1.0]], [[0.0]])
    with pytest.raises(ProblemError, match=r"`J` must be a 2 x 2 matrix, but is of shape \(3, 3\)"):
        ising([1.0, 2.0], np.zeros((3, 3)))
    with pytest.raises(ProblemError, match="`J` must have a zero diagonal"):
        ising([1.0, 2.0], np.eye(2))
    with pytest.raises(ProblemError, match="`J` must be upper triangular or symmetric"):
        ising([1.0, 2.0], [[0, 1.0], [2.0, 0]])
    with pytest.raises(ProblemError, match=r"`Q` must be a square matrix, but is of shape \(1, 2\)"):
        qubo([[1.0, 2.0]])
    with pytest.raises(ProblemError, match="`Q` must be finite"):
        qubo([[np.inf]])
    with pytest.raises(ProblemError, match=r"`qubo` takes binary weights: use Hypercube\(1, values=\(0, 1\)\)"):
        qubo([[1.0]]).on(Hypercube(1))
    with pytest.raises(ProblemError, match=r"`ising` takes binary weights: use Hypercube\(2, values=\(-1, 1\)\)"):
        ising([1.0, 0.0], np.zeros((2, 2))).on(Hypercube(2, values=(0, 1)))
    with pytest.raises(ProblemError, match="`qubo` takes 1 weight, but the points have 2"):
        qubo([[1.0]])(np.zeros((1, 2)))
