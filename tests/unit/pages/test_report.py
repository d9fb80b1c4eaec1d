"""`report`: a page that is well-formed, loads nothing, escapes every text, and says the numbers of the run."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit_aer import AerSimulator

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.cli import main
from qml_dynamics.plotting.pages import citation, palette, vectors
from qml_dynamics.runs.trajectory_file import write_run
from tests.unit.pages.pages import Node, check_page, numbers_of, read, said, section

ROOT = Path(qd.__file__).parents[1]
STORED = ROOT / "tests" / "stored" / "data"
EVIL = "<script>alert(1)</script>"
SECTIONS = [
    *("summary", "problem", "data", "landscape", "wave", "energies", "reference", "budget", "circuits"),
    *("device", "cost", "provenance", "reproduce", "cite"),
]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def page_of(run: Any, folder: Path, **options: Any) -> tuple[str, Node]:
    text = qd.report(run, folder / "page.html", **options).read_text(encoding="utf-8")
    return text, read(text)


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Node]:
    """A stored folder of the command `run`: samples, a reference, a comparison and a budget."""
    folder = tmp_path_factory.mktemp("sampled")
    shutil.copytree(STORED / "command_line" / "run", folder / "run")
    return folder / "run", *page_of(folder / "run", folder)


def well(**options: Any) -> qd.Problem:
    stated: dict[str, Any] = {"clock": "imaginary", "duration": 0.5, **options}
    return qd.Problem(qd.Grid((-2, 2), 4), qd.objectives.double_well(tilt=0.3), 0.5, **stated)


@pytest.fixture(scope="module")
def exact() -> qd.Trajectory:
    return qd.evolve(well(), qd.SplitStep(20), save=4, seed=3)


def check_form(page: Node) -> None:
    """The form of every page, and the sections of a run."""
    check_page(page, SECTIONS)


# One of each: periodic, walls, hypercube, an operator, samples, a device, variation, growth, a bridge, signs, one saved time.
KINDS = [
    *("anneal", "backend_estimator", "bridge_default", "descent", "domain_one_bit", "domain_walls", "exact_operator"),
    *("growing_variational", "hamilton_jacobi", "loss_network", "observables", "qdrift_sampled", "variational_rk45"),
]
OTHERS = sorted({path.stem for path in (STORED / "trajectories").glob("*.npz")} - set(KINDS))


@pytest.mark.parametrize("names", [KINDS, pytest.param(OTHERS, marks=pytest.mark.slow)], ids=["kinds", "others"])
def test_every_kind_of_stored_run_makes_a_whole_page(names: list[str], tmp_path: Path) -> None:
    """Grids, walls, flux, hypercubes, operators, circuits with and without samples, variation, growth, bridges, descents."""
    assert len(KINDS + OTHERS) > 100
    shown, refused = 0, []
    for name in names:
        file = STORED / "trajectories" / f"{name}.npz"
        try:
            run = qd.load(file)
        except ProblemError as error:  # an initial wave of somebody's own
            refused.append(name)
            with pytest.raises(ProblemError, match=re.escape(str(error))):
                qd.report(file, tmp_path / "page.html")
            continue
        _, page = page_of(file, tmp_path)
        check_form(page)
        frames = len(list(page.all("li", "frame")))
        assert frames == min(len(run.times), 12), name
        shown += frames
        values = section(page, "energies").numbers()
        assert all(float(e.value[-1]) in values for e in run.expectations.values()), name
        assert ("no circuit was run" in page.text()) == (run.provenance.get("backend") is None), name
    assert shown >= 2 * (len(names) - len(refused))
    assert len(refused) <= 2


def test_a_stored_folder_is_told_whole(sampled: tuple[Path, str, Node]) -> None:
    """Every number of `result.json` on best weights, comparison, budget and energies stands in its section with all its digits."""
    folder, _, page = sampled
    check_form(page)
    result = said(folder / "result.json")
    parts = {"summary": "best", "reference": "comparison", "budget": "budget", "energies": "expectations"}
    for name, part in parts.items():
        asked = set(numbers_of(result[part]))
        if part == "best":
            asked.remove(result[part]["samples"])
        if part == "expectations":
            asked = {e[key] for e in result[part].values() for key in ("value", "stderr")}
        if part in ("comparison", "budget"):  # shots of an estimate are those of the run
            asked.discard(result["shots"])
        assert len(asked) >= 2
        assert asked <= set(section(page, name).numbers()), (part, asked - set(section(page, name).numbers()))
    assert result["shots"] in section(page, "summary").numbers()
    bars = len(list(section(page, "budget").all("rect")))
    assert bars == sum(e["value"] is not None for e in result["budget"]["terms"].values()) + 2
    assert len(list(section(page, "circuits").all("table"))) >= 3
    assert result["comparison"]["verdict"] in section(page, "summary").text()


def test_parts_that_a_run_lacks_are_told(exact: qd.Trajectory, tmp_path: Path) -> None:
    _, page = page_of(exact, tmp_path)
    for name, words in {
        "data": "not made of a table",
        "reference": "not compared with a reference",
        "budget": "No error budget was measured",
        "circuits": "no circuit was run",
        "device": "No backend took part",
    }.items():
        found = section(page, name)
        assert words in found.text()
        assert not list(found.all("svg"))
    spins = qd.Problem.from_operator({"XZ": 0.5, "ZI": 1.0}, clock="real", duration=0.3)
    _, other = page_of(qd.evolve(spins, qd.Krylov(), save=3), tmp_path)
    assert "no loss over weights" in section(other, "landscape").text()
    assert [t.text() for t in next(section(other, "wave").all("svg")).all("text", "mono")] == ["00", "01", "10", "11"]


def test_the_reference_and_the_budget_may_be_handed_over(exact: qd.Trajectory, tmp_path: Path) -> None:
    other = qd.evolve(well(), qd.Krylov(), save=4)
    budget = qd.error_budget(well(clock="real"), qd.SplitStep(20), seed=1)
    _, page = page_of(exact, tmp_path, reference=other, budget=budget)
    compared = qd.compare(exact, other)
    assert compared.total_variation in section(page, "reference").numbers()
    assert compared.verdict in section(page, "summary").text()
    assert {float(e.value) for e in budget.terms.values()} <= set(section(page, "budget").numbers())
    assert "ink" in [
        p.attributes["class"].split()[1] for p in next(section(page, "energies").all("svg")).all("path", "curve")
    ]


def test_nothing_is_loaded_and_nothing_else_may_run(sampled: tuple[Path, str, Node]) -> None:
    """No address but places in the page; the policy names the two constants by their SHA-256 and lets nothing else be used."""
    _, text, page = sampled
    for node in page.all():
        assert not {"src", "srcset", "action", "data", "poster", "style", "onclick", "onload"} & set(node.attributes)
        assert node.attributes.get("href", "#").startswith("#")
        assert node.name not in ("link", "iframe", "object", "embed", "img", "image", "use", "base", "form")
    assert not re.search(r"https?:|url\(|@import|javascript:", text)
    policy = next(
        n.attributes["content"] for n in page.all("meta") if n.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    for name in ("style", "script"):
        (node,) = page.all(name)
        digest = base64.b64encode(hashlib.sha256(node.text().encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert len(text) < 400_000


def test_texts_stay_texts(tmp_path: Path) -> None:
    """A loss, columns, classes, notes and errors that are markup, in a folder that somebody else wrote."""
    loss = qd.Objective(lambda w: w[:, 0] ** 2, EVIL)
    run = qd.evolve(
        qd.Problem(qd.Grid((-2, 2), 3), loss, 0.5, clock="real", duration=0.2), qd.SplitStep(2), save=2, seed=1
    )
    object.__setattr__(run, "stop", f"{EVIL} & 'quotes' \" \x00 \ud800 \u202e")
    extras = {
        "data": {"features": [EVIL, '" onload="alert(1)'], "classes": [EVIL, "b"]},
        "table": {"source": EVIL, "left_out": [[EVIL, EVIL]]},
        "comparison": {"agree": False, "verdict": EVIL, EVIL: {EVIL: EVIL}},
        "budget": {"terms": {EVIL: {"value": 0.1, "stderr": 0.0, "shots": None}}, "notes": [EVIL], "dominant": EVIL},
        "best_weights": [{"from": EVIL, "loss": EVIL}],
    }
    page_text, page = page_of(run, tmp_path)
    assert "\x00" not in page_text
    assert "\u202e" not in page_text
    run = qd.evolve(run.problem, qd.SplitStep(2), save=2, seed=1)
    folder = write_run(tmp_path / f"{EVIL[:8]}", run, extras)
    text, page = page_of(folder, tmp_path)
    check_form(page)
    assert len(list(page.all("script"))) == 1
    assert text.count("<script") == 1
    assert page.text().count(EVIL) > 10
    assert EVIL in section(page, "data").text()
    assert EVIL in section(page, "problem").text()


def test_odd_contents_of_a_result_are_told_or_left_out(exact: qd.Trajectory, tmp_path: Path) -> None:
    """Whatever stands where a table is expected, the page is whole."""
    odd: list[Any] = [
        None,
        3,
        "text",
        [],
        [1, "a"],
        {"terms": 1},
        {"terms": {"grid": "x"}},
        {"terms": {"a": {"value": None}}},
        True,
    ]
    for value in odd:
        extras = dict.fromkeys(("budget", "comparison", "data", "table", "best_weights", "annealing"), value)
        _, page = page_of(write_run(tmp_path / "odd", exact, extras), tmp_path)
        check_form(page)
        assert float(exact.expectations["energy"].value[-1]) in page.numbers()


def test_colours_have_the_contrast_of_wcag_aa() -> None:
    """Text 4.5 on paper and on panels; curves, bars, marks and edges 3; in both themes."""
    assert palette.contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert palette.contrast("#777777", "#ffffff") == pytest.approx(
        4.478, abs=2e-3
    )  # the well-known grey that just fails
    for theme in (palette.LIGHT, palette.DARK):
        for ground in ("paper", "panel"):
            assert min(palette.contrast(theme[name], theme[ground]) for name in palette.TEXTS) >= 4.5
        assert min(palette.contrast(theme[name], theme["paper"]) for name in palette.SHAPES) >= 3.0
        assert theme.keys() == palette.LIGHT.keys()
    for name in ("density", "loss"):
        for theme_name in ("light", "dark"):
            shades = [palette.luminance(color) for color in palette.ramp(name, theme_name)]
            steps = np.diff(shades)
            assert (steps > 0).all() or (steps < 0).all()
            assert palette.contrast(palette.ramp(name, theme_name)[0], palette.ramp(name, theme_name)[-1]) > 4.5


def test_maps_cover_the_cells_that_they_should() -> None:
    """An area of every mask, and the first axis to the right, the second one up."""
    rng = np.random.default_rng(5)
    for shape in ((1, 1), (7, 4), (16, 16)):
        inside = rng.random(shape) < 0.4
        covered = np.zeros(shape, dtype=int)
        for x, y, width, height in _rectangles(vectors._cells(inside)):
            covered[x : x + width, y : y + height] += 1
        assert np.array_equal(covered, inside.astype(int))
    values = np.zeros((4, 8))
    values[3, 1] = 1.0  # the last of the first weight, low in the second
    panel = vectors.Panel.around((0.0, 4.0), (0.0, 8.0))
    (group,) = panel.map(values, "density", vectors.level_edges(0.0, 1.0, 1.0))
    where = dict(group.attributes)["transform"]
    dx, dy, sx, sy = (float(part) for part in re.findall(r"-?[\d.]+", where))
    ((x, y, width, height),) = _rectangles(dict(group.children[1].attributes)["d"])  # type: ignore[union-attr]
    assert dx + sx * (x + width / 2) == pytest.approx(panel.x.at(3.5), abs=0.1)
    assert dy + sy * (y + height / 2) == pytest.approx(panel.y.at(1.5), abs=0.1)
    assert panel.y.at(1.5) > panel.y.at(6.5)


def _rectangles(path: str) -> list[tuple[int, int, int, int]]:
    return [tuple(map(int, found)) for found in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+z", path)]  # type: ignore[misc]


def test_the_curve_of_the_wave_has_its_peak_where_the_density_has(exact: qd.Trajectory, tmp_path: Path) -> None:
    """The tilted well is deeper on the left; and later pictures differ from earlier ones."""
    _, page = page_of(exact, tmp_path)
    frames = list(page.all("li", "frame"))
    assert [f.attributes["data-time"] for f in frames] == [f"τ = {t:.4g}" for t in exact.times]
    curves = [
        next(p for p in f.all("path", "curve") if "blue" in p.attributes["class"]).attributes["d"] for f in frames
    ]
    assert len(set(curves)) == len(curves)
    points = np.array(re.findall(r"([\d.]+) ([\d.]+)", curves[-1]), dtype=float)
    grid = exact.problem.domain
    low, high = grid.axes[0][0] - grid.spacing[0] / 2, grid.axes[0][-1] + grid.spacing[0] / 2
    peak = points[np.argmin(points[:, 1]), 0]
    share = (grid.axes[0][np.argmax(exact.density[-1])] - low) / (high - low)
    assert share < 0.45
    assert peak == pytest.approx(vectors.LEFT + share * (vectors.WIDTH - vectors.RIGHT - vectors.LEFT), abs=0.6)
    control = next(page.all("div", "slider"))
    assert "hidden" in control.attributes  # until a script runs
    assert next(control.all("input")).attributes["max"] == "3"


def test_counts_are_those_of_the_run(sampled: tuple[Path, str, Node]) -> None:
    folder, _, page = sampled
    run = qd.load(folder)
    assert run.counts is not None
    counts = run.counts["weight"][-1]
    (shown,) = [t for t in section(page, "circuits").all("table") if "samples of weights" in t.text()]
    first = list(shown.all("tr"))[1]
    top = int(np.argmax(counts.count))
    assert int(first.text()[: run.problem.domain.num_qubits], 2) == counts.index[top]
    assert first.numbers()[0] == counts.count[top]
    assert first.numbers()[1] == pytest.approx(counts.count[top] / counts.shots, abs=1e-12)


@pytest.mark.slow
def test_compact_waves_are_shown_by_their_marginals(tmp_path: Path) -> None:
    """More points than any table holds."""
    wide = qd.Problem(
        qd.Grid([(-2, 2)] * 2, 13), qd.objectives.quadratic(center=(0.5, -0.5)), 0.5, clock="imaginary", duration=0.2
    )
    run = qd.evolve(wide, qd.TensorTrain(steps=4), save=2, seed=1)
    _, page = page_of(run, tmp_path)
    check_form(page)
    assert "Marginal probability density" in section(page, "wave").text()
    assert len(list(next(page.all("li", "frame")).all("path", "filled"))) == 2


def test_a_run_that_is_not_finished_is_refused(tmp_path: Path) -> None:
    shutil.copytree(STORED / "runs" / "killed_two_calls" / "run", tmp_path / "begun")
    with pytest.raises(
        ProblemError, match=r"Argument `run` must be a finished run, but .* batches done: .*qml-dynamics fetch"
    ):
        qd.report(tmp_path / "begun")
    assert not (tmp_path / "begun" / "report.html").exists()


def test_a_submitted_run_tells_its_jobs_and_its_shots(tmp_path: Path) -> None:
    run = qd.submit(
        well(clock="real"), qd.Trotter(2), backend="statevector", shots=50, seed=1, folder=tmp_path / "sent", quiet=True
    )
    assert run.fetch() is not None
    page = read(qd.report(tmp_path / "sent").read_text(encoding="utf-8"))
    check_form(page)
    assert run.status().shots in section(page, "cost").numbers()
    assert "finished" in section(page, "device").text()
    command = next(section(page, "reproduce").all("code")).text()
    assert command.startswith(
        "qml-dynamics submit sent --out sent-again --backend statevector --shots 50 --seed 1 --save 2"
    )


@pytest.mark.slow
def test_cost_is_counted_where_it_is_asked_for(tmp_path: Path) -> None:
    run = qd.evolve(well(clock="real"), qd.Trotter(1), backend="statevector", save=2, seed=1)
    _, page = page_of(run, tmp_path)
    assert "were not counted" in section(page, "cost").text()
    _, page = page_of(run, tmp_path, cost=True)
    found = qd.cost(run.problem, run.method, backend="statevector", save=run.times.tolist(), seed=1)
    assert {found.gates, found.two_qubit_gates, found.depth} <= set(section(page, "cost").numbers())


def test_only_an_earlier_report_is_replaced(exact: qd.Trajectory, tmp_path: Path) -> None:
    page = qd.report(exact, tmp_path / "new" / "page.HTML")
    before = page.read_bytes()
    assert qd.report(exact, page).read_bytes() == before
    (tmp_path / "mine.html").write_text("<p>my own page</p>")
    for name, words in (
        ("mine.html", "must be a new file or an earlier report"),
        ("page.txt", "must end in .html or .htm"),
    ):
        with pytest.raises(ProblemError, match=words):
            qd.report(exact, tmp_path / name)
    with pytest.raises(ProblemError, match="must be a saved trajectory or a run folder"):
        qd.report(tmp_path / "nowhere", tmp_path / "other.html")
    assert (tmp_path / "mine.html").read_text() == "<p>my own page</p>"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.html", "new"]
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["page.HTML"]


def test_a_file_of_the_folder_that_leads_elsewhere_is_not_read(exact: qd.Trajectory, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", exact)
    (tmp_path / "secret.json").write_text('{"comparison": {"verdict": "secret"}}')
    (folder / "result.json").unlink()
    (folder / "result.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(ProblemError, match="is a link that leads out of it"):
        qd.report(folder)
    assert not (folder / "report.html").exists()


def test_the_command_writes_beside_the_run(
    sampled: tuple[Path, str, Node], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same page as from Python, and a folder of any name."""
    shutil.copytree(sampled[0], tmp_path / "run")
    with pytest.raises(SystemExit) as left:
        main(["report", str(tmp_path / "run"), "--json"])
    assert left.value.code == 0
    assert f'"report": "{tmp_path / "run" / "report.html"}"' in capsys.readouterr().out
    assert (tmp_path / "run" / "report.html").read_text(encoding="utf-8") == sampled[1]
    assert qd.load(tmp_path / "run").times[-1] > 0  # the page does not disturb the run


