"""`report` of everything that is no run: chains, descents, trainings, networks, diffusion models, thermal laws and sweeps."""

from __future__ import annotations

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qml_dynamics as qd
from qml_dynamics.base.errors import ProblemError
from qml_dynamics.cli import main
from tests.unit.pages.pages import Node, check_page, read, section

EVIL = "<script>alert(1)</script>"
ROOT = Path(qd.__file__).parents[1]
STORED = ROOT / "tests" / "stored" / "data" / "command_line"
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
WELL = qd.Problem(qd.Grid((-2, 2), 4), qd.objectives.double_well(tilt=0.3), 0.5, clock="imaginary", duration=1.0)

# Which sections each page has, beside those that all have at their end.
KINDS = {
    "chain": ["summary", "problem", "data", "landscape", "law", "energies", "circuits", "device", "cost"],
    "train": ["summary", "training", "parameters", "circuits", "cost"],
    "grow": ["summary", "data", "training", "growth", "network", "circuits", "cost"],
    "diffuse": ["summary", "problem", "data", "generated", "wave", "circuits", "cost"],
    "gibbs": ["summary", "problem", "law", "circuits", "cost"],
    "sweep": ["summary", "problem", "over", "results", "points", "failures"],
}
ENDS = ["provenance", "reproduce", "cite"]


