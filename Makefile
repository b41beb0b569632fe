# Needs Python 3.11 or newer and make; everything else comes from requirements.lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: build test long fuzz mutants demo bench lint shell serve refresh superset metricflow dagster clean help

help: ## what each verb does
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

# Built beside and renamed, so that an interrupted install is never taken for a finished one.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@echo "installing the locked packages into $(VENV) (once)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

build: $(READY) ## build, test and publish warehouse/cbec.duckdb from the real figures that ship
	@$(BIN)/cbec build

# A file of tests stays in one process, and each process builds with two threads: more than four fill 16 GB.
test: $(READY) ## run the tests, each mechanism once
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

long: $(READY) ## run every test with every repetition and every whole build
	@CBEC_TEST_LONG=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

fuzz: $(READY) ## import hundreds of files made to harm, some twenty minutes long, and count what they did (FUZZ="--seed 1")
	@$(BIN)/python -m tests.badfiles.fuzz $(FUZZ)

mutants: $(READY) ## change one line at a time so that results are wrong, and count which of them the tests notice (MUTANTS="--jobs 2")
	@$(BIN)/python -m tests.mutants $(MUTANTS)

demo: $(READY) ## build warehouse/demo.duckdb from simulated yearbooks with a known effect
	@$(BIN)/cbec demo

bench: $(READY) ## measure builds, imports, detectors, DEA, placebo engine and staggered estimators; tables and bench/*.json
	@$(BIN)/python bench/build.py
	@$(BIN)/python bench/imports.py
	@$(BIN)/python bench/detectors.py
	@$(BIN)/python bench/efficiency.py
	@$(BIN)/python bench/inference.py
	@$(BIN)/python bench/staggered.py
	@$(BIN)/python -m bench.dashboard

lint: $(READY) ## ruff, mypy, sqlfluff and the seed check
	@$(BIN)/pre-commit run --all-files

serve: $(READY) ## open the dashboard on the published file
	@$(BIN)/cbec serve

refresh: $(READY) ## import what is new in WATCH (a folder), and publish if anything is new
	@$(BIN)/cbec refresh $(if $(WATCH),--watch "$(WATCH)")

# Each of these has a lock and an environment of its own, because their packages and ours do not agree.
.venv-%/ready: extras/%/requirements.lock
	@$(PYTHON) -m venv --clear .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

superset: .venv-superset/ready ## install Superset into its own environment (then extras/superset/run)

metricflow: .venv-metricflow/ready ## install MetricFlow into its own environment (then extras/metricflow/run)

dagster: $(READY) .venv-dagster/ready ## start Dagster on the project: models as assets, schedule, folder sensor
	@mkdir -p warehouse/dagster
	@DAGSTER_HOME=$(CURDIR)/warehouse/dagster .venv-dagster/bin/dagster dev -f extras/dagster/definitions.py

shell: $(READY) ## read-only SQL shell on the published file
	@$(BIN)/cbec shell

clean: ## remove what was built and installed
	@rm -rf $(VENV) .venv-superset .venv-metricflow .venv-dagster warehouse scratch*.duckdb* target logs *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
