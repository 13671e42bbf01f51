# make up     run a cluster in the foreground (Ctrl-C stops it)
# make test   run the tests
# make check  format, lint, import contracts, types
# make bench  run the benchmarks
# make sim    run the store's simulation: SEEDS seeds from FIRST on, each under two PYTHONHASHSEEDs
# make mutants  search for seeds that find each planted bug

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
# One more than CI has cores: a third of the tests' time is waiting, for disks, timers and other processes.
PYTEST_WORKERS ?= 3
ARGS ?=
SEEDS ?= 2000
FIRST ?= 1

# Bytecode that is not kept would be compiled again by every process that the tests start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up test check format install bench sim mutants clean

up: $(RUNTIME)
	@exec $(BIN)/kube up $(ARGS)

test: $(DEV)
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal --durations 20 $(ARGS)

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m kube.api.generator --check
	$(BIN)/python -m kube.store.etcdpb.generator --check
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory -j 2 types-linux types-darwin types-win32

# A cache of its own: one that another platform has filled is thrown away.
types-%: $(DEV)
	$(BIN)/mypy --platform $* --cache-dir .mypy_cache/$*

format: $(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: $(DEV)

bench: $(DEV)
	$(BIN)/kube bench $(ARGS)

sim: $(DEV)
	@$(BIN)/python -m kube.testing.seeds --seeds $(SEEDS) --first $(FIRST) $(ARGS)

mutants: $(DEV)
	@$(BIN)/python tests/simulation/mutants.py $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# The stamps are written last, so a venv whose installation failed never counts as made.
$(RUNTIME): pyproject.toml constraints.txt
	@sh scripts/venv $(VENV) .
	@touch $@

$(DEV): pyproject.toml constraints.txt
	@sh scripts/venv $(VENV) '.[dev]'
	@touch $(RUNTIME) $@
