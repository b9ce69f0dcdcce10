# What a newcomer or a developer runs. `make` alone lists it.
# One virtual environment, .venv, in the tree; a stamp beside it makes the second run quick.

.DEFAULT_GOAL := help
.PHONY: help demo test test-compiled test-deep test-clients lint format compatibility wheel bench bench-actions bench-policy bench-gateway clean

VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto

# What is measured is the compiled form where there is a C compiler: it is what a wheel holds. FORM=interpreted: the source.
COMPILED := .compiled
FORM ?= $(shell command -v cc >/dev/null && echo compiled || echo interpreted)
MEASURED := $(if $(filter compiled,$(FORM)),$(COMPILED)/stamp)
AS_MEASURED := $(if $(filter compiled,$(FORM)),PYTHONPATH=$(CURDIR)/$(COMPILED)/site)

# The first Python that is new enough; looked for only when .venv is made.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; done)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/demo.stamp ## the main job, shown: sets itself up, runs, ends by itself
	@$(BIN)/daypass demo

test: $(VENV)/dev.stamp ## every test (ARGS="tests/policy -k deny" for some, JOBS=0 for one process)
	@$(BIN)/pytest -n $(JOBS) $(ARGS)

test-compiled: $(COMPILED)/stamp ## every test, of the compiled form (ARGS as above)
	@PYTHONPATH=$(CURDIR)/$(COMPILED)/site $(BIN)/pytest -n $(JOBS) --compiled $(ARGS)

test-deep: $(VENV)/dev.stamp ## every test, with many more generated examples
	@$(BIN)/pytest -n $(JOBS) --deep $(ARGS)

test-clients: $(VENV)/dev.stamp ## AWS SDKs of other languages, from their registries, as far as their toolchains are here
	@$(BIN)/pytest --clients -m clients -rs $(or $(ARGS),tests/clients)

lint: $(VENV)/dev.stamp ## style, types, import contracts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/dev.stamp ## rewrite the source in the one style
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

compatibility: $(VENV)/dev.stamp ## write docs/compatibility.md from the tables in the code
	@$(BIN)/python scripts/compatibility.py

wheel: $(COMPILED)/stamp ## dist/daypass-….whl, compiled for this Python and machine (needs a C compiler)
	@mkdir -p dist && cp $(COMPILED)/*.whl dist/ && ls dist/*.whl

bench: $(VENV)/bench.stamp $(MEASURED) ## requests per second, CPU and memory of GetFederationToken
	@$(AS_MEASURED) $(BIN)/python bench/api.py

bench-actions: $(VENV)/bench.stamp $(MEASURED) ## CPU of the other STS actions, of many policies and of a large store
	@$(AS_MEASURED) $(BIN)/python bench/actions.py

bench-policy: $(VENV)/bench.stamp $(MEASURED) ## policy decisions per second
	@$(AS_MEASURED) $(BIN)/python bench/policy.py

bench-gateway: $(VENV)/bench.stamp $(MEASURED) ## the S3 gateway beside nginx proxy_pass (needs nginx)
	@$(AS_MEASURED) $(BIN)/python bench/gateway.py

clean: ## remove the virtual environment and every cache
	rm -rf $(VENV) $(COMPILED) dist .clients .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Daypass needs Python 3.11 or newer; none was found (set PYTHON=/path/to/python3)" >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) -m venv failed; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(VENV)/demo.stamp: pyproject.toml | $(BIN)/python
	@echo "installing what the demo needs into $(VENV) (once; about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

# pip learnt --group in 25.1. The development set holds the demo's, so the demo's stamp is made as well.
$(VENV)/dev.stamp: pyproject.toml | $(BIN)/python
	@echo "installing the development set into $(VENV) (once; about two minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]' --group dev
	@touch $(VENV)/demo.stamp $@

$(VENV)/bench.stamp: $(VENV)/dev.stamp
	@echo "installing what the measurements compare with into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	@touch $@

# Of a copy of the source: what mypyc leaves beside a module would be taken for it.
$(COMPILED)/stamp: $(VENV)/dev.stamp pyproject.toml README.md $(shell find src -name '*.py' -o -name '*.json' -o -name '*.gz')
	@command -v cc >/dev/null || { echo "compiling needs a C compiler; on Debian and Ubuntu: apt install gcc python3-dev" >&2; exit 1; }
	@echo "compiling into $(COMPILED) (about a minute)"
	@rm -rf $(COMPILED) && mkdir -p $(COMPILED)/source && cp -r pyproject.toml README.md LICENSE src $(COMPILED)/source
	@find $(COMPILED)/source -name '*.so' -delete
	@HATCH_BUILD_HOOK_ENABLE_MYPYC=1 $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-build-isolation \
	  --no-deps --wheel-dir $(COMPILED) ./$(COMPILED)/source
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(COMPILED)/site $(COMPILED)/*.whl
	@rm -rf $(COMPILED)/source && touch $@
