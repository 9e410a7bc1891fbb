# make demo and make test work on a fresh machine with Python 3.11 and Node 20.
PYTHON ?= python3
BIN := .venv/bin
export OMP_WAIT_POLICY ?= passive

.PHONY: setup demo test check fix bench kills faults serve chromium

SITE := site_template/static/main.js
MODULES := site_template/node_modules/.package-lock.json
EMULATOR := tests/emulators/node_modules/.package-lock.json
SOURCES := $(wildcard site_template/src/*.ts* site_template/src/*/*.ts* site_template/styles/*.css)

setup: .venv/ready $(MODULES) $(SITE) ## everything that the other targets need

.venv/ready: pyproject.toml constraints.txt | $(SITE)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch .venv/ready

$(MODULES): site_template/package-lock.json
	cd site_template && npm ci --ignore-scripts --no-audit --no-fund

$(EMULATOR): tests/emulators/package-lock.json
	cd tests/emulators && npm ci --ignore-scripts --no-audit --no-fund

$(SITE): $(MODULES) $(SOURCES) site_template/build.mjs
	cd site_template && npm run build

demo: setup ## build the demo atlas and its site; in a terminal, open it
	@if [ -t 1 ]; then $(BIN)/atlas demo --out build/demo; else $(BIN)/atlas demo --out build/demo --no-serve; fi

test: setup chromium $(EMULATOR) ## every test
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: setup ## formatting, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	cd site_template && npm run check

fix: setup ## repair formatting and what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m viewer_builder.schema_ts
	$(BIN)/python -m docs.format
	$(BIN)/python -m docs.dictionaries

bench: setup ## measure against the bare lower bounds
	$(BIN)/python -m benchmarks.scan

kills: setup ## kill builds at random moments and check what they go on to
	$(BIN)/python -m benchmarks.kills

faults: setup $(EMULATOR) ## let builds and publications meet faults, and check what readers get meanwhile
	$(BIN)/python -m benchmarks.faults

serve: ## open the demo site
	$(BIN)/atlas serve build/demo/site

chromium: ## the browser tests need one; Debian's is fetched when there is none
	@command -v chromium || command -v chromium-browser || command -v google-chrome \
	|| (apt-get update && apt-get install --yes chromium) \
	|| (echo "no Chromium: install it, e.g. apt-get install chromium" && exit 1)
