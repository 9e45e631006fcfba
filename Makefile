# make train       ten minutes of learning to keep the lane; ARGS="--minutes 5 --seed 1" and others: ARGS=--help
# make drive       watch a policy drive
# make evaluate    score a policy on maps it never saw
# make test        lint and all tests
# make faults      inject faults into the real graph, and keep the score; ten minutes
# make mutants     remove each guard in turn, and see a test go red
# make lint        ruff and mypy
# make docs        the documents as a site, in site/
# make setup       install and build; done by the others on first use
# make exec CMD="td3-driving doctor"    any command in the built environment
# make clean       remove what was built and installed (runs/ stays)
#
# Variables: ARGS, PYTHON (3.10 to 3.12), TORCH (what pip installs, "torch==2.13.0").

SHELL := bash
ARGS ?=
export TORCH ?= torch==2.13.0
export PYTHON ?=
IN_ENV := source scripts/env.sh &&

.DEFAULT_GOAL := help
.PHONY: help setup train drive evaluate test faults mutants lint docs exec clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed '/^$$/q'

setup:
	@bash scripts/setup.sh

train: setup
	@$(IN_ENV) exec td3-driving train $(ARGS)

drive: setup
	@$(IN_ENV) exec td3-driving drive $(ARGS)

evaluate: setup
	@$(IN_ENV) exec td3-driving evaluate $(ARGS)

lint: setup
	@$(IN_ENV) ruff check . && ruff format --check . && mypy

test: lint
	@$(IN_ENV) exec python -m pytest $(ARGS)

faults: setup
	@$(IN_ENV) exec td3-driving faults --page docs/reliability.md $(ARGS)

mutants: setup
	@$(IN_ENV) exec python scripts/mutants.py $(ARGS)

# An environment of its own: neither ROS nor torch is asked for.
docs: .venv-docs/installed
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet --strict && echo "site/index.html"

.venv-docs/installed: requirements/docs.txt
	@$(or $(PYTHON),python3) -m venv .venv-docs
	@.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

exec: setup
	@$(IN_ENV) $(CMD)

clean:
	rm -rf .venv .venv-docs site build install log .pytest_cache .mypy_cache .ruff_cache .hypothesis
