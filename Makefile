# The commands of the house. Everything is built into .venv and .tools here; nothing is installed elsewhere, except the
# test's own servers through apt where this runs as root.

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/uv/bin/uv
BIN := .venv/bin

export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
export UV_COMPILE_BYTECODE := 1

.PHONY: help up test check bench migration lock clean

help:
	@echo "make up      start everything on this machine (PORT=8000 DATA=.data)"
	@echo "make test    run all tests"
	@echo "make check   ruff, mypy, import-linter"
	@echo "make bench   run the benchmarks"
	@echo "make lock    renew uv.lock from pyproject.toml"

# Most tests wait for processes that they have started, so that more of them than cores go side by side.
SIDE_BY_SIDE ?= 3
DATA ?= .data
PORT ?= 8000

up: .venv/.runtime
	@exec $(BIN)/comanda up --data $(DATA) --port $(PORT)

test: .venv/.development
	@sh .ci/servers chromium java mvn
	@sh tests/servers/kafka/fetch .tools/kafka
	$(BIN)/pytest -n $(SIDE_BY_SIDE) --dist loadfile $(TESTS)

check: .venv/.development
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: .venv/.development .tools/peers/.installed
	@sh .ci/servers wrk redis-server
	@for bench in benchmarks/bench_*.py; do $(BIN)/python $$bench || exit 1; done

# A draft of the next migration, from what the live metadata has and the migrations do not: make migration NAME=add_tables
migration: .venv/.development
	$(BIN)/python -m comanda.migrations.draft $(NAME)

lock: $(UV)
	$(UV) lock --upgrade

.venv/.runtime: uv.lock pyproject.toml | $(UV)
	@$(UV) sync --frozen --quiet --no-dev --inexact --python "$$(command -v $(PYTHON))"
	@touch $@

.venv/.development: uv.lock pyproject.toml | $(UV)
	@$(UV) sync --frozen --quiet --python "$$(command -v $(PYTHON))"
	@touch $@ .venv/.runtime

# What the engine is measured beside, in an environment of its own.
.tools/peers/.installed: benchmarks/peers/requirements.txt | $(UV)
	@$(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" .tools/peers
	@$(UV) pip sync --quiet --require-hashes --python .tools/peers/bin/python benchmarks/peers/requirements.txt
	@touch $@

$(UV):
	@sh .ci/uv $(PYTHON) $(UV_VERSION)

clean:
	rm -rf .venv .tools
