# The commands of this product; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

# Compiled modules make every later start several seconds faster.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run demo remove-demo test soak lint types format messages bench bench-scale lock clean

help:  ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/base.stamp  ## Set up and run everything (HOST=, PORT=, DEMO=1)
	@exec $(BIN)/python manage.py up

demo:  ## The same with two simulated units and thirty days of history
	@$(MAKE) --no-print-directory run DEMO=1

remove-demo: $(VENV)/base.stamp  ## Remove the simulated units and their history
	@$(BIN)/python manage.py remove_demo

test: lint types  ## Set up and pass everything: lint, types, all tests on SQLite and MariaDB
	$(BIN)/python -m tests.servers -- sh tests/run.sh

soak: $(VENV)/dev.stamp  ## Longer faults, a million odd inputs; writes artifacts/faults.md
	CT6_SOAK=1 $(BIN)/python -m tests.servers -- \
		$(BIN)/python -m pytest -q -n $${TEST_PROCESSES:-3} --dist worksteal tests/faults tests/fuzz

lint: $(VENV)/dev.stamp  ## Look for mistakes and unformatted code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp  ## Check the types
	$(BIN)/mypy

format: $(VENV)/dev.stamp  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: $(VENV)/dev.stamp  ## Bring the texts to translate up to date and compile what is translated
	for app in ct6site devices readings dashboard; do (cd $$app && \
		../$(BIN)/python ../manage.py makemessages -v 0 -l de --no-location --no-wrap --no-obsolete && \
		if [ -d static ]; then ../$(BIN)/python ../manage.py makemessages -v 0 -l de -d djangojs --no-location --no-wrap --no-obsolete; fi && \
		../$(BIN)/python ../manage.py compilemessages -v 0 -l de) || exit 1; done

bench: $(VENV)/dev.stamp  ## Measure speed and memory; writes bench.json
	$(BIN)/python -m tests.servers -- $(BIN)/python -m tests.bench

bench-scale: $(VENV)/dev.stamp  ## Say which part breaks first with up to 100,000 units, from measured costs
	$(BIN)/python -m tests.servers -- $(BIN)/python -m tests.bench.scale

lock: $(VENV)/dev.stamp  ## Pin the newest allowed packages, with their hashes
	for set in base mysql dev; do $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate requirements/$$set.txt -o requirements/lock/$$set.txt; done

clean:  ## Remove the virtual environment and caches (never the data)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis artifacts

$(VENV)/bin/python:
	@$(PYTHON) requirements/check_python.py
	@$(if $(UV),$(UV) venv -q --seed --python $(PYTHON) $(VENV),$(PYTHON) -m venv $(VENV))

$(VENV)/base.stamp: requirements/lock/base.txt | $(VENV)/bin/python
	@echo "Installing the product's packages ..."
	@$(if $(UV),$(UV) pip install -q --python $(BIN)/python,$(BIN)/python -m pip install -q) \
		--require-hashes -r requirements/lock/base.txt
	@touch $@

$(VENV)/dev.stamp: requirements/lock/dev.txt tests/install.sh | $(VENV)/bin/python
	@sh tests/install.sh $(BIN)/python
	@echo "Installing the packages of the tests ..."
	@$(if $(UV),$(UV) pip install -q --python $(BIN)/python,$(BIN)/python -m pip install -q) \
		--require-hashes -r requirements/lock/dev.txt
	@touch $@ $(VENV)/base.stamp
