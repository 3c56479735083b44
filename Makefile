# The two commands of the README: `make analyze` and `make test`. Both set up .venv by
# themselves; PYTHON=python3.12 chooses another interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests run on all cores, and keep what they compiled for the next time.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n auto --dist worksteal

.PHONY: analyze check test lint slow audit lowest bench docs package
.DEFAULT_GOAL := help

.PHONY: help
help:
	@echo "make analyze   study China's 2021 crackdown, write reports/china_2021/"
	@echo "make check     run the quick tests: no processes, no studies"
	@echo "make test      run all tests but the slow ones"
	@echo "make lint      ruff, mypy, import-linter, numpydoc"
	@echo "make slow      Monte-Carlo tests of size and power"
	@echo "make bench     time fits and tests, write docs/speed.md"
	@echo "make docs      build the site in docs/_build/html, without network; warnings are errors"
	@echo "make lowest    run the command with the lowest versions that pyproject.toml allows"
	@echo "make package   build the wheel, check it, and run the command from it on every Python"
	@echo "make audit     look the locked dependencies up among known weaknesses"

analyze: $(VENV)/runtime.stamp
	@$(BIN)/eventstudy analyze events/china_2021.csv

check: $(VENV)/dev.stamp
	@$(PYTEST) -m "not network and not slow and not processes and not long"

test: $(VENV)/dev.stamp
	@$(PYTEST)

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/numpydoc lint $$(find eventstudy -name '*.py')

slow: $(VENV)/dev.stamp
	@$(PYTEST) -m slow

bench: $(VENV)/dev.stamp
	@$(BIN)/python benchmarks/inference.py 50000 docs/speed.md

docs: $(VENV)/docs.stamp
	@$(BIN)/python -m sphinx -q -b html -W --keep-going -j 2 docs docs/_build/html
	@$(BIN)/python docs/coverage.py docs/_build/html

lowest:
	@.ci/lowest

package:
	@.ci/package

audit: $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit \
	  || { echo "no network: nothing was audited"; exit 0; }
	@$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.lock > $(VENV)/audit.txt 2>&1; \
	  code=$$?; if grep -qi "connection\|resolve\|unreachable\|timed out\|proxy\|could not be audited" $(VENV)/audit.txt; \
	  then echo "no network: nothing was audited"; else cat $(VENV)/audit.txt; exit $$code; fi

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "$(PYTHON) was not found: install Python 3.11 or later, or say PYTHON=path/to/python" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$($(PYTHON) --version 2>&1) is too old: eventstudy needs Python 3.11 or later;" \
	  "say for example: make analyze PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module: install it (on Debian and Ubuntu the package" \
	  "python3-venv), or say PYTHON=path/to/another/python" >&2; exit 2; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "the virtual environment could not be made; see above" >&2; exit 2; }

$(VENV)/runtime.stamp: pyproject.toml | $(VENV)/bin/python
	@echo "Installing eventstudy and what it needs ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . && touch $@

$(VENV)/dev.stamp: pyproject.toml | $(VENV)/bin/python
	@echo "Installing eventstudy, what it needs, and the tools of its tests ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' && touch $@ $(VENV)/runtime.stamp

$(VENV)/docs.stamp: pyproject.toml | $(VENV)/bin/python
	@echo "Installing eventstudy, what it needs, and what builds its site ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]' && touch $@ $(VENV)/runtime.stamp
