# GNU make, POSIX sh. `make` or `make help` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV ?= .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
WORKERS ?= 2
PYTEST_ARGS ?=
# Where the code is: what mypy reads. A folder without Python is left out.
CODE := manage.py medassist apps $(wildcard conftest.py) $(patsubst %/,%,$(sort $(dir $(wildcard bench/*.py training/*.py))))
export VENV

.PHONY: help setup setup-embedded demo up down status test test-vllm check lint types layers migrations lock browser clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv with everything that `make check` needs
	@requirements/install.sh dev

setup-embedded:
	@requirements/install.sh embedded

demo: setup-embedded ## install what it takes, start everything and fill a demonstration clinic
	@$(PY) manage.py demo

up: setup-embedded ## start everything in the background (foreground: manage.py up)
	@$(PY) manage.py up --detach

down: ## stop everything; data stay
	@[ ! -x $(PY) ] || $(PY) -m medassist.embedded down

status: ## say what runs ("down" is a good answer; an error means that something is amiss)
	@[ ! -x $(PY) ] || $(PY) -m medassist.embedded status || [ $$? -eq 3 ]

check: lint types layers migrations test bench-short ## everything the gate asks for

lint: setup ## ruff, its formatter, djlint
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m djlint --lint --quiet medassist apps

types: setup ## mypy, strict
	$(PY) -m mypy $(CODE)

layers: setup ## the house's floors (import-linter)
	$(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()'

migrations: setup ## every model change has its migration (asks no database)
	DJANGO_SETTINGS_MODULE=medassist.settings.typing $(PY) manage.py makemigrations --check --dry-run

test: setup ## all tests; those in a browser when there is a Chromium
	@if browser=$$(.ci/browser.sh); then \
	  CHROMIUM="$$browser" $(PY) -m pytest -n $(WORKERS) $(PYTEST_ARGS); \
	elif [ -n "$(REQUIRE_BROWSER)" ]; then \
	  echo "A Chromium is required here and there is none: make browser"; exit 1; \
	else \
	  $(PY) -m pytest -n $(WORKERS) -m "not browser" $(PYTEST_ARGS) && \
	  echo "LEFT OUT: the tests marked 'browser' did not run, because there is no Chromium here (make browser)."; \
	fi

bench-short: setup ## real jobs under twenty kinds of fault, about two minutes
	$(PY) -m bench faults --short

test-vllm: setup ## real vLLM on a CPU: contract suite, adapter by name, one assessment, restart in mid-job
	@requirements/install-vllm.sh
	VLLM_PYTHON=.venv-vllm/bin/python $(PY) -m pytest -m vllm medassist/llm/tests/vllm apps/cases/tests/test_vllm.py $(PYTEST_ARGS)

lock: ## compile requirements/*.in anew (LOCK_ARGS=--upgrade to take newer versions)
	requirements/lock.sh $(LOCK_ARGS)

browser: setup ## find or install a Chromium for the browser tests
	@.ci/browser.sh --install

clean: ## stop everything; delete this checkout's state (its DATA included) and caches; .venv stays
	@if [ -x $(PY) ]; then $(PY) -m medassist.embedded remove; fi
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis staticfiles
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
