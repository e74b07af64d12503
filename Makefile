# One entry point for everything. Every target first runs `setup`, which does nothing when all is there.
SHELL := /bin/bash
BIN := .venv/bin
# Tests of one file stay on one xdist worker: they share what is slow to set up. Override: make test PYTEST_ARGS="-k rollback"
PYTEST_WORKERS ?= 3
PYTEST_ARGS ?=
DEV_ARGS ?= --project-dir deploy/demo
# make chaos N=500, again to add up; SEED: the first seed; REPLAY: play one seed's round again
N ?= 200
SEED ?= 1
CHAOS_ARGS ?=
# make soak MINUTES=30, again to add up
MINUTES ?= 30
SOAK_ARGS ?=
# make log-gigabyte LOG_ARGS="--mib 64"
LOG_ARGS ?=
# make bench-repair REPAIR_ARGS="--only diagnosis", or --case ID, --corpus DIR, --json FILE
REPAIR_ARGS ?=
# make fuzz MINUTES=10 FUZZ_ARGS="--only diff"
FUZZ_ARGS ?=
# make bench BENCH_ARGS="--only lag"; the other figures stay as they are
BENCH_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup minio-build test stores-big stack-test screenshots chaos soak fuzz reliability log-gigabyte bench-repair bench bench-quick lint format dev demo knowledge-debian knowledge-python lock clean clean-images

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## put .venv, Docker engine, base image and a browser in place, where they are missing
	@deploy/host/setup.sh

fuzz: setup ## bad input for everything that parses foreign text, MINUTES in all; adds up over calls
	PYTHONPATH=$(CURDIR) $(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(FUZZ_ARGS)
	PYTHONPATH=$(CURDIR) $(BIN)/python -m tests.reliability

bench: setup ## the benchmarks beside their baselines, into BENCHMARKS.md (an hour; a quiet machine, please)
	PYTHONPATH=$(CURDIR) $(BIN)/python -m tests.bench $(BENCH_ARGS)

bench-quick: setup ## the same with fewer trials and a short build (15 minutes)
	PYTHONPATH=$(CURDIR) $(BIN)/python -m tests.bench --quick $(BENCH_ARGS)

lint: setup ## ruff, formatting, strict types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Begins first and runs niced beside lint and the first tests; those of MinIO wait for it.
minio-build:
	@nohup deploy/host/minio.sh >/dev/null 2>&1 </dev/null &

test: minio-build lint ## lint, then every test, on the real engine and the real Temporal server
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile $(PYTEST_ARGS)

stores-big: minio-build setup ## a growing log of 1 GiB in both S3 stores: memory, live view, checksum
	MM_ORCHESTRATOR_TEST_BIG_MIB=1024 $(BIN)/pytest tests/integration/test_store_big.py -s

chaos: setup ## N random faults at random instants, on a Docker daemon of its own; adds up over calls
	PYTHONPATH=$(CURDIR) $(BIN)/python -m tests.chaos --cases $(N) --seed $(SEED) $(if $(REPLAY),--replay $(REPLAY)) $(CHAOS_ARGS)

soak: setup ## MINUTES of mixed runs on one long-lived worker, judged for leaks; adds up over calls
	PYTHONPATH=$(CURDIR) $(BIN)/python -m tests.soak --minutes $(MINUTES) --seed $(SEED) $(SOAK_ARGS)

reliability: setup ## RELIABILITY.md anew from the figures in docs/reliability
	PYTHONPATH=$(CURDIR) $(BIN)/python -m tests.reliability

stack-test: setup ## temporal-compose.yaml as it is, on this engine: up, repair, evidence, approval, down (needs root)
	deploy/host/minio_client.sh
	MM_STACK_TESTS=1 $(BIN)/pytest tests/stack -p no:xdist

screenshots: setup ## docs/screenshots anew: the browser tests, each keeping a picture of what it saw
	SCREENSHOT_DIR=$(CURDIR)/docs/screenshots $(BIN)/pytest -q tests/browser

log-gigabyte: setup ## a build that prints 1 GiB, on a Docker daemon of its own: memory, checksum, masking
	PYTHONPATH=$(CURDIR) $(BIN)/python -m tests.longlog $(LOG_ARGS)

bench-repair: setup ## labelled logs to findings, then broken services repaired on the real Docker engine
	PYTHONPATH=$(CURDIR) $(BIN)/python -m tests.repair $(REPAIR_ARGS)

dev: setup ## Temporal server, Web UI and worker on the demo project, until Ctrl-C
	$(BIN)/mm-orchestrator dev $(DEV_ARGS)

demo: setup ## break a service, repair it, then watch a repair that fails put everything back
	$(BIN)/python deploy/demo/demo.py

knowledge-debian: setup ## read Debian's Contents index anew, from the mirror apt is configured with
	$(BIN)/python deploy/knowledge/debian_contents.py $(KNOWLEDGE_ARGS)

knowledge-python: setup ## read the published tables of Python packages anew (KNOWLEDGE_ARGS="--wheels DIR")
	$(BIN)/python deploy/knowledge/python_index.py $(KNOWLEDGE_ARGS)

lock: setup ## resolve the lock files anew (make lock LOCK_ARGS=--upgrade for newer versions)
	deploy/host/lock.sh $(LOCK_ARGS)

clean: ## remove .venv and caches; the Docker engine, its images and all run data stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info

clean-images: ## remove the base images that were made from Debian's packages; pulled ones stay
	deploy/host/base_image.sh --remove
