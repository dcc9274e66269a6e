# Two commands do everything: `make demo` shows it, `make test` proves it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := 0.13.9
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
APT := DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get
# The machine's own certificates: a company's network often puts its own between.
export UV_SYSTEM_CERTS := 1
export NODE_USE_SYSTEM_CA := 1
# Modules are compiled once, whatever the shell says: half of a start is that, and tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE

# Three files of tests beside each other, on two cores: some mostly wait (see tests/conftest.py).
BESIDE ?= --numprocesses=3 --dist=loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test check bench faults docs lock clean

help: ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.demo ## start the virtual line and its twin, and open the browser
	$(BIN)/gemel demo $(ARGS)

test: $(VENV)/.dev $(VENV)/.debian $(VENV)/.npm ## all tests
	$(BIN)/python -m pytest $(BESIDE) $(ARGS)

check: $(VENV)/.dev ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev $(VENV)/.peers ## the table of docs/performance.md
	$(BIN)/python -m benchmarks.run $(ARGS)

faults: $(VENV)/.dev ## the table of docs/reliability.md, in its long form
	$(BIN)/python -m tests.faults.long $(ARGS)

docs: $(VENV)/.dev ## the documentation, into site/
	$(BIN)/mkdocs build --strict

lock: $(VENV)/.uv ## renew the locks, hashes and no host names
	$(BIN)/uv pip compile pyproject.toml --extra demo --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra demo --group dev --group docs --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -q \
	  -o requirements-dev.lock

clean: ## remove what was made
	rm -rf $(VENV) site dist build tests/foreign/*/node_modules

$(VENV)/.uv:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else 0'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { $(APT) update -qq && $(APT) install -y -qq --no-install-recommends python3-venv; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check uv==$(UV)
	@touch $@

$(VENV)/.demo: $(VENV)/.uv requirements.lock pyproject.toml
	@[ -e $(VENV)/.dev ] || $(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements.lock
	@[ -e $(VENV)/.dev ] || $(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.uv requirements-dev.lock pyproject.toml
	$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements-dev.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

# The browser of the page tests, and what its driver needs.
$(VENV)/.debian: | $(VENV)/.uv
	@{ command -v chromium && $(BIN)/python -c 'import ctypes; ctypes.CDLL("libatomic.so.1")'; } >/dev/null 2>&1 || \
	  { $(APT) update -qq && $(APT) install -y -qq --no-install-recommends chromium libatomic1; }
	@touch $@

# Foreign peers that run on Node.js, which the development packages bring.
$(VENV)/.npm: $(wildcard tests/foreign/*/package-lock.json) | $(VENV)/.dev
	@export PATH="$$(realpath $(BIN)):$$PATH"; for lock in $^; do \
	  (cd $$(dirname $$lock) && npm ci --silent --ignore-scripts --no-audit --no-fund) || exit 1; done
	@touch $@

# Peers that the benchmarks run against.
$(VENV)/.peers: $(VENV)/.dev
	$(BIN)/uv pip install -q --python $(BIN)/python --group peers
	@command -v victoria-metrics >/dev/null && command -v influxd >/dev/null || \
	  { $(APT) update -qq && $(APT) install -y -qq --no-install-recommends victoria-metrics influxdb; }
	@touch $@
