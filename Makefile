# make demo                 the main job on real requests, in a virtual environment of its own
# make test                 lint, types, and all tests on every supported Python
# make examples             all that is in examples/, one after the other
# make example-django_site  one of them
#
# All set up what they need. They work in a fresh clone, as any user.

PYTHONS := 3.11 3.12 3.13
# The newest redis-py is what all tests run with; these are tried with the Redis store.
REDIS_CLIENTS := 6.0.0 7.4.1 8.1.0+hiredis
# The one that lints, checks types and runs the demonstration.
PYTHON := python3

EXAMPLES := $(patsubst examples/%/run.py,example-%,$(wildcard examples/*/run.py))

.PHONY: demo examples $(EXAMPLES) test lint unit system-packages clean

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
	tests/run-on-redis-clients $(REDIS_CLIENTS)

system-packages:
	tests/install-system-packages

.venv/ready: EXTRA := demo
.venv-examples/ready: EXTRA := examples
.venv-lint/ready: EXTRA := dev

.venv/ready .venv-examples/ready .venv-lint/ready: %/ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv $*
	$*/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRA)]'
	touch $@

clean:
	rm -rf .venv .venv-* .clients build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
