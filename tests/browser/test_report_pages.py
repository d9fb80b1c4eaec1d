"""Reports in a real headless Chromium: two widths, light and dark, by keyboard, without scripts, and with markup that slipped in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

import qml_dynamics as qd
from qml_dynamics.cli import main
from qml_dynamics.plotting.pages import palette
from tests.browser.chromium import Browser, browser

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::UserWarning")]
STORED = Path(qd.__file__).parents[1] / "tests" / "stored" / "data"
EVIL = "<script>document.title='owned'</script>" + "long_name_without_a_place_to_break_" * 6

TITLES = {"line": "run", "plane": EVIL, "hypercube": "lambda", "operator": "general operator", "chain": "chain"}
TITLES |= {"training": "training", "network": "network", "sweep": "sweep", "gibbs": "gibbs", "descent": "double_well"}

# Of every text that is seen: its words, its size, and its contrast with the ground behind it (WCAG 2.2, 1.4.3).
CONTRASTS = """
(() => {
  const parts = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = (c) => {
    const [r, g, b] = parts(c).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor, alpha = parts(c)[3];
      if (alpha === undefined || alpha === 1) return c;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const e = n.parentElement, box = e.getBoundingClientRect();
    if (!n.textContent.trim() || !box.width || ["SCRIPT", "title", "desc"].includes(e.tagName)) continue;
    const s = getComputedStyle(e), drawn = e instanceof SVGElement;
    const [a, b] = [light(drawn ? s.fill : s.color), light(ground(e))].sort((p, q) => p - q);
    const scale = drawn ? Math.hypot(e.getScreenCTM().a, e.getScreenCTM().b) : 1;
    found.push([n.textContent.trim().slice(0, 40), parseFloat(s.fontSize) * scale, (b + 0.05) / (a + 0.05)]);
  }
  return found;
})()
"""
SHOWN = "[...document.querySelectorAll('.frame')].map((f, i) => f.getBoundingClientRect().height > 0 ? i : -1).filter((i) => i >= 0)"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One page of each kind of picture; the first has comparison and budget, the second a name that is markup and very long."""
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(STORED / "command_line" / "run", folder / "run")
    loss = qd.Objective(lambda w: (w[:, 0] - 1) ** 2 + w[:, 1] ** 2, EVIL)
    plane = qd.Problem(qd.Grid([(-2, 2)] * 2, 4), loss, 0.5, clock="imaginary", duration=0.5)
    bits = qd.Problem(qd.Hypercube(4), lambda w: w.sum(axis=1), 0.5, clock="real", duration=0.5)
    spins = qd.Problem.from_operator({"XZY": 0.5, "ZIZ": 1.0}, clock="real", duration=0.3)
    runs: dict[str, Any] = {
        "line": folder / "run",
        "plane": qd.evolve(plane, qd.SplitStep(10), shots=500, save=6, seed=1),
        "hypercube": qd.evolve(bits, qd.SplitStep(10), save=3, seed=1),
        "operator": qd.evolve(spins, qd.Krylov(), save=3),
        **others(folder),
    }
    assert runs.keys() == TITLES.keys()
    return {kind: qd.report(run, folder / f"{kind}.html") for kind, run in runs.items()}


