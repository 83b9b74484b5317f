# The commands of this project. Nothing but make and Python 3.11 or newer is needed beforehand.

.PHONY: demo demo-reset test faults lint screenshots requirements python venv-demo venv-dev browser bench-mail bench-desk
.DEFAULT_GOAL := demo

# The first Python that is new enough; PYTHON=/path/to/python3 chooses another.
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3 python; do \
	if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then command -v "$$name"; break; fi; done)
PY := .venv/bin/python

python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. On Debian or Ubuntu: sudo apt-get install -y python3 python3-venv"; exit 1; }

venv-demo: python
	@"$(PYTHON)" -I shopdesk/install.py requirements/demo.txt

venv-dev: python
	@"$(PYTHON)" -I shopdesk/install.py requirements/dev.txt

# The whole desk on this machine; Ctrl-C stops it.
demo: venv-demo
	@$(PY) -m shopdesk.demo_run

# Forget the demo's data.
demo-reset: venv-demo
	@$(PY) -m shopdesk.demo_run reset

# Every check and every test, the browser tests included. BROWSER=skip leaves those out. Three at a time keep two cores
# busy, for many wait for a browser, a server or the clock; JOBS=8 suits a larger machine.
test: venv-dev browser
	@$(PY) -m pytest -n $(or $(JOBS),3) -q --durations=10 $(ARGS)

# Kill workers, stop servers and break connections while mail goes through; then check that every promise was kept.
faults: venv-dev
	@$(PY) -m tests.faults.run --seeds $(or $(SEEDS),3) $(ARGS)

browser: venv-dev
	@test "$(BROWSER)" = skip || $(PY) -m tests.browser

lint: venv-dev
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports
	@.venv/bin/djlint templates --lint --quiet

screenshots: venv-dev browser
	@$(PY) -m pytest -q tests/stories/screens.py

# How fast due letters leave, beside the bare loop and two other outboxes: make bench-mail N=2000 FUTURE=0 is quicker.
N ?= 20000
FUTURE ?= 1000000
bench-mail: venv-dev
	@$(PY) tests/bench/mail.py -n $(N) --future $(FUTURE)

# How fast the desk is with 200,000 inquiries, beside a bare view and django-helpdesk: make bench-desk INQUIRIES=20000 is quicker.
INQUIRIES ?= 200000
bench-desk: venv-dev
	@$(PY) -m tests.bench.desk.run --inquiries $(INQUIRIES)

# Lock the dependencies of pyproject.toml again, with hashes and without addresses (needs uv).
COMPILE = uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --python-version 3.11 --quiet
requirements:
	$(COMPILE) --output-file requirements/base.txt
	$(COMPILE) --extra demo --output-file requirements/demo.txt
	$(COMPILE) --extra demo --extra dev --output-file requirements/dev.txt
