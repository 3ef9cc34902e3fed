# make demo     the whole road on real data, in a few minutes
# make test     the whole test suite, offline
# make check    ruff and mypy
# make install  .venv with everything that the others need
# make nightly  the longer checks as well
# make reader   the embedded reader anew, from public data: an hour and a half to three and a half on 2 cores
# make coverage the tests again, with the lines and branches that they take
# make mutants  small faults put into the code, and how many of them the tests notice: hours
# make audit    known holes in the pinned dependencies (asks pypi.org), and build/sbom.json: what is installed, with licences
# make bench    the figures that the README quotes

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: install demo test check nightly coverage mutants audit reader bench bench-data clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@echo "installing into .venv: a minute or two"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(STAMP)

demo: install
	$(BIN)/spantune demo

test: install
	$(BIN)/python -m pytest --numprocesses 2 -m "not nightly"

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

nightly: install
	$(BIN)/python -m pytest --numprocesses 2

coverage: install
	$(BIN)/python -m pytest --numprocesses 2 -m "not nightly" --cov --cov-report term:skip-covered --cov-report html:build/coverage

# The mutated copy is what the tests import: the environment of its own sees what .venv has installed, but not its link to src.
# `make mutants ROOMS="spantune.runs.*"` runs one room.
PURE := -c "import sysconfig; print(sysconfig.get_path('purelib'))"
mutants: install
	$(PYTHON) -m venv build/mutants
	$(BIN)/python $(PURE) > "$$(build/mutants/bin/python $(PURE))/what-spantune-needs.pth"
	build/mutants/bin/python -m pip install --quiet --constraint constraints.txt "mutmut>=3.8.1,<3.9"
	rm -rf mutants && mkdir -p mutants/src  # Python forgets a folder that is not there when it starts
	PYTHONPATH="$(CURDIR)/mutants/src" OMP_NUM_THREADS=1 build/mutants/bin/mutmut run $(ROOMS)
	build/mutants/bin/python benchmarks/mutants.py

audit: install
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet "pip-audit>=2.9,<3" "cyclonedx-bom>=7,<8"
	build/audit/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml -o build/sbom.json .venv
	build/audit/bin/pip-audit --disable-pip --no-deps --requirement constraints.txt

# BASE holds the four files that reader/pool.py names; EVAL, if given, eval/ and custom/ to measure on. Several SEEDS make as many
# runs, one after the other, whose weights are averaged: the reader that ships is of one.
SEEDS := 13
reader: install
	$(BIN)/python reader/pool.py $(BASE) build/reader
	set -e; for seed in $(SEEDS); do \
		$(BIN)/spantune train build/reader/train.jsonl --eval-data build/reader/probe.jsonl \
			--config reader/settings.yaml --set training.seed=$$seed --out build/reader/run-$$seed; \
	done
	$(BIN)/python reader/pack.py build/reader $(SEEDS:%=build/reader/run-%)
	$(if $(EVAL),$(BIN)/python reader/score.py $(EVAL))

# About 25 minutes, and 3 GB of the peers' environments. `make bench DATA=squad.json RUN=run` takes texts and a reader of yours.
bench: install
	$(BIN)/python benchmarks/peers/make.py > /dev/null
	$(BIN)/python benchmarks/bench.py $(if $(DATA),--data $(DATA)) $(if $(RUN),--run $(RUN)) > /dev/null
	$(BIN)/python benchmarks/table.py

# The data's figures, which stand beside no peer.
bench-data: install
	$(BIN)/python benchmarks/reading.py | tee benchmarks/results/reading.json
	$(BIN)/python benchmarks/checking.py | tee benchmarks/results/checking.json
	$(BIN)/python benchmarks/leakage.py | tee benchmarks/results/leakage.json

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-run mutants build/mutants build/mypy-of-mutants
