# From a fresh clone to a running service: make serve. All checks: make test.
# Needed: Python 3.11 or newer, make, and a package index that pip can reach.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --require-virtualenv -qq
LOCK_VENV := .venv-lock
LOCK_PIP := $(LOCK_VENV)/bin/python -m pip --require-virtualenv
LOCK_HEAD := \# Made by: make lock (Python 3.11, Linux). The ranges stand in pyproject.toml.
# All packages but this one, without the build tag of a wheel (2.13.0+cpu), which no index has.
PINS = $(LOCK_PIP) freeze --all --exclude pip --exclude cited-qa | sed 's/+.*//' | LC_ALL=C sort -f
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help serve index test lint types gate unit fuzz audit bench reliability format lock clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

serve: index ## Install, bring the index up to date, serve http://127.0.0.1:8000
	@$(BIN)/qa serve

index: $(VENV)/.runtime ## Install and bring the index up to date
	@$(BIN)/qa rebuild

test: lint types gate unit ## Install, then run every check and test

lint: $(VENV)/.dev ## Check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev ## Check types
	@$(BIN)/mypy

gate: index ## Ask the evaluation questions; fail when a figure is worse than the recorded one
	@$(BIN)/qa eval corpus/questions.jsonl --gate benchmarks/baseline.json

unit: $(VENV)/.dev ## Run the tests; some of them: make unit ARGS="-k words"
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

fuzz: $(VENV)/.dev ## Send thousands of made-up requests to the server that make serve runs
	@$(BIN)/schemathesis --config-file tests/schemathesis.toml run --max-examples 1000 $(ARGS) \
		http://127.0.0.1:8000/api/v1/openapi.json

audit: $(VENV)/.dev ## Look the locked packages up in the database of vulnerabilities
	@$(BIN)/python -m tools.audit

bench: $(VENV)/.dev ## Compare speed and quality with what else there is (half an hour; installs peers into .bench)
	@$(BIN)/python -m benchmarks.compare $(ARGS)

reliability: $(VENV)/.dev ## Rebuild under load, kill rebuilds, damage the index (half an hour)
	@$(BIN)/python -m benchmarks.rebuild_under_load
	@$(BIN)/python -m benchmarks.killed_rebuilds
	@$(BIN)/python -m benchmarks.damaged_index

format: $(VENV)/.dev ## Mend style and formatting where that can be done safely
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## Renew the lock files: the newest versions that pyproject.toml allows
	@echo "Installing twice into $(LOCK_VENV) (some minutes) ..."
	@"$(PYTHON)" -m venv --clear $(LOCK_VENV)
	@$(LOCK_PIP) -qq install hatchling .
	@$(PINS) > $(LOCK_VENV)/runtime
	@$(LOCK_PIP) -qq install --constraint $(LOCK_VENV)/runtime ".[dev]"
	@$(LOCK_PIP) check
	@{ echo "$(LOCK_HEAD)"; cat $(LOCK_VENV)/runtime; } > requirements.lock
	@{ echo "$(LOCK_HEAD)"; echo "-r requirements.lock"; \
		$(PINS) | grep -vxFf $(LOCK_VENV)/runtime; } > requirements-dev.lock
	@rm -r $(LOCK_VENV)

clean: ## Remove everything that was installed or built, the index too
	rm -rf $(VENV) $(LOCK_VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find index -mindepth 1 ! -name README.md -delete

# The stamps are as new as the last complete install.
$(VENV)/.runtime: pyproject.toml requirements.lock
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@echo "Installing into $(VENV) (a few minutes the first time) ..."
	@$(PIP) install -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing what the tests need ..."
	@$(PIP) install -r requirements-dev.lock
	@touch $@
