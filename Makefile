# make up     run a cluster in the foreground (Ctrl-C stops it)
# make test   run the tests
# make check  format, lint, import contracts, types
# make bench  run the benchmarks

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
PYTEST_WORKERS ?= 2
ARGS ?=

# Bytecode that is not kept would be compiled again by every process that the tests start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up test check format install bench clean

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

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# The stamps are written last, so a venv whose installation failed never counts as made.
$(RUNTIME): pyproject.toml constraints.txt
	@sh scripts/venv $(VENV) .
	@touch $@

$(DEV): pyproject.toml constraints.txt
	@sh scripts/venv $(VENV) '.[dev]'
	@touch $(RUNTIME) $@
