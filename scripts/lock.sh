#!/bin/sh
# Pin the requirements with hashes. --check fails if pyproject.toml asks for something else.
set -eu
cd "$(dirname "$0")/.."
cache="${LYCEUM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lyceum}"
PATH="$PATH:$cache/uv-0.13.9/bin"

compile() { # group, file, further options
    group=$1 file=$2
    shift 2
    uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 \
        --extra local --group "$group" "$@" -o "$file" pyproject.toml
}

for group in dev bench; do
    file=requirements/$group.txt
    if [ "${1:-}" = --check ]; then
        copy=$(mktemp)
        cp "$file" "$copy"
        compile "$group" "$copy"
        if ! diff -q "$file" "$copy" >/dev/null; then
            echo "expected $file to be what pyproject.toml asks for, found it stale: run make lock" >&2
            exit 1
        fi
        rm "$copy"
    else
        compile "$group" "$file" ${1:+"$1"}
    fi
done
