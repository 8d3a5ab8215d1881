# Two commands do everything on a fresh machine with Python >= 3.11: make demo, make test.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO ?= demo
# one process a core; a server or a cluster is started by one of them only (tests/conftest.py)
PYTEST := $(BIN)/python -m pytest -n auto --no-loadscope-reorder

export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-all lint bench format clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "expected Python 3.11 or newer, got " + sys.version + "; set PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,all]'
	@echo "compiling kernels (once)"
	$(BIN)/python -c 'import numpy as np, medzip; medzip.decode(medzip.encode(np.arange(65536, dtype="i2").reshape(4, 128, 128)))'
	touch $@

setup: $(STAMP) ## Make the virtual environment and install everything into it

demo: $(STAMP) ## Compress, verify and restore a cohort (MEDZIP_DEMO_SOURCE=folder for yours); report in demo/
	$(BIN)/python -m medzip_flows.demo $(DEMO)

lint: $(STAMP) ## Style, types, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## Lint and the tests that together take minutes
	$(PYTEST)

test-slow: $(STAMP) ## The tests that take longer
	$(PYTEST) -m slow

test-all: lint ## Lint, and all tests in one run
	$(PYTEST) -m "slow or not slow"

bench: $(STAMP) ## Compare with all other codecs on DATA=folder: JPEG XL, HEVC, JP3D, tomoz, ...
	$(BIN)/medzip bench --data $(DATA) --out $(DEMO)/bench.json

format: $(STAMP) ## Rewrite the code in the project's style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove the environment and the demo
	rm -rf $(VENV) $(DEMO) .pytest_cache .mypy_cache .ruff_cache .hypothesis
