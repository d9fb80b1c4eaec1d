# Two commands are enough: `make demo` and `make test`. Both create .venv and install what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EXTRAS := viz,video,qasm,ibm,braket,docs,dev
WORKERS ?= 2
# One thread a worker: small transforms and small matrices only get slower with more.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test test-slow test-torch lint types docs notebooks bench clean

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[$(EXTRAS)]"
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/qml-dynamics run circuits/iris_neuron/problem.toml --out demo

test: $(STAMP) lint types
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q

test-slow: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q -m "slow and not hardware"

# PyTorch is gigabytes on Linux, so that its own test is a command of its own.
test-torch: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[torch]"
	$(BIN)/python -m pytest -q -m torch tests/unit/growth

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

docs: $(STAMP)
	$(BIN)/sphinx-build -W -q -b html docs docs/_build/html

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[bench]"
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) demo docs/_build
