.DEFAULT_GOAL := help
RUN := .venv/bin

demo: install ## Load a simulated LMS into a lakehouse on this machine and show its tables
	@$(RUN)/lyceum demo

test: install ## Run all tests
	@$(RUN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: install ## Lint, format, types, pinned requirements, layer boundaries
	@scripts/check.sh

fix: install ## Format the code and apply the safe lint fixes
	@$(RUN)/ruff check --fix -q . ; $(RUN)/ruff format -q .

lock: install ## Renew the pinned requirements from pyproject.toml
	@scripts/lock.sh --upgrade

docs: install ## Renew the generated pages of docs/
	@$(RUN)/python -m lyceum.local.docs docs

bench-lms: bench ## Benchmark the LMS load against its peers
	@$(RUN)/python benchmarks/lms.py

bench-merge: bench ## Benchmark the merge against its peers
	@$(RUN)/python benchmarks/merge.py

bench-events: bench ## Benchmark the event pipeline against its peers
	@$(RUN)/python benchmarks/events.py

bench-sales: bench ## Benchmark the sales pipelines against their peers; DIR=folder of the shop's files
	@$(RUN)/python benchmarks/sales.py $(DIR)

bench: install ## Install what the benchmarks need
	@scripts/install.sh bench

install: .venv/installed ## Prepare .venv: Python packages, Spark jars, class archive
	@:

help: ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

.venv/installed: requirements/dev.txt pyproject.toml src/lyceum/local/ivy.xml scripts/install.sh
	@scripts/install.sh dev && touch $@

.PHONY: demo test check fix lock docs bench bench-lms bench-merge bench-sales bench-events install help
