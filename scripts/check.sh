#!/bin/sh
# Everything but the tests: lint, format, types, layer boundaries, pinned requirements.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/lint-imports
scripts/lock.sh --check
