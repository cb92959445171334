# `make demo` and `make test` need only make and Python 3.11 or newer; both call `setup`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# A shell that sets this would make every start six times slower.
unexport PYTHONDONTWRITEBYTECODE
SOURCES := main.py bench commands connectors domain market_data monitoring order_management simulator utils

.PHONY: setup demo test check chaos format lint types imports bench clean

setup: $(STAMP)

$(STAMP): requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Crossbook needs Python 3.11 or newer; try: make PYTHON=python3.12 setup")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --compile -r requirements.txt
	$(BIN)/python -m compileall -q -j 0 $(SOURCES)
	@touch $(STAMP)

demo: setup
	$(BIN)/python main.py bbo BTC/USDT --env sim
	@echo
	$(BIN)/python main.py demo

test: setup
	$(BIN)/python -m pytest -n 4 --dist loadgroup

chaos: setup
	$(BIN)/python -m tests.chaos --runs 1000
	$(BIN)/python -m tests.chaos recorder --runs 780
	$(BIN)/python -m tests.chaos compact --runs 60

check: setup lint types imports test

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: setup
	$(BIN)/mypy $(SOURCES)

imports: setup
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
