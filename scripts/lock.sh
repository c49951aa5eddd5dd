#!/bin/sh
# Pin the requirements with hashes. --check fails if pyproject.toml asks for something else.
set -eu
cd "$(dirname "$0")/.."
cache="${LYCEUM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lyceum}"
PATH="$PATH:$cache/uv-0.13.9/bin"

compile() { # name of the environment, file, further options
    name=$1 file=$2
    shift 2
    case $name in
        spark) engine=spark group=dev ;;
        *) engine=embedded group=$name ;;
    esac
    uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 \
        --extra $engine --group "$group" --no-emit-package pocketlake --no-emit-package bundlerun --no-emit-package lyceum-lab \
        --no-emit-package lyceum "$@" -o "$file" pyproject.toml
}

for name in dev spark bench; do
    file=requirements/$name.txt
    if [ "${1:-}" = --check ]; then
        copy=$(mktemp)
        cp "$file" "$copy"
        compile "$name" "$copy"
        if ! diff -q "$file" "$copy" >/dev/null; then
            echo "expected $file to be what pyproject.toml asks for, found it stale: run make lock" >&2
            exit 1
        fi
        rm "$copy"
    else
        compile "$name" "$file" ${1:+"$1"}
    fi
done