def code_of(*words: str | Path) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def turning() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("x"), 0)
    circuit.rx(Parameter("a"), 1)
    circuit.cx(0, 1)
    circuit.ry(Parameter("b"), 0)
    return circuit


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of each kind, of commands and of calls; the column of the tables is markup."""
    place = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(5)
    kinds = np.array(["low", "top"])[rng.integers(0, 2, 60)]
    size = np.where(kinds == "low", 0.0, 4.0) + rng.normal(size=60)
    rows = [f"{s:.4f},{w:.4f},{k}" for s, w, k in zip(size, rng.normal(size=60), kinds)]
    (place / "t.csv").write_text("\n".join([f"{EVIL},width,kind", *rows]))
    common = ("--seed", "1", "--out")
    few = ("--columns", EVIL, "--label", "kind", "--samples", "60", "--steps", "20", "--program", "modes", "--no-plots")
    assert code_of("diffuse", place / "t.csv", *few, *common, place / "diffuse") == 0
    assert (
        code_of("gibbs", "--energies=-0.3,1.1,0.4", "--backend", "aer", "--shots", "400", *common, place / "gibbs") == 0
    )
    assert code_of("grow", place / "t.csv", "--target", "kind", "--epochs", "8", *common, place / "grow") == 0
    named = qd.Objective(WELL.objective.fn, EVIL)  # type: ignore[union-attr]
    qd.metts(WELL.replace(objective=named), tau=0.5, samples=64, seed=1, folder=place / "chain")
    ask: dict[str, Any] = {"features": [[0.1], [2.0], [0.4]], "labels": [1, -1, 1], "inputs": ["x"], "steps": 6}
    qd.train(turning(), "squared", [0.3, 0.2], **ask, seed=0, folder=place / "train")
    over = {"diffusion.value": [0.2, 0.4, 0.6], "method.steps": [4, 8]}
    trotter, real = qd.Trotter(4), WELL.replace(clock="real")
    qd.sweep(real, over, method=trotter, backend="aer", shots=100, seed=1, folder=place / "sweep", workers=1)
    return place


def page_of(run: Any, folder: Path) -> tuple[str, Node]:
    text = qd.report(run, folder / "page.html").read_text(encoding="utf-8")
    return text, read(text)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_folder_has_a_whole_page(kind: str, made: Path, tmp_path: Path) -> None:
    """Well-formed, loads nothing, every name escaped; the command writes the same beside the files, and again."""
    text, page = page_of(made / kind, tmp_path)
    assert check_page(page) == KINDS[kind] + ENDS
    assert text.count("<script") == 1
    assert not re.search(r"https?:|url\(|@import|javascript:", text)
    assert len(list(page.all("svg"))) >= (0 if kind == "sweep" else 1)
    assert EVIL in page.text() or kind in ("train", "gibbs", "sweep")
    assert len(page.numbers()) > 12
    shutil.copytree(made / kind, tmp_path / kind)
    for _ in range(2):
        assert code_of("report", tmp_path / kind) == 0
        assert (tmp_path / kind / "report.html").read_text(encoding="utf-8") == text
    for node in section(page, "provenance").all("code"):
        assert re.fullmatch("[0-9a-f]{64}", node.text())


def test_a_chain_tells_its_means_and_its_law(made: Path, tmp_path: Path) -> None:
    chain = qd.Chain.load(made / "chain" / "chain.npz")
    text, page = page_of(chain, tmp_path)
    assert {chain.effective_sample_size, chain.total_variation} <= set(section(page, "summary").numbers())
    mean = chain.mean(chain.problem.objective)  # type: ignore[arg-type]
    assert mean.stderr > 0
    assert {mean.value, mean.stderr} <= set(section(page, "energies").numbers())
    frames = [node.attributes["data-time"] for node in page.all("li", "frame")]
    assert frames == [*(f"first {n} samples" for n in (4, 8, 16, 32)), "all 64 samples", "exact law"]
    counts = np.bincount(chain.index.reshape(-1)[:64])
    assert section(page, "circuits").numbers()[0] == counts.max()
    lines = [node.text() for node in section(page, "reproduce").all("code")][-1]
    names: dict[str, Any] = {}
    exec(lines.replace("'chain.npz'", repr(str(made / "chain" / "chain.npz"))), names)
    np.testing.assert_array_equal(names["again"].samples, chain.samples)
    assert text.count("data-frames") >= 1


def lines_of(chain: qd.Chain, folder: Path) -> str:
    """The Python lines that make a chain again."""
    _, page = page_of(chain, folder)
    return [node.text() for node in section(page, "reproduce").all("code")][-1]


def test_the_lines_of_a_chain_name_all_that_decides_it(tmp_path: Path) -> None:
    method, file = qd.SplitStep(5), tmp_path / "chain.npz"
    with ThreadPoolExecutor(1) as pool:
        apart = qd.metts(WELL, tau=0.5, samples=8, seed=1, method=method, executor=pool)
        lines = lines_of(apart, tmp_path)
        assert ", workers=1," in lines
        names: dict[str, Any] = {"pool": pool}
        apart.save(file)
        exec(lines.replace("'chain.npz'", repr(str(file))).replace("workers=1", "executor=pool"), names)
    np.testing.assert_array_equal(names["again"].samples, apart.samples)
    assert names["again"].method == method
    short = qd.ProbabilisticITE(1.0, 2, order=2, block="exact")
    shot = qd.metts(WELL, 0.5, 4, seed=1, burn_in=0, walkers=2, backend="statevector", shots=300, method=short)
    lines = lines_of(shot, tmp_path)
    assert ", shots=300," in lines
    assert "workers" not in lines
    shot.save(file)
    exec(lines.replace("'chain.npz'", repr(str(file))), names)
    np.testing.assert_array_equal(names["again"].samples, shot.samples)


def test_a_training_tells_its_curves_and_draws_its_circuit(made: Path, tmp_path: Path) -> None:
    found = qd.TrainResult.load(made / "train" / "training.npz")
    _, page = page_of(made / "train" / "training.npz", tmp_path)
    assert {float(v) for v in found.loss} <= set(section(page, "training").numbers())
    assert {float(v) for v in found.theta} <= set(section(page, "parameters").numbers())
    assert found.loss[-1] < found.loss[0]
    drawn = next(section(page, "circuits").all("pre")).text()
    assert drawn == str(turning().draw(output="text", fold=-1, initial_state=False, cregbundle=True))
    gates = {next(row.all("th")).text(): row.numbers() for row in section(page, "circuits").all("tr")}
    assert (gates["cx"], gates["ry"], gates["all gates"], gates["qubits"]) == ([1.0], [2.0], [4.0], [2.0])


def test_a_network_tells_its_growth_beside_the_fixed_one(made: Path, tmp_path: Path) -> None:
    found = qd.growth.Trained.load(made / "grow" / "network.npz")
    _, page = page_of(made / "grow", tmp_path)
    ends = {float(found.recording[name][-1]) for name in ("loss/train", "loss/held_out", "accuracy/held_out")}
    assert ends <= set(section(page, "summary").numbers())
    assert "all units from the start" in section(page, "summary").text()
    assert "low, top" in section(page, "data").text()
    command = next(section(page, "reproduce").all("code")).text()
    assert command.startswith("qml-dynamics grow ")
    assert "--epochs=8" in command
    _, alone = page_of(found, tmp_path)  # an object of this process: no baseline, no command
    assert check_page(alone) == KINDS["grow"] + ENDS
    assert "all units from the start" not in alone.text()


def test_a_diffusion_model_tells_its_distances_and_its_noise(made: Path, tmp_path: Path) -> None:
    said = json.loads((made / "diffuse" / "result.json").read_text())
    _, page = page_of(made / "diffuse", tmp_path)
    assert set(said["energy_distance_to_held_out"].values()) <= set(section(page, "summary").numbers())
    forward = json.loads((made / "diffuse" / "forward.json").read_text())
    axis, laws = np.array(forward["axes"][0]), np.array(forward["density"])
    np.testing.assert_allclose(laws.sum(axis=1) * (axis[1] - axis[0]), 1.0, atol=1e-9)  # densities
    shares, times = laws / laws.sum(axis=1, keepdims=True), np.array(forward["times"])
    offset = axis[None, :] - (shares @ axis)[:, None]
    second, fourth = (shares * offset**2).sum(axis=1), (shares * offset**4).sum(axis=1)
    excess = fourth - 3 * second**2  # the fourth cumulant, 0 of a Gaussian
    assert excess[0] < -0.5  # two classes
    np.testing.assert_allclose(second, second[0] * np.exp(-2 * times) + 1 - np.exp(-2 * times), atol=1e-3)
    np.testing.assert_allclose(excess, excess[0] * np.exp(-4 * times), atol=5e-3)  # of Ornstein and Uhlenbeck's process
    assert [n.attributes["data-time"] for n in page.all("li", "frame")] == [f"t = {t:.3g}" for t in forward["times"]]
    seen = said["seen"][EVIL]
    assert sum(seen["generated"]) * (seen["edges"][1] - seen["edges"][0]) == pytest.approx(1.0)
    assert "10 qubits" in text_of(page, "circuits") or "qubits" in text_of(page, "circuits")
    assert len(list(section(page, "circuits").all("pre"))) == 2  # drawn, and as a program


def text_of(page: Node, name: str) -> str:
    return section(page, name).text()


def test_a_thermal_law_stands_beside_the_exact_one(made: Path, tmp_path: Path) -> None:
    _, page = page_of(made / "gibbs", tmp_path)
    said = json.loads((made / "gibbs" / "result.json").read_text())
    assert set(said["probabilities"] + said["exact"] + said["stderr"]) <= set(section(page, "law").numbers())
    exact = np.exp([0.3, -1.1, -0.4])
    np.testing.assert_allclose(said["exact"], exact / exact.sum(), atol=1e-12)
    assert "Samples follow the exact law." in text_of(page, "summary")
    command = next(section(page, "reproduce").all("code")).text()
    assert command == "qml-dynamics gibbs --energies=-0.3,1.1,0.4 --backend=aer --shots=400 --seed=1"
    words = command.split()[1:]
    assert "The seed decides every sample" in text_of(page, "reproduce")
    assert code_of("gibbs", "--energies=-0.3,1.1,0.4", "--out", tmp_path / "exact") == 0
    assert "Nothing was drawn" in text_of(page_of(tmp_path / "exact", tmp_path)[1], "reproduce")
    assert code_of(*words, "--out", tmp_path / "again") == 0
    again = json.loads((tmp_path / "again" / "result.json").read_text())
    assert again["probabilities"] == said["probabilities"]


def test_a_sweep_tells_every_point_and_those_that_failed(made: Path, tmp_path: Path) -> None:
    found = qd.Sweep.load(made / "sweep")
    _, page = page_of(found, tmp_path)
    values, stderr = found.values("energy"), found.values("energy_stderr")
    assert set(values.ravel()) | set(stderr.ravel()) <= set(section(page, "points").numbers())
    assert (stderr > 0).all()
    assert {values.min(), values.max()} <= set(section(page, "summary").numbers())
    assert len(list(section(page, "results").all("svg"))) >= 3
    shutil.copytree(made / "sweep", tmp_path / "broken")
    shutil.rmtree(tmp_path / "broken" / "points" / "000002")
    lines = (tmp_path / "broken" / "table.csv").read_text().splitlines()
    head = lines[0].split(",")
    row = {"index": "2", "status": "failed", "error": EVIL}
    lines[3] = ",".join(row.get(name, "") for name in head)
    (tmp_path / "broken" / "table.csv").write_text("\n".join(lines) + "\n")
    text, page = page_of(tmp_path / "broken", tmp_path)
    check_page(page)
    assert EVIL in text_of(page, "failures")
    assert text.count("<script") == 1


def test_a_descent_and_an_annealing_tell_what_they_found(tmp_path: Path) -> None:
    """From objects, from files, and from folders of the command line that earlier versions wrote."""
    real = WELL.replace(clock="real")
    found = qd.descend(real, steps=20, seed=1, samples=50, compare=True, folder=tmp_path / "d")
    for source in (found, tmp_path / "d", tmp_path / "d" / "descent.npz"):
        _, page = page_of(source, tmp_path)
        check_page(page)
        told = section(page, "summary")
        assert {found.loss, found.sample_loss, found.uniform_loss} <= set(told.numbers())
        assert {rival.loss for rival in found.rivals} <= set(told.numbers())
        assert found.rivals[0].name in told.text()
    shutil.copytree(STORED / "descend", tmp_path / "old")
    _, page = page_of(tmp_path / "old", tmp_path)
    assert json.loads((tmp_path / "old" / "descent.json").read_text())["loss"] in section(page, "summary").numbers()
    shutil.copytree(STORED / "anneal", tmp_path / "anneal")
    _, page = page_of(tmp_path / "anneal", tmp_path)
    check_page(page)
    said = json.loads((tmp_path / "anneal" / "result.json").read_text())["annealing"]
    assert set(said["diffusion"]) | set(said["gap"]) <= set(section(page, "energies").numbers())
    assert set(said["members"]) <= {node.text() for node in section(page, "energies").all("th")}


def test_circuits_of_runs_are_drawn_where_they_are_small(tmp_path: Path) -> None:
    real = WELL.replace(clock="real")
    run = qd.evolve(real, qd.Trotter(1), backend="aer", shots=50, seed=1, save=[0.0, 1.0])
    _, page = page_of(run, tmp_path)
    circuit = qd.circuits(real, qd.Trotter(1), [1.0])[-1]
    gates = {next(row.all("th")).text(): row.numbers() for row in section(page, "circuits").all("tr")}
    assert gates["depth"] == [circuit.depth()]
    assert {name: [float(n)] for name, n in circuit.count_ops().items()}.items() <= gates.items()
    assert "q_3" in next(section(page, "circuits").all("pre")).text()
    long = qd.evolve(real, qd.Trotter(12), backend="aer", shots=50, seed=1, save=[0.0, 1.0])
    assert "Drawn: the first 120 of" in text_of(page_of(long, tmp_path)[1], "circuits")
    longer = qd.evolve(real, qd.Trotter(65), backend="aer", shots=50, seed=1, save=[0.0, 1.0])
    assert "are not drawn" in text_of(page_of(longer, tmp_path)[1], "circuits")


def test_what_a_page_cannot_show_is_refused(made: Path, tmp_path: Path) -> None:
    chain = qd.Chain.load(made / "chain" / "chain.npz")
    run = qd.evolve(WELL, qd.SplitStep(4), seed=0)
    with pytest.raises(ProblemError, match="`reference` must be left out for a chain, which has none"):
        qd.report(chain, tmp_path / "p.html", reference=run)
    with pytest.raises(ProblemError, match="`cost` must be left out for a sweep"):
        qd.report(made / "sweep", tmp_path / "p.html", cost=True)
    with pytest.raises(ProblemError, match=r"must be a folder with network.npz, but .* run grow again"):
        qd.report(STORED / "grow", tmp_path / "p.html")
    shutil.copytree(made / "gibbs", tmp_path / "odd")
    for wrong in ('{"probabilities": "x"}', '{"probabilities": [1, 2], "exact": [1], "stderr": [0]}', "{"):
        (tmp_path / "odd" / "result.json").write_text(wrong)
        with pytest.raises(ProblemError):
            qd.report(tmp_path / "odd", tmp_path / "p.html")
    shutil.copytree(made / "diffuse", tmp_path / "noise")
    (tmp_path / "noise" / "forward.json").write_text('{"times": [0], "axes": [[1, 2]], "density": [[1]]}')
    with pytest.raises(ProblemError, match="must be a folder of diffuse"):
        qd.report(tmp_path / "noise", tmp_path / "p.html")
    forward = {"times": [0], "axes": [[0, 1]], "density": [[1, 1]]}
    for change in (
        {"axes": [[]], "density": [[]]},
        {"axes": [[0]], "density": [[1]]},
        {"times": [{}]},
        {"density": [[1, None]]},
    ):
        (tmp_path / "noise" / "forward.json").write_text(json.dumps(forward | change))
        with pytest.raises(ProblemError, match="must be a folder of diffuse"):
            qd.report(tmp_path / "noise", tmp_path / "p.html")
    law = {"probabilities": [0.5, 0.5], "exact": [0.5, 0.5], "stderr": [0, 0]}
    for change in ({"exact": [{}, {}]}, {"stderr": [0, float("nan")]}):
        (tmp_path / "odd" / "result.json").write_text(json.dumps(law | change))
        with pytest.raises(ProblemError):
            qd.report(tmp_path / "odd", tmp_path / "p.html")
    assert not (tmp_path / "p.html").exists()


def test_a_sweep_that_was_made_up_is_refused(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "sweep", tmp_path / "sweep")
    table, head = tmp_path / "sweep" / "table.csv", tmp_path / "sweep" / "sweep.json"
    said, text = json.loads(head.read_text()), table.read_text()
    for wrong in ("status,index,error\nfailed\n", f"index,status,error\n1,failed,{'x' * 200_000}\n"):
        table.write_text(wrong)
        with pytest.raises(ProblemError, match="`folder` must be the folder of a sweep"):
            qd.Sweep.load(tmp_path / "sweep")
    table.write_text(text)
    head.write_text(json.dumps({**said, "zip": [[["a"], ["b"]]]}))
    with pytest.raises(ProblemError):
        qd.Sweep.load(tmp_path / "sweep")


def test_the_page_of_a_descent_names_its_file_and_what_is_scaled(tmp_path: Path) -> None:
    found = qd.descend(qd.objectives.double_well(), bounds=[(-2, 2)], qubits=3, steps=3, samples=20, seed=1)
    words = "over the unit box, of the scaled loss"
    found.save(tmp_path / "descent.npz")
    for source in (found, tmp_path / "descent.npz"):
        _, page = page_of(source, tmp_path)
        assert "found = qd.Descent.load('descent.npz')\nrun = found.trajectory\n" in text_of(page, "reproduce")
        assert words in text_of(page, "summary")
    assert words not in text_of(page_of(found.trajectory, tmp_path)[1], "summary")


def test_a_wide_program_is_not_searched_for_its_measurements(made: Path, tmp_path: Path, monkeypatch: Any) -> None:
    shutil.copytree(made / "gibbs", tmp_path / "wide")
    (tmp_path / "wide" / "gibbs.qasm").write_text("OPENQASM 3.0;\nqubit[200] q;")
    monkeypatch.delattr(QuantumCircuit, "remove_final_measurements")
    _, page = page_of(tmp_path / "wide", tmp_path)
    assert "More than 16 qubits are not drawn." in text_of(page, "circuits")
