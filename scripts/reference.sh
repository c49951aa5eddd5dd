#!/bin/sh
# The reference group: the same tests on Apache Spark, where Java 17 or 21 is found. Its last line
# says whether they ran; LYCEUM_REFERENCE=required makes it an error if they did not.
set -eu
cd "$(dirname "$0")/.."
java=java
if [ -n "${JAVA_HOME:-}" ]; then java=$JAVA_HOME/bin/java; fi
if ! "$java" -version 2>&1 | grep -qE 'version "(17|21)\.'; then
    echo "reference: not run on Spark, for there is no Java 17 or 21"
    [ "${LYCEUM_REFERENCE:-}" != required ]
    exit
fi
scripts/install.sh spark
LYCEUM_TEST_ENGINE=spark LYCEUM_EMBEDDED_PYTHON=$PWD/.venv/bin/python \
    .venv-spark/bin/python -m pytest -n 2 --dist loadfile -m reference tests/systems/*/transforms tests/contract \
    packages/pocketlake/tests
.venv/bin/python -m pytest -m broker tests/systems/stream packages/bundlerun/tests
echo "reference: the transforms, the writers' contract and every job gave the same rows on Spark"
