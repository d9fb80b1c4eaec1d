"""Command lines of every verb with options changed, dropped, doubled and added, by number: the same number is the same line."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import random
import shutil
import tempfile
from pathlib import Path

from qml_dynamics.cli import main
from tests.fuzz import pools
from tests.fuzz.limits import attempt

CODES = {
    0,
    1,
    2,
    3,
}  # 3: samples of a submitted run are missing. No case here has a signal or a closed pipe (130, 141, 143)
WORDS = (
    "",
    "a",
    "-",
    "--",
    "é\u202e",
    "two\nlines",
    "x" * 300,
    "a\0b",
    "-1",
    "0",
    "1",
    "2",
    "2.5",
    "nan",
    "inf",
    "-inf",
    "1e308",
    "1" + "0" * 30,
    "1" + "0" * 5000,
    "true",
    "None",
    "{}",
    "[]",
    "trotter:steps=-1",
    "trotter:steps=2",
    "SplitStep(steps=4)",
    "Trotter(",
    "os.system('x')",
    "split_step:steps=1e3",
    "aer:noise=nowhere",
    "aer",
    "nowhere",
    "statevector",
    "kind=1",
    "steps==2",
    "/dev/null",
    "/",
    "nowhere.toml",
    "1,2",
    "1,,2",
    ";",
    "real",
    "imaginary",
    "levy",
    "sde",
    "born",
    "relu",
    "--seed",
    "--json",
)
# Verbs with arguments that work, each quick; {folder} is a folder of its own that holds problem.toml, table.csv, run.npz and more.
LINES = (
    "run problem.toml --method split_step:steps=8 --no-plots --seed 1 --out out",
    "run problem.toml --method trotter:steps=2 --backend statevector --shots 50 --save 3 --no-plots --seed 1 --json --out out",
    "compare run.npz run.npz --json",
    "plot run.npz --out pictures",
    "animate run.npz --out a.gif --samples 5 --frames 2 --seed 1 --fps 5 --dpi 20 --kind bohm",
    "cost problem.toml --method trotter:steps=2 --backend aer --shots 50 --save 3 --json",
    "circuits nowhere --check",
    "backends --json",
    "list methods --json",
    "list methods trotter",
    "list objectives levy --json",
    "new made --loss levy",
    "suggest problem.toml --json",
    "anneal problem.toml --stages 2 --method split_step:steps=2 --seed 1 --no-plots --out out --restarts 1",
    "gibbs --energies 0,1,2 --beta 1.5 --backend statevector --shots 50 --seed 1",
    "gibbs --sigmoid 0.4 --hopping 0.3 --beta 1.5 --json",
    "gibbs problem.toml --beta 0.4 --steps 4",
    "diffuse table.csv --columns x --samples 20 --steps 4 --seed 1 --no-plots --out out",
    "descend levy --qubits 3 --steps 20 --samples 10 --seed 1 --no-compare",
    "grow table.csv --target kind --epochs 2 --seed 1 --out out --hidden 1 --max-hidden 1",
    "submit problem.toml --method trotter:steps=2 --backend aer --shots 50 --seed 1 --out submitted",
    "status {submitted} --json",
    "fetch {submitted} --timeout 5 --json",
    "resume {submitted}",
    "cancel {submitted} --json",
)
OPTIONS = (
    "--loss",
    "--data",
    "--operator",
    "--sample",
    "--method",
    "--backend",
    "--shots",
    "--seed",
    "--out",
    "--json",
    "--save",
    "--plots",
    "--no-plots",
    "--allow-code",
    "--kind",
    "--samples",
    "--frames",
    "--fps",
    "--dpi",
    "--steps",
    "--check",
    "--write",
    "--stages",
    "--strategy",
    "--adapt",
    "--restarts",
    "--clock",
    "--duration",
    "--tau",
    "--energies",
    "--sigmoid",
    "--hopping",
    "--beta",
    "--reading",
    "--columns",
    "--label",
    "--condition",
    "--program",
    "--time",
    "--schedule",
    "--qubits",
    "--polish",
    "--shift",
    "--target",
    "--features",
    "--hidden",
    "--max-hidden",
    "--max-layers",
    "--rate",
    "--orthogonality",
    "--activation",
    "--threshold",
    "--max-seconds",
    "--max-shots",
    "--wait",
    "--timeout",
    "--resend",
    "--help",
    "--version",
    "--nowhere",
)


def line(number: int) -> list[str]:
    """The words of a command line; number by number through all verbs."""
    draw = random.Random(number)
    words = LINES[number % len(LINES)].split()
    for _ in range(draw.choice((0, 1, 1, 1, 2))):
        words = _change(words, draw)
    return words


def _change(words: list[str], draw: random.Random) -> list[str]:
    at = draw.randrange(len(words))
    way = draw.choice(("value", "value", "value", "drop", "add", "add", "twice", "verb"))
    if way == "value" and len(words) > 1:
        at = draw.randrange(1, len(words))
        return [*words[:at], draw.choice(WORDS), *words[at + 1 :]]
    if way == "drop":
        return [*words[:at], *words[at + 1 :]] or ["run"]
    if way == "add":
        return [*words, draw.choice(OPTIONS), *([draw.choice(WORDS)] if draw.random() < 0.7 else [])]
    if way == "twice":
        return [*words, *words[at:]]
    return [draw.choice(LINES).split()[0], *words[1:]]


def shown(number: int) -> str:
    """The command line."""
    return " ".join(map(repr, line(number)))[:300]


@functools.cache
def _kept() -> dict[str, str]:
    return {kind: pools.stored(kind) for kind in ("problem", "run", "table")}


def run(number: int) -> str | None:
    """What is wrong with what a command line does; None for nothing."""
    kept, before = _kept(), Path.cwd()
    words = [w.replace("{submitted}", pools.submitted()) if "{submitted}" in w else w for w in line(number)]
    with tempfile.TemporaryDirectory(prefix="fuzz-line-") as name:
        for file in kept.values():
            shutil.copy(file, Path(name) / Path(file).name)
        os.chdir(name)
        try:
            return attempt(lambda: _code(words), lambda code: None if code in CODES else f"exit code {code}")
        finally:
            os.chdir(before)


def _code(words: list[str]) -> int | str | None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            main(words)
    except SystemExit as stop:
        return f"{stop.code} with a traceback" if "Traceback" in said.getvalue() else stop.code
    return "none"
