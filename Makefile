.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/.run: requirements-embedded.txt
	@$(PYTHON) -c 'import sys; sys.exit("BalanceCloud needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what BalanceCloud needs into $(VENV) ..." >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-embedded.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.dev ## Make the virtual environment with everything for development

run: $(VENV)/.run ## Start BalanceCloud here: PORT, DATA_DIR, DEMO=0, DATABASE_URL, REDIS_URL
	@exec $(BIN)/python -m balancecloud.cli up

check: $(VENV)/.dev ## Format, lint, types, and which way imports point
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(VENV)/.dev ## All tests but those of test-whole, test-browser and test-long
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not long and not live and not every_page and not whole"

test-whole: $(VENV)/.dev ## Whole installations, strange calls to /api, crashes at each step of arriving files: what takes its time
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "whole and not long"

test-browser: $(VENV)/.dev ## A real browser: every page, theme and width, and what people do there
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "every_page and not long"

test-long: $(VENV)/.dev ## Memory with a 2 GB file, and what else takes minutes
	$(BIN)/python -m pytest -m long --timeout 3600

cover: $(VENV)/.dev ## The same, and which lines no test runs
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "not long and not live"
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --skip-covered

migrate: $(VENV)/.run ## Bring the schema of DATABASE_URL up to date
	@$(BIN)/python -m balancecloud.cli migrate

bench: $(VENV)/.dev ## Measure speed, cost and memory beside limits and a peer: about 15 minutes
	$(BIN)/python -m bench

bench-clouds: $(VENV)/.dev ## Measure the simulator itself, beside a server that does nothing
	$(BIN)/python -m bench.clouds

bench-floor: $(VENV)/.dev ## Measure what each part of the format costs alone
	$(BIN)/python -m bench.floor

bench-pages: $(VENV)/.dev ## Measure pages of a library of a million nodes beside an empty one
	$(BIN)/python -m bench.pages

deps: $(VENV)/.dev ## Pin the requirements anew from pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements.txt pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --extra embedded -o requirements-embedded.txt pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --extra embedded --extra dev -o requirements-dev.txt pyproject.toml

.PHONY: help setup run check test test-whole test-browser test-long cover migrate bench bench-clouds bench-floor bench-pages deps
