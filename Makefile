# The two commands: `make repro` (from nothing to the table of results) and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)

# One worker more than there are cores, as many tests wait for processes that they have started; quick ones start none.
CORES := $(shell getconf _NPROCESSORS_ONLN)
WORKERS = $(shell expr $(CORES) + 1)
# Hundreds of processes would each compile the package anew.
export PYTHONDONTWRITEBYTECODE :=
PYTEST = python -m pytest --numprocesses $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: repro test test-fast test-all bench venv lint

repro: venv  ## run the pipeline, print the table of results, and say whether the committed numbers were reproduced
	@echo "From nothing the demonstration takes 20 to 30 minutes on two cores; run again, seconds."
	dvc repro
	elor results
	@elor runs HEAD . --compare || true

test: venv  ## run the tests
	$(PYTEST) -m "not slow"

test-fast: WORKERS = $(CORES)
test-fast: venv  ## while editing: the tests that neither take seconds nor start processes
	$(PYTEST) -m "not slow and not long"

test-all: venv  ## all tests: also long simulations, thousands of spoiled inputs and every target to the page
	$(PYTEST)

bench: venv  ## measure speed and memory; writes the tables in benchmarks/ and docs/
	python -m benchmarks

lint: venv
	ruff check .
	ruff format --check .

venv: $(VENV)/.complete

$(VENV)/.complete: requirements.lock requirements-numbers.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; try make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@
