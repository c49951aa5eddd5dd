.DEFAULT_GOAL := help
RUN := .venv/bin

demo: install ## Load a simulated LMS into a lakehouse on this machine and show its tables
	@$(RUN)/lyceum demo

test: install ## Run all tests, then the reference group on Spark where there is Java
	@$(RUN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
	@scripts/reference.sh

soak: install ## Run the long simulations whole, of which the tests run a sample
	@LYCEUM_SOAK=1 $(RUN)/python -m pytest -m soak -n 2 --dist loadfile

check: install ## Lint, format, types, pinned requirements, layer boundaries
	@scripts/check.sh

fix: install ## Format the code and apply the safe lint fixes
	@$(RUN)/ruff check --fix -q . ; $(RUN)/ruff format -q .

lock: install ## Renew the pinned requirements from pyproject.toml
	@scripts/lock.sh --upgrade

docs: install ## Renew the generated pages of docs/
	@$(RUN)/python -m lyceum.operations.docs docs

bench: peers ## Benchmark what users feel: small commands as whole processes, beside peers
	@$(RUN)/python benchmarks/felt.py

bench-lms: peers ## Benchmark the LMS load beside its peers
	@$(RUN)/python benchmarks/lms.py

bench-events: peers ## Benchmark the event pipeline beside its peers
	@$(RUN)/python benchmarks/events.py

bench-stream: install ## Benchmark batches of the learner stream by their history
	@$(RUN)/python benchmarks/stream.py

bench-sales: peers ## Benchmark the sales pipelines beside their peers; DIR=folder of the shop's files
	@$(RUN)/python benchmarks/sales.py $(DIR)

peers: install
	@scripts/install.sh bench

install: .venv/installed ## Prepare .venv: Python packages
	@:

help: ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

.venv/installed: requirements/dev.txt pyproject.toml packages/*/pyproject.toml scripts/install.sh
	@scripts/install.sh dev && touch $@

.PHONY: demo test soak check fix lock docs bench bench-lms bench-events bench-sales bench-stream peers install help
