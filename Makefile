# biofeed's commands; `make help` lists them. Both `demo` and `test` set everything up first, once.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo test check wheel clean

help: ## list these commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1	\2/'

setup: .venv/.ready ## system libraries, virtual environment, pinned packages, compiled kernels

.venv/.ready: pyproject.toml constraints.txt scripts/setup.sh
	@PYTHON="$(PYTHON)" sh scripts/setup.sh

demo: setup ## a whole session with a simulated person: a window where there is a screen, else demo/demo.mp4
	@$(BIN)/biofeed demo

test: setup ## lint, types, layers and every test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -n auto

check: setup ## what works on this machine
	@$(BIN)/biofeed check

wheel: setup ## a wheel in dist/, with shaders and soundscapes inside
	$(BIN)/python -m build --wheel

clean: ## remove what the set-up, tests and demo made
	rm -rf .venv build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find biofeed tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
