# Two commands are all a new machine needs: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check install --quiet -c constraints.txt

# The suite starts the program a thousand times: where bytecode is forbidden, each would compile it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check lint format bench torture clean

demo: $(VENV)/.ready
	@$(BIN)/watcher demo demo

# In memory where there is room for it: most of what the suite writes is flushed to the disk, thousands of times.
# `make torture` stays on the disk.
test: $(VENV)/.ready-dev
	@place=/dev/shm; [ -w $$place ] && [ "$$(df -Pk $$place | awk 'END { print $$4 }')" -gt 4000000 ] || place=$${TMPDIR:-/tmp}; \
	  tmp=$$(mktemp -d $$place/w.XXXXXX) && trap 'chmod -R u+rwx $$tmp; rm -rf $$tmp' EXIT && \
	  TMPDIR=$$tmp $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint test

bench: $(VENV)/.ready
	$(BIN)/python bench/reference.py
	$(BIN)/python bench/archive.py
	$(BIN)/python bench/watch.py

torture: $(VENV)/.ready-dev
	TEST_EVERY=1 $(BIN)/python -m pytest tests/test_crash.py --timeout 3600
	TEST_COLD=1 TEST_KILLS=1000 $(BIN)/python -m pytest tests/test_kill.py --timeout 3600
	TEST_COLD=1 TEST_KILLS=200 TEST_MEMBERS=20000 TEST_EXAMPLES=10000 $(BIN)/python -m pytest tests/test_kill_archive.py tests/test_zip_law.py --timeout 3600
	TEST_EVERY=1 $(BIN)/python -m pytest tests/test_faults.py tests/test_power.py --timeout 36000
	TEST_EDIT_SECONDS=60 $(BIN)/python -m pytest tests/end_to_end/test_e2e_edit.py --timeout 600
	TEST_LOCKED=30 $(BIN)/python -m pytest tests/end_to_end/test_e2e_database.py --timeout 600
	TEST_STEADY=10000 $(BIN)/python -m pytest tests/end_to_end/test_e2e_steady.py --timeout 3600
	TEST_HOSTILE=1000000 $(BIN)/python -m pytest tests/end_to_end/test_e2e_hostile.py --timeout 3600
	TEST_BURST=30000 $(BIN)/python -m pytest tests/end_to_end/test_e2e_bursts.py --timeout 7200
	TEST_COLD=1 $(BIN)/python -m pytest tests/cli tests/end_to_end

# A half-made environment would pass for a whole one the next time, so it goes when something fails.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "photo-watcher needs Python 3.11 or later; $(PYTHON) is older or missing. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Python has no venv module here. On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }

$(VENV)/.ready: pyproject.toml constraints.txt | $(BIN)/python
	@$(PIP) -e '.[heif]'
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	@$(PIP) -e '.[heif,raw,dev]'
	@touch $@

clean:
	rm -rf $(VENV) demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache
