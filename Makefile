# Everything runs in a virtual environment of its own, .venv, which these rules make.
# On Windows see README.md.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo live test soak lint bench docs wheel responses clean

$(STAMP): pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'gamma_flow needs Python 3.11 or newer; say: make PYTHON=python3.12 ...')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[all]" --group test --group lint
	@touch $(STAMP)

demo: $(STAMP)            ## the main job on the embedded example
	$(BIN)/gamma-flow run -o demo

live: $(STAMP)            ## the live page with simulated detectors, on http://127.0.0.1:8765/
	$(BIN)/gamma-flow serve --demo

test: $(STAMP)            ## all tests, lint and types included
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n 2

soak: $(STAMP)            ## long runs of live operation: hundreds of kills under load (half an hour)
	$(BIN)/python -m pytest -n 2 -m soak

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)           ## all benchmarks: speed, memory, accuracy, coverage
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/gamma-flow bench

docs: $(STAMP)            ## the static site, into site/
	$(BIN)/python -m pip install --quiet --group docs
	$(BIN)/mkdocs build --strict

responses: $(STAMP)      ## makes the responses of the detectors anew, and checks them
	$(BIN)/python -m pip install --quiet --group responses
	$(BIN)/python scripts/make_responses.py
	$(BIN)/python scripts/check_responses.py

wheel: $(STAMP)           ## builds the wheel and runs it on every Python it finds, and on the lowest dependencies
	$(BIN)/python scripts/check_wheel.py

clean:
	rm -rf $(VENV) build dist site demo
