# make demo                 the main job on real requests, in a virtual environment of its own
# make test                 lint, types, and all tests on every supported Python
# make faults               the tests of the guarantee: what fails, and what the numbers are then
# make soak MINUTES=60      faults at random, for as long as you like
# make bench                side by side with peers; writes docs/benchmarks.md and its chart
# make bench-quick          what has a limit only, in a minute; fails where one is missed
# make examples             all that is in examples/, one after the other
# make example-django_site  one of them
#
# All set up what they need. They work in a fresh clone, as any user.

# Each with another redis-py, so that what is tested on every Python is tested with all of them.
PYTHONS := 3.11:redis==8.1.0 3.12:redis==7.4.1:hiredis 3.13:redis==6.0.0
# The one that lints, checks types and runs the demonstration.
PYTHON := python3

EXAMPLES := $(patsubst examples/%/run.py,example-%,$(wildcard examples/*/run.py))

.PHONY: demo examples $(EXAMPLES) test lint unit faults soak bench bench-quick system-packages clean

demo: .venv/ready
	.venv/bin/python examples/http_service/demo.py

examples: $(EXAMPLES)

$(EXAMPLES): example-%: .venv-examples/ready
	.venv-examples/bin/python examples/$*/run.py

example-two_machines: system-packages

test: system-packages lint unit

lint: .venv-lint/ready
	.venv-lint/bin/ruff check .
	.venv-lint/bin/ruff format --check .
	.venv-lint/bin/mypy

unit: system-packages
	tests/run-on-pythons $(PYTHONS)

faults: system-packages
	TESTS_ONLY=fault tests/run-on-pythons $(PYTHONS)

soak: MINUTES := 60
soak: system-packages
	RUN=tests/run-soak MINUTES=$(MINUTES) SEED=$(SEED) \
	    tests/run-on-pythons $(firstword $(PYTHONS))

bench: .venv-bench/ready system-packages
	.venv-bench/bin/python -m benchmarks --write

bench-quick: .venv-bench/ready system-packages
	.venv-bench/bin/python -m benchmarks --quick

system-packages:
	tests/install-system-packages

.venv/ready: EXTRA := demo
.venv-examples/ready: EXTRA := examples
.venv-lint/ready: EXTRA := lint
.venv-bench/ready: EXTRA := bench

.venv/ready .venv-examples/ready .venv-lint/ready .venv-bench/ready: %/ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv $*
	$*/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRA)]'
	touch $@

clean:
	rm -rf .venv .venv-* build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