def test_the_lines_that_reproduce_a_run_do(
    exact: qd.Trajectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "run", exact)
    page = read(qd.report(tmp_path / "run").read_text(encoding="utf-8"))
    command, lines = [node.text() for node in section(page, "reproduce").all("code")]
    assert command == "qml-dynamics run run --out run-again --seed 3 --save 4"
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(lines, names)
    assert np.allclose(names["again"].density, exact.density, atol=1e-12)


ANNEALED: dict[str, dict[str, Any]] = {
    "anneal": {},
    "portfolio": {"restarts": 1},
    "quench": {"method": qd.Exact()},
    "steps": {"strategy": "anneal", "method": qd.SplitStep(40), "adapt": "gap"},
    "circuits": {"strategy": "anneal", "backend": "statevector", "shots": 4000},
}


@pytest.mark.parametrize("name", list(ANNEALED))
def test_the_lines_that_reproduce_an_annealing_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the result and of its file, where that tells all options; `evolve` with its record refuses the problem."""
    options = {"strategy": name, **ANNEALED[name]}
    problem = well(duration=2.0).replace(diffusion=qd.Geometric(1.0, 0.02))
    run = qd.anneal(problem, 4, seed=1, progress=False, **options)
    run.save(tmp_path / "run.npz")
    with pytest.raises(qd.MethodError, match=r"`(problem|backend)` must"):
        qd.evolve(run.problem, run.method, seed=1, backend=options.get("backend"), save=run.times)
    monkeypatch.chdir(tmp_path)
    for source in (run, "run.npz")[: 1 if options.get("method") or options.get("backend") else 2]:
        _, page = page_of(source, tmp_path)
        lines = list(section(page, "reproduce").all("code"))[-1].text()
        assert f"qd.anneal(run.problem, 4, {options['strategy']!r}, " in lines
        names: dict[str, Any] = {}
        exec(lines, names)
        assert np.array_equal(names["again"].density, run.density)
        assert names["again"].method == run.method
    assert np.abs(run.density[-1] - run.density[0]).max() > 0.05


def test_the_citation_is_that_of_the_repository() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    found = dict(re.findall(r'^\s*-?\s*([a-z-]+): "?([^"\n]+)"?$', text, re.M))
    assert found["title"] == citation.TITLE
    assert found["name"] == citation.AUTHORS
    assert found["version"] == citation.VERSION == qd.__version__
    assert found["license"] == citation.LICENSE
    assert found["date-released"].startswith(citation.YEAR)
    assert citation.AUTHORS in citation.as_bibtex()
    assert citation.VERSION in citation.as_text()


def test_another_reference_brings_its_own_comparison(sampled: tuple[Path, str, Node], tmp_path: Path) -> None:
    folder, text, _ = sampled
    run = qd.load(folder)
    other = qd.evolve(run.problem, qd.SplitStep(1, order=1), save=run.times)
    found = qd.compare(run, other).total_variation
    told = [
        float(value) for value in re.findall(r'<data value="([^"]+)"', page_of(folder, tmp_path, reference=other)[0])
    ]
    assert any(abs(value - found) < 1e-9 for value in told)
    before = [float(value) for value in re.findall(r'<data value="([^"]+)"', text)]
    assert not any(abs(value - found) < 1e-9 for value in before)


def test_the_digest_is_that_of_the_trajectory(sampled: tuple[Path, str, Node]) -> None:
    folder, text, _ = sampled
    assert (folder / "reference.npz").is_file()
    digest = hashlib.sha256((folder / "trajectory.npz").read_bytes()).hexdigest()
    assert f"Its trajectory has the SHA-256 {digest}" in text


def test_a_run_of_samples_only_has_a_page(tmp_path: Path) -> None:
    n = 27
    bonds = {f"Z{i} Z{i + 1}": -1.0 for i in range(n - 1)}
    chain = qd.Problem.from_operator(bonds | {"X0": -1.0}, clock="real", duration=0.1, initial="0" * n)
    simulator = AerSimulator(method="matrix_product_state", matrix_product_state_max_bond_dimension=16)
    run = qd.evolve(chain, qd.Trotter(1), backend=simulator, shots=20, seed=1)
    assert run.compact == ()  # type: ignore[attr-defined]
    assert "This run has samples and no wave" in page_of(run, tmp_path)[0]
