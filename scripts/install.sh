#!/bin/sh
# Prepare an environment from the pinned requirements: `dev` in .venv, `spark` in .venv-spark with the
# jars of Delta and of a Kafka broker, `bench` in .venv. Installs uv into the cache if there is none.
set -eu
cd "$(dirname "$0")/.."
cache="${LYCEUM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lyceum}"
group="${1:-dev}"
venv=.venv
if [ "$group" = spark ]; then venv=.venv-spark; fi

python=python3
for candidate in python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
    echo "lyceum: expected Python 3.11 or 3.12, found $("$python" --version 2>&1): install one of them" >&2
    exit 2
fi
if ! command -v uv >/dev/null 2>&1; then
    uv_home="$cache/uv-0.13.9"
    if [ ! -x "$uv_home/bin/uv" ]; then
        echo "Installing uv into $uv_home" >&2
        "$python" -m venv "$uv_home.part" && "$uv_home.part/bin/pip" install -q uv==0.13.9
        mv "$uv_home.part" "$uv_home"
    fi
    PATH="$uv_home/bin:$PATH"
fi
[ -x $venv/bin/python ] || uv venv -q --python "$("$python" -c 'import sys; print(sys.executable)')" $venv
uv pip sync -q --compile-bytecode --python $venv/bin/python --require-hashes "requirements/$group.txt"
uv pip install -q --python $venv/bin/python --no-deps -e packages/pocketlake -e packages/bundlerun -e . -e packages/lyceum-lab
if [ "$group" = spark ]; then
    $venv/bin/python -m pocketlake.reference.jars "$cache"
    $venv/bin/python -m lyceum_lab.kafka "$cache"
fi