def others(folder: Path) -> dict[str, Any]:
    """A chain, a training, a network, a sweep and a thermal law, whose names are long markup where they have names; a descent."""
    well = qd.Problem(qd.Grid((-2, 2), 4), qd.objectives.double_well(tilt=0.3), 0.5, clock="imaginary", duration=0.5)
    named = qd.Objective(lambda w: w[:, 0] ** 2, EVIL)
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("x"), 0)
    circuit.rx(Parameter("a"), 1)
    circuit.cx(0, 1)
    rows, labels = np.random.default_rng(3).normal(size=(24, 2)), ["no", EVIL] * 12
    over = {"diffusion.value": [0.2, 0.4], "method.steps": [4, 8]}
    with pytest.raises(SystemExit) as left:
        main(["gibbs", "--energies=-0.3,1.1,0.4", "--backend", "aer", "--shots", "400", "--out", str(folder / "gibbs")])
    assert left.value.code == 0
    return {
        "chain": qd.metts(well.replace(objective=named), tau=0.5, samples=64, seed=1),
        "training": qd.train(circuit, "squared", [0.3], features=[[0.1], [2.0]], labels=[1, -1], inputs=["x"], steps=5),
        "network": qd.growth.train_network(rows, labels, training=qd.growth.Training(epochs=6, seed=1)),
        "sweep": qd.sweep(well, over, method=qd.SplitStep(4), seed=1, workers=1, folder=folder / "sweep"),
        "gibbs": folder / "gibbs",
        "descent": qd.descend(well.replace(clock="real"), steps=10, samples=50, seed=1),
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("kind", TITLES)
def test_a_page_fits_and_reads(kind: str, width: int, scheme: str, shown: Browser, pages: dict[str, Path]) -> None:
    """Nothing wider than the window, nothing loaded, no complaint, and every text with the contrast of WCAG AA."""
    shown.open(pages[kind], width=width, scheme=scheme)
    shown.ask("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert shown.ask("document.documentElement.scrollWidth") <= width
    assert shown.ask("document.title") == f"Report of {TITLES[kind]}"
    assert shown.complaints() == []
    assert shown.requests() == [pages[kind].resolve().as_uri()]
    ground = shown.ask("getComputedStyle(document.body).backgroundColor")
    paper = (palette.DARK if scheme == "dark" else palette.LIGHT)["paper"]
    assert ground == f"rgb({', '.join(str(v) for v in bytes.fromhex(paper[1:]))})"
    texts = shown.ask(CONTRASTS)
    assert len(texts) > 60
    assert [text for text in texts if text[2] < 4.5] == []
    assert [text for text in texts if text[1] < 9] == []


def test_the_slider_moves_the_picture_by_keyboard(shown: Browser, pages: dict[str, Path]) -> None:
    """Arrow keys, End and Home: one picture is shown, and its time is said."""
    shown.open(pages["line"], width=390)
    count = shown.ask("document.querySelectorAll('.frame').length")
    assert count > 2
    assert shown.ask(SHOWN) == [0]
    shown.ask("document.getElementById('wave-time').focus()")
    before = shown.ask("document.querySelector('.frame.now svg').outerHTML")
    for key, code, expected in (
        ("ArrowRight", 39, 1),
        ("End", 35, count - 1),
        ("ArrowLeft", 37, count - 2),
        ("Home", 36, 0),
    ):
        shown.press(key, code)
        assert shown.ask(SHOWN) == [expected], key
        time = shown.ask(f"document.querySelectorAll('.frame')[{expected}].dataset.time")
        assert shown.ask("document.getElementById('wave-now').textContent") == time
        assert shown.ask("document.getElementById('wave-time').getAttribute('aria-valuetext')") == time
        same = shown.ask("document.querySelector('.frame.now svg').outerHTML") == before
        assert same == (expected == 0)
    assert shown.complaints() == []


def test_without_scripts_every_picture_is_there(shown: Browser, pages: dict[str, Path]) -> None:
    shown.open(pages["plane"], width=1280, scripts=False)
    assert shown.ask(SHOWN) == list(range(6))
    assert shown.ask("document.querySelector('.slider').getBoundingClientRect().height") == 0
    widths = shown.ask("[...document.querySelectorAll('.frame')].map((f) => f.getBoundingClientRect().left)")
    assert len(set(widths)) > 1  # side by side


def test_every_control_and_picture_has_a_name(shown: Browser, pages: dict[str, Path]) -> None:
    """As the browser hands them to those who listen; controls are at least 24 pixels high (WCAG 2.2, 2.5.8)."""
    shown.open(pages["line"], width=390)
    named = [
        n for n in shown.tree() if n["role"] in ("slider", "link", "DisclosureTriangle", "image", "region", "table")
    ]
    roles = {n["role"] for n in named}
    assert {"slider", "link", "DisclosureTriangle", "image", "region", "table"} <= roles
    assert [n for n in named if not n["name"].strip()] == []
    (slider,) = [n for n in named if n["role"] == "slider"]
    assert slider["name"] == "Time"
    headings = [n["name"] for n in shown.tree() if n["role"] == "heading"]
    assert headings[0] == "Report of run"
    assert "Wave over time" in headings
    heights = shown.ask(
        "[...document.querySelectorAll('nav a, summary, input')].map((e) => e.getBoundingClientRect().height)"
    )
    assert len(heights) > 14
    assert min(heights) >= 24


def test_the_first_key_leads_past_the_contents(shown: Browser, pages: dict[str, Path]) -> None:
    """Tab shows a way to the content; what has the focus is outlined; wide tables can be reached and scrolled."""
    shown.open(pages["line"], width=390)
    shown.press("Tab", 9)
    assert shown.ask("document.activeElement.textContent") == "Skip to the content"
    assert shown.ask("document.activeElement.getBoundingClientRect().left") >= 0
    assert shown.ask("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    reached = "[...document.querySelectorAll('.scroll, pre')].every((e) => e.tabIndex === 0 || e.scrollWidth <= e.clientWidth)"
    assert shown.ask(reached) is True


def test_markup_that_slipped_in_does_not_run(shown: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    """The policy stops scripts, handlers and pictures that are not of the page itself."""
    text = pages["line"].read_text(encoding="utf-8")
    wild = "<script>document.title='owned'</script><img src='x.png' onerror=\"document.title='owned'\">"
    (tmp_path / "open.html").write_text(f"<!DOCTYPE html><title>free</title>{wild}")
    (tmp_path / "kept.html").write_text(text.replace("<footer>", f"{wild}<footer>"), encoding="utf-8")
    shown.open(tmp_path / "open.html", width=1280)
    assert shown.ask("document.title") == "owned"  # without the policy it does
    shown.open(tmp_path / "kept.html", width=1280)
    assert shown.ask("document.title") == "Report of run"
    assert len(shown.complaints()) >= 2  # Chromium says that it stopped them
    assert shown.ask(SHOWN) == [0]  # the script of the page runs
