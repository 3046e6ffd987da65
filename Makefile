# Every target does its own set-up and is safe to repeat. `make help` lists them.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready

# One thread a process: the tests run in two processes, and a result must not depend on the thread count of
# whatever machine it is made on. Offline: a test that wants the network fails at once instead of waiting.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
OFFLINE := HF_HUB_OFFLINE=1

.PHONY: help install demo test lint bench bench-ablation bench-coverage bench-doubt bench-faults bench-few-cells bench-jurkat bench-morphology bench-review \
	bench-made-cells bench-scaling bench-speed bench-thresholds bench-throughput docs clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

install: $(READY) ## the environment in .venv, with what training and development need

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11, or say make PYTHON=…"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --no-input -q -c constraints.txt -e '.[train,int8,ray,explain,postgres,dev]'
	@touch $@

$(DOCS_READY): $(READY)
	$(BIN)/python -m pip install --no-input -q -c constraints.txt -e '.[docs]'
	@touch $@

demo: $(READY) ## the whole way on made cells, from images to reports, in build/demo
	$(BIN)/brightctc demo build/demo --overwrite

test: $(READY) ## all tests
	$(ONE_THREAD) $(OFFLINE) $(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(READY) ## format, lint, types and layers
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache

bench: bench-jurkat bench-morphology bench-made-cells bench-throughput bench-coverage bench-speed \
	bench-scaling bench-faults bench-doubt bench-ablation bench-few-cells bench-thresholds bench-review ## all benchmarks; they write docs/results/

bench-jurkat: $(READY) ## real cells: the default recipe beside simpler models
	$(BIN)/python benchmarks/jurkat.py

bench-morphology: $(READY) ## real cells: what separates the classes, baselines beside the network; outlines, speed
	$(BIN)/python benchmarks/morphology.py

bench-made-cells: $(READY) ## made cells: speed, exactness, what tells the classes apart, outlines
	$(BIN)/python benchmarks/made_cells.py

bench-throughput: $(READY) ## training throughput beside a plain PyTorch data set
	$(BIN)/python benchmarks/throughput.py

bench-coverage: $(READY) ## how often intervals hold the truth, by simulation
	$(BIN)/python benchmarks/coverage.py

bench-speed: $(READY) ## scoring speed beside PyTorch and ONNX Runtime; about an hour, goes on where it was stopped
	$(BIN)/python benchmarks/speed.py

bench-scaling: $(READY) ## rate and memory from a thousand to a million cells; about an hour
	$(BIN)/python benchmarks/scaling.py

bench-doubt: $(READY) ## made cells: conformal sets, samples that look unlike, what is flagged
	$(BIN)/python benchmarks/doubt.py

bench-review: $(READY) ## the review app under load: twenty readers on 100,000 cells
	$(BIN)/python benchmarks/review_load.py

bench-few-cells: $(READY) ## few labelled cells: every way beside simpler models; hours, goes on where it was stopped
	$(BIN)/python benchmarks/few_cells.py

bench-thresholds: $(READY) ## where few validation cells put the line; with the networks that bench-few-cells has kept
	$(BIN)/python benchmarks/thresholds.py

bench-faults: $(READY) ## scoring that is killed and gone on with, twenty times
	$(BIN)/python benchmarks/faults.py
	$(BIN)/python benchmarks/review_faults.py

bench-ablation: $(READY) ## real cells: the paper's ablation with its controls; about an hour, goes on where it was stopped
	$(BIN)/python benchmarks/ablation.py

docs: $(DOCS_READY) ## the documentation as pages, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean: ## remove the environment and everything that was built
	rm -rf $(VENV) build dist site .pytest_cache .ruff_cache .import_linter_cache .grimp_cache
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +
