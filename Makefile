# Everything below needs only Python >= 3.11, make and a package registry. PYTHON=python3.12 picks another interpreter.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: setup demo test check audit bench screens province-proof sim equivalence kill coverage fuzz conformance-21 conformance-page clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' --constraint constraints.txt
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/csms demo $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell csms device_sim optimizer monitor firmware_profiles tests docs benchmarks README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md
	$(BIN)/python -m pytest -q tests/architecture

# What else looks for weaknesses: bandit over the product, pip-audit over what is installed with it (needs a network).
audit: $(STAMP)
	$(BIN)/bandit -q -c pyproject.toml -r csms device_sim optimizer monitor firmware_profiles cli.py
	$(BIN)/python -m tests.support.audit

# The long form of two proofs that `make test` does in short: some ten minutes each.
equivalence: $(STAMP)
	CSMS_EQUIVALENCE=10000 CSMS_EQUIVALENCE_REPORT=equivalence.json $(BIN)/python -m pytest -n 2 --dist loadfile -q --timeout 1200 tests/conformance $(ARGS)

kill: $(STAMP)
	CSMS_KILL_RUNS=50 CSMS_KILL_STATIONS=200 CSMS_LIMIT_KILLS=20 $(BIN)/python -m pytest -n 2 --dist load -q --timeout 2400 tests/fault/test_store_kill.py tests/fault/test_limit_kill.py $(ARGS)

# The charging room before simulated fleets, each seed another one, and the controls; prints the table of
# docs/topics/grid-limits-proof.md. 20,000 seeds take some hours on two cores; seeds that fail are added to tests/sim/seeds.txt.
SEEDS ?= 500
sim: $(STAMP)
	$(BIN)/python -m tests.sim --seeds $(SEEDS) $(ARGS)

# Operator and platform as two real servers over HTTPS: 10,000 orders, 100,000 states, failing calls, kill -9 of either side,
# an outage of 72 hours; prints the table of docs/topics/province-proof.md. Some fifteen minutes on two cores.
province-proof: $(STAMP)
	$(BIN)/python -m benchmarks province $(ARGS)

# Everything that can be said and asked, in every way; 10,000 damaged messages of each version: some minutes.
coverage: $(STAMP)
	CSMS_COVERAGE=10000 $(BIN)/python -m pytest -n 2 --dist load -q tests/conformance/test_every_request.py tests/conformance/test_every_command.py tests/conformance/test_mutated_frames.py tests/conformance/test_mutated_answers.py $(ARGS)

# Whatever bytes come in from outside, 60,000 times: some minutes. CSMS_FUZZ_SEED=2 makes other ones.
fuzz: $(STAMP)
	CSMS_FUZZ=60000 $(BIN)/python -m pytest -q -rP --timeout 1200 tests/fuzz $(ARGS)

# The scripts of 2.0.1 once more, with stations that speak 2.1: some eight minutes.
conformance-21: $(STAMP)
	CSMS_CONFORMANCE_21=1 $(BIN)/python -m pytest -n 2 --dist load -q tests/conformance -k test_201_ $(ARGS)

# Which test shows which requirement: docs/conformance.md from the marks on the tests.
conformance-page: $(STAMP)
	$(BIN)/python -m tests.conformance.matrix

# All pages of the dashboard as pictures, over the demo: docs/screens/*.png. Needs chromium; some three minutes.
screens: $(STAMP)
	$(BIN)/python -m tests.browser.screens $(ARGS)
	$(BIN)/python -m tests.browser.screens_monitor $(ARGS)

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
