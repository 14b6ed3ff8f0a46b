# `make demo` and `make test` need Python 3.11 or newer with venv and pip, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# The tests with the Python of the environment $(1), several at once; then those that bear no neighbours.
WORKERS ?= 2
PLAIN := not slow and not gpu and not attack
define suite
$(1)/bin/python -m pytest -q -n $(WORKERS) --dist loadfile -m "$(PLAIN) and not alone"
$(1)/bin/python -m pytest -q -m "$(PLAIN) and alone"
endef

.PHONY: demo test lint types unit wheel-test test-oldest test-newest attack bench bench-card docs clean

demo: $(STAMP)
	rm -rf demo && mkdir demo
	cd demo && PATH="$(CURDIR)/$(BIN):$$PATH" sh -ex ../docs/demo.sh

test: lint types unit wheel-test

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy
	$(BIN)/mypy tests/benchmarks

unit: $(STAMP)
	$(call suite,$(VENV))

# The README's own commands, run against the built wheel in an environment of its own.
wheel-test: $(STAMP)
	$(BIN)/python tests/wheel.py

# The long form of tests/attack, about an hour; its counts come last. In parts: make attack ONLY=bomb
ONLY ?=
attack: $(STAMP)
	$(BIN)/python -m pytest -q -m attack -k "$(ONLY)" tests/attack

# The suite with the oldest versions of every dependency that pyproject.toml allows, and with the newest.
test-oldest:
	test -x .venv-oldest/bin/python || $(PYTHON) -m venv .venv-oldest
	$(PYTHON) tests/oldest.py > .venv-oldest/constraints.txt
	.venv-oldest/bin/python -m pip install -q -e '.[dev]' -c .venv-oldest/constraints.txt
	$(call suite,.venv-oldest)

test-newest:
	test -x .venv-newest/bin/python || $(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install -q --upgrade --upgrade-strategy eager -e '.[dev]'
	$(call suite,.venv-newest)

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks.bench

# What a fit takes on a card, within 8 minutes, and the tests marked "gpu"; with the Python that has torch for the card.
bench-card:
	PYTHONPATH=sdk:cli:export:adapters $(PYTHON) -m tests.benchmarks.on_card

docs: $(STAMP)
	$(BIN)/python -m pip install -q -e '.[docs]'
	$(BIN)/python docs/tables.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

$(STAMP): pyproject.toml tests/light.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -e '.[dev]' -c tests/light.txt
	touch $(STAMP)

clean:
	rm -rf $(VENV) .venv-oldest .venv-newest demo dist
