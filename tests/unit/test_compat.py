"""`QHD` and quadratic programs of `qml_dynamics.compat`: what they mean, what is refused, and that nothing is loaded before it is used."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import sympy
from docplex.mp.model import Model
from qiskit_optimization import QuadraticProgram
from qiskit_optimization.converters import QuadraticProgramToQubo

import qml_dynamics as qd
from qml_dynamics.base.errors import MethodError, ProblemError
from qml_dynamics.compat import QHD, from_docplex, from_quadratic_program

X, Y = sympy.symbols("x y")
PROGRAM = -4 * X**2 + 3 * X * Y - 2 * Y**2 + 3 * X - Y + sympy.exp(X)


def test_nothing_is_loaded_before_it_is_used():
    """Neither by the library nor by the package of the faces; each face brings its own vendor only."""
    code = (
        "import sys, qml_dynamics, qml_dynamics.compat as c\n"
        "vendors = ('qiskit', 'qiskit_algorithms', 'pennylane', 'sympy', 'docplex', 'qiskit_optimization')\n"
        "print([v for v in vendors if v in sys.modules])\n"
        "c.QHD.QP([[1.0]], [1.0]); c.from_quadratic_program\n"
        "print([v for v in vendors if v in sys.modules])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == ["[]", "[]"]


def test_an_expression_is_the_same_function_on_the_same_box():
    """The symbols in the order given, values and slopes as SymPy has them."""
    loss = QHD.SymPy(PROGRAM, [Y, X], [(-1, 2), (0, 1)])
    points = np.random.default_rng(0).uniform(-1, 1, (5, 2))
    values = [float(PROGRAM.subs({Y: a, X: b})) for a, b in points]
    np.testing.assert_allclose(loss(points), values, rtol=1e-12)
    slopes = [[float(PROGRAM.diff(s).subs({Y: a, X: b})) for s in (Y, X)] for a, b in points]
    np.testing.assert_allclose(loss.gradient(points), slopes, rtol=1e-9)
    assert loss.bounds == ((-1.0, 2.0), (0.0, 1.0))
    assert QHD.SymPy(X + 0 * Y, [X, Y]).bounds == ((0.0, 1.0), (0.0, 1.0))


def test_a_quadratic_program_is_half_of_the_form():
    matrix, linear = [[-2.0, 1.0], [1.0, -1.0]], [0.75, -0.25]
    loss = QHD.QP(matrix, linear, (-1, 1))
    x = sympy.Matrix(sympy.symbols("x0 x1"))
    expression = (x.T * sympy.Matrix(matrix) * x / 2 + sympy.Matrix([linear]) * x)[0]
    points = np.random.default_rng(1).uniform(-1, 1, (5, 2))
    np.testing.assert_allclose(loss(points), QHD.SymPy(expression, list(x))(points), rtol=1e-12)
    assert np.ptp(loss(points)) > 0.1


def test_descend_and_problem_take_them():
    loss = QHD.QP([[-2.0, 1.0], [1.0, -1.0]], [0.75, -0.25], [(0, 1), (0, 1)])
    with pytest.warns(qd.EdgeWeightWarning):  # a minimum in a corner of the box
        found = qd.descend(loss, qubits=4, steps=400, seed=2)
    assert found.loss == pytest.approx(-0.75, abs=1e-6)
    np.testing.assert_allclose(found.weights, [0.0, 1.0], atol=1e-6)
    problem = qd.Problem(qd.Grid([(0, 1), (0, 1)], 3), loss, 0.5, clock="imaginary", duration=0.1)
    assert problem.objective is loss


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: QHD.SymPy(sympy.erf(X), [X]), r"`func` must be made of .* but has 'erf\(x\)'"),
        (lambda: QHD.SymPy(X + Y, [X]), "`syms` must hold every symbol"),
        (lambda: QHD.SymPy(sympy.I * X, [X]), "`func` must have real numbers"),
        (lambda: QHD.SymPy("x", [X]), "`func` must be an expression of SymPy"),
        (lambda: QHD.SymPy(X, []), "`syms` must be symbols"),
        (lambda: QHD.SymPy(X, [X, X]), "`syms` must be different"),
        (lambda: QHD.SymPy(X, [X], (1, 0)), "`bounds` must be a pair"),
        (lambda: QHD.SymPy(X + Y, [X, Y], [(0, 1)]), "`bounds` must be a pair"),
        (lambda: QHD.QP([[1, 2], [3, 4]], [1, 2]), "`Q` must be symmetric"),
        (lambda: QHD.QP([[1, 2]], [1, 2]), "`Q` must be a square matrix"),
        (lambda: QHD.QP([[1.0]], [1, 2]), "`b` must have 1 entries"),
        (lambda: QHD.QP([[np.nan]], [1]), "`Q` must be"),
    ],
)
def test_what_is_no_problem_of_qhdopt_is_refused_by_name(make, message):
    with pytest.raises(ProblemError, match=message):
        make()


def knapsack() -> QuadraticProgram:
    """An integer, a constraint, and an objective that is not symmetric in its variables."""
    program = QuadraticProgram()
    program.binary_var("a")
    program.integer_var(0, 3, "k")
    program.binary_var("c")
    program.minimize(0.5, {"a": -1, "k": -2, "c": 1.5}, {("a", "k"): 1.2, ("c", "c"): -0.25})
    program.linear_constraint({"a": 1, "k": 1}, "<=", 3, "cap")
    return program


def every(count: int) -> np.ndarray:
    return (np.arange(1 << count)[:, None] >> np.arange(count) & 1).astype(float)


@pytest.mark.parametrize("sense", ["minimize", "maximize"])
def test_values_of_a_quadratic_program(sense):
    """Those of the program at every point, and the cost that is minimised has its sign."""
    program = QuadraticProgram()
    for name in "abc":
        program.binary_var(name)
    getattr(program, sense)(1.5, [1, -2, 0.5], {("a", "b"): 3.0, ("b", "c"): -1.0, ("c", "c"): 0.75})
    read, points = from_quadratic_program(program), every(3)
    expected = np.array([program.objective.evaluate(point) for point in points])
    np.testing.assert_allclose(read.value(points), expected)
    np.testing.assert_allclose(read.objective(points), (expected - 1.5) * (1 if sense == "minimize" else -1))
    best = points[read.objective(points).argmin()]
    chosen = expected.min() if sense == "minimize" else expected.max()
    assert program.objective.evaluate(best) == chosen
    assert np.ptp(expected) > 3
    assert read.assignment(best) == dict(zip("abc", best))
    assert read.objective.spec["name"] == "qubo"


def test_a_converted_program_has_its_optimum():
    """Penalties and bits are theirs, and the way back to the variables too; run by imaginary time."""
    program = knapsack()
    read = from_quadratic_program(program, convert=True)
    turned = QuadraticProgramToQubo().convert(program)
    points = every(len(read.names))
    np.testing.assert_allclose(read.value(points), [turned.objective.evaluate(point) for point in points])
    problem = qd.Problem(read.domain, read.objective, qd.Linear(1.0, 0.02), clock="imaginary", duration=2.0)
    run = qd.evolve(problem, qd.SplitStep(60))
    best = read.domain.points_at(np.array([int(run.density[-1].argmax())]))[0]
    assert read.assignment(best) == {"a": 0.0, "k": 3.0, "c": 0.0}
    assert read.value(best)[0] == pytest.approx(-5.5)
    heavy = from_quadratic_program(program, convert=True, penalty=50.0)
    assert np.ptp(heavy.value(points)) > 2 * np.ptp(read.value(points))


def test_a_model_of_docplex():
    with np.printoptions():  # which it changes for the whole process
        model = Model()
    a, b = model.binary_var(name="a"), model.binary_var(name="b")
    model.maximize(3 - a - 2 * b + 4 * a * b)
    read = from_docplex(model)
    assert read.names == ("a", "b")
    np.testing.assert_allclose(read.value([[0, 0], [1, 0], [0, 1], [1, 1]]), [3.0, 2.0, 1.0, 4.0])
    assert read.sign == -1
    model.add_constraint(a + b <= 1, "once")
    with pytest.raises(ProblemError, match="no constraints, but has 'once'"):
        from_docplex(model)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: from_quadratic_program(knapsack()), "no constraints, but has 'cap'"),
        (lambda: from_quadratic_program(knapsack(), penalty=3.0), "`penalty` must be None without convert"),
        (lambda: from_quadratic_program(knapsack(), convert=True, penalty=-1.0), "`penalty`"),
        (lambda: from_quadratic_program(QuadraticProgram()), "have a variable"),
        (lambda: from_quadratic_program([[1.0]]), "`program` must be a QuadraticProgram"),
        (lambda: from_docplex([[1.0]]), "`model` must be a model of docplex"),
        (lambda: from_quadratic_program(_continuous()), "'u' is continuous"),
        (lambda: from_quadratic_program(_continuous(), convert=True), "one that can be converted"),
    ],
)
def test_what_is_no_binary_program_is_refused_by_name(make, message):
    with pytest.raises((ProblemError, MethodError), match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def _continuous() -> QuadraticProgram:
    program = QuadraticProgram()
    program.continuous_var(0, 1, "u")
    program.minimize(linear={"u": 1})
    return program


@pytest.mark.parametrize("sense", ["maximize", "minimize"])
@pytest.mark.parametrize("capped", [False, True])
def test_a_converted_program_keeps_its_sense(sense, capped):
    """Their converter minimises what was to be maximised; the value is that of the program all the same."""
    program = QuadraticProgram()
    program.binary_var("a"), program.binary_var("b")
    getattr(program, sense)(constant=1, linear={"a": 1, "b": 2})
    if capped:
        program.linear_constraint({"a": 1, "b": 1}, "<=", 1, "cap")
    read = from_quadratic_program(program, convert=True)
    point = np.zeros(len(read.names))
    point[1] = 1.0
    assert read.value(point)[0] == pytest.approx(3.0)
    assert read.sign == (-1 if sense == "maximize" else 1)


@pytest.mark.parametrize("Q", [np.array([[1 + 1j]]), [[1j]]])
def test_a_complex_matrix_is_refused(Q):
    with pytest.raises(ProblemError, match="`Q` must be an array of finite numbers"):
        QHD.QP(Q, [1.0])
