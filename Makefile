# Two commands are enough: `make demo` and `make test`. Both create .venv and install what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TORCH := $(VENV)/.torch
TABLES := $(VENV)/.tables
EXTRAS := viz,video,qasm,ibm,braket,docs,dev
WORKERS ?= 2
# Interpreters of `make test-pythons`, on the path, at a path or in pyenv, each in an environment of its own (.venv-3.12, .venv-3.13).
PYTHONS ?= python3.12 python3.13
# The environment of `make test-minimum`, and its extras.
MINIMUM := .venv-minimum
LOWEST := viz,video,qasm,ibm,braket,sklearn,safetensors,hdf5,tables,dev
# One thread a worker: small transforms and small matrices only get slower with more.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
# Compiled modules and rewritten assertions are kept beside their sources, or every worker and every child would make them again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test suite test-fuzz test-slow test-browser test-torch test-tables test-matrix test-pythons test-coverage-study test-portable test-dask test-minimum test-all mutants lint types coverage docs notebooks bench dist clean

# pip would compile the 14,000 modules one after the other, a minute or more: here on all cores, and without the
# packages' own tests. Files that do not compile are templates that nobody imports, so that their failure is none.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e ".[$(EXTRAS)]"
	$(BIN)/python -m compileall -qq -j 0 -x '/tests?/' $(VENV)/lib || true
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/qml-dynamics run circuits/iris_neuron/problem.toml --out demo --force

test: $(STAMP) lint types suite

# The tests alone, without lint and types.
suite: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q

# A sample of the pages in a browser too: where there is none and this process may not install one, it ends at once with the command.
test-slow: $(TORCH) $(TABLES)
	$(BIN)/python -m tools.chromium --install
	$(BIN)/python -m pytest -q -m browser -k "line-1280-light or chain-390-dark or slider or slipped" tests/browser
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q -m "(slow or torch or tables) and not hardware and not matrix and not fuzz and not dask and not browser"

# Reports in a headless Chromium: `python -m tools.chromium --install` installs it where this may be done.
test-browser: $(STAMP)
	$(BIN)/python -m tools.chromium
	$(BIN)/python -m pytest -q -m browser tests/browser

# Changed problem files, wrong calls, odd command lines and damaged files, all of them.
test-fuzz: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q -m fuzz tests/fuzz tests/runs/test_kill_calls.py

# Every method x weight space x clock x {exact, shots, noisy} x every verb.
test-matrix: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q -m "matrix and not hardware" tests/matrix

# Two standard errors of every estimate, 2,000 seeds each.
test-coverage-study: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q -m coverage_study tests/error_bars

test-torch: $(TORCH)
	$(BIN)/python -m pytest -q -m torch tests/unit/growth

test-tables: $(TABLES)
	$(BIN)/python -m pytest -q -m tables tests/unit/tables tests/unit/test_models.py

# The whole suite under each interpreter; one that is not there ends it with a line before the first of them starts. Lint and types
# are those of `make test`: they read the source for the lowest Python, whatever runs them.
test-pythons:
	@set -e; found=$$("$(PYTHON)" -m tools.interpreters $(PYTHONS)); \
	printf '%s\n' "$$found" | while IFS= read -r python; do \
	  version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' </dev/null); \
	  $(MAKE) suite PYTHON="$$python" VENV=.venv-$$version </dev/null; \
	done

# Sweeps on a Dask scheduler, in an environment of its own: Dask and Braket need different versions of cloudpickle.
test-dask:
	test -x .venv-dask/bin/python || $(PYTHON) -m venv .venv-dask
	.venv-dask/bin/python -m pip install --quiet --no-compile -c constraints-dask.txt -e ".[dask,viz,tables,ibm]" pytest pytest-xdist nbmake
	.venv-dask/bin/python -m pytest -q -m dask tests/runs/test_sweeps_dask.py

# The suite with the lowest versions that pyproject.toml allows of whatever the package may import; everything else as new as these allow.
test-minimum:
	test -x $(MINIMUM)/bin/python || $(PYTHON) -m venv $(MINIMUM)
	$(MINIMUM)/bin/python -m tools.minimum > $(MINIMUM)/lowest.txt
	$(MINIMUM)/bin/python -m pip install --quiet --no-compile -c $(MINIMUM)/lowest.txt -e ".[$(LOWEST)]"
	$(MINIMUM)/bin/python -m pytest -n $(WORKERS) --dist worksteal -q

# The numerical tests under the kernels of other processors, each with noise of the size of rounding; PORTABLE takes options, among them
# `--one`, `--seeds 11 12`, `--size 1e-13`, `--only Haswell` and `--noise-only`.
test-portable: $(STAMP)
	$(BIN)/python -m tests.portable --workers $(WORKERS) $(PORTABLE)

# Planted faults: each in a copy of the tree, with the tests that should notice it; MUTANTS takes names and options, such as `--room base`.
mutants: $(STAMP)
	$(BIN)/python -m tools.mutants $(MUTANTS)

# Everything, one part after the other.
test-all: test test-slow test-browser test-fuzz test-matrix test-coverage-study test-portable test-minimum test-pythons test-dask

# PyTorch is 0.6 GB on disk as a CPU build, and several on Linux where the package index has only the one for GPUs: `make test` goes
# without it.
$(TORCH): $(STAMP)
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e ".[torch]"
	touch $(TORCH)

# pandas, pyarrow and polars are 0.4 GB: `make test` goes without them.
$(TABLES): $(STAMP)
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e ".[tables]" polars
	touch $(TABLES)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

# The normal suite under branch coverage: one line a module, the least covered first.
coverage: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q --cov --cov-report=
	$(BIN)/coverage report --sort=cover

docs: $(STAMP)
	$(BIN)/sphinx-build -W -q -b html docs docs/_build/html

# Executes every notebook and stores what it shows.
notebooks: $(STAMP)
	$(BIN)/python notebooks/refresh.py

# Ours beside peers, written to benchmarks/RESULTS.md and RESULTS.json: under thirty minutes; BENCH=--quick takes under three.
BENCH ?= --full
# NWQLib needs Python 3.12 and newer packages than others allow: it has an environment of its own, and circuits come over as OpenQASM 3.
NWQLIB := nwqlib[aer]==1.0.3.post2
bench: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[bench]"
	python="$$("$(PYTHON)" -m tools.interpreters python3.12 2>/dev/null)" \
	  && { test -x .venv-nwqlib/bin/python || "$$python" -m venv .venv-nwqlib; } \
	  && .venv-nwqlib/bin/python -m pip install --quiet --no-compile "$(NWQLIB)" \
	  || echo "NWQLib is not installed: its stored numbers are shown"
	$(BIN)/python -m benchmarks $(BENCH)

# Wheel and sdist, checked as a stranger would meet them. Before a release: `make test-all docs coverage dist`.
dist: $(STAMP)
	rm -rf dist build
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m tools.check_dist dist

clean:
	rm -rf $(VENV) .venv-* demo docs/_build dist build .coverage .coverage.*
