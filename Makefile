# Everything runs from .venv; on a machine with Python 3.11, pip and make nothing else is needed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
BENCH  := $(VENV)-bench
STATE  ?= state
COUNTY ?= musterkreis

.DEFAULT_GOAL := help
.PHONY: help install demo serve test test-slow test-browser test-clients bench-hotspots bench-readers bench-disaggregation bench-index bench-areas lint format lock clean

help: ## what can be done here
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

# A stamp per lock: installing again happens only when the lock or pyproject.toml changed. pip is pinned with the rest.
$(VENV)/.run: requirements/run.lock requirements/build.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/build.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

$(VENV)/.clients: $(VENV)/.dev requirements/clients.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/clients.lock
	@touch $@

# The peers that benchmarks measure against have an environment of their own: the product never sees them.
$(BENCH)/.bench: requirements/bench.lock requirements/build.lock pyproject.toml
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/build.lock
	$(BENCH)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bench.lock
	$(BENCH)/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

install: $(VENV)/.run ## install into .venv, and nothing else
	@echo "installed: $(BIN)/sozialmonitor, or '. $(BIN)/activate' and then sozialmonitor"

demo: $(VENV)/.run ## install, write the invented county and run the main job on it
	$(BIN)/sozialmonitor demo --state $(STATE)

serve: $(VENV)/.run ## serve the current publication on http://127.0.0.1:8000
	$(BIN)/sozialmonitor serve --state $(STATE) --county $(COUNTY)

test: $(VENV)/.dev ## install and pass the tests; no network, no system packages
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(PYTEST_ARGS)

test-slow: $(VENV)/.dev ## the long suites: calibration, SIGKILL at 100 moments, hostile files
	$(BIN)/python -m pytest -m slow --timeout 3600 $(PYTEST_ARGS)

test-browser: $(VENV)/.clients ## maps in Debian's Chromium (apt-get install chromium)
	$(BIN)/python -m pytest -m browser tests/browser $(PYTEST_ARGS)

test-clients: $(VENV)/.clients ## QGIS, ogr2ogr and OWSLib against the running service (apt-get install gdal-bin python3-qgis)
	$(BIN)/python -m pytest -m clients tests/clients $(PYTEST_ARGS)

bench-hotspots: $(BENCH)/.bench ## local statistics beside esda, pygeoda, libpysal and spdep (apt-get install r-cran-spdep)
	$(BENCH)/bin/python benchmarks/bench_hotspots.py

bench-readers: $(VENV)/.dev ## 3.1 million Zensus cells beside a plain pandas read, one table
	$(BIN)/python benchmarks/bench_readers.py

bench-disaggregation: $(BENCH)/.bench ## transfer matrices beside tobler, exactextract and rasterstats, one table
	$(BENCH)/bin/python benchmarks/bench_disaggregation.py

bench-index: $(VENV)/.dev ## 10 000 variants of an index beside a loop over pandas, one table
	$(BIN)/python benchmarks/bench_index.py

bench-areas: $(BENCH)/.bench ## areas merged above a floor beside spopt's max-p, one table
	$(BENCH)/bin/python benchmarks/bench_areas.py

lint: $(VENV)/.dev ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## let ruff format the tree
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# --universal: one lock for every platform; --only-binary: no build step on a user's machine; no URL is written.
LOCK = uv pip compile --universal --python-version 3.11 --generate-hashes --only-binary :all: --no-header --no-annotate --quiet
lock: ## resolve the newest versions into requirements/*.lock (needs uv: pip install uv)
	$(LOCK) --upgrade requirements/build.in -o requirements/build.lock
	$(LOCK) --upgrade requirements/run.in -o requirements/run.lock
	$(LOCK) --upgrade requirements/dev.in -c requirements/run.lock -o requirements/dev.lock
	$(LOCK) --upgrade requirements/clients.in -c requirements/dev.lock -o requirements/clients.lock
	$(LOCK) --upgrade requirements/bench.in -c requirements/run.lock -o requirements/bench.lock

clean: ## remove what the targets made, but not the state folder
	rm -rf $(VENV) $(BENCH) .mypy_cache .ruff_cache .pytest_cache .hypothesis
