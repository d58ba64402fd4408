#!/bin/bash
# Fuzzes each target for half an hour, one at a time, and keeps what found new edges in tests/fuzz/corpus.
#
#   bench/fuzz.sh [TARGET...]     FUZZ_SECONDS: another time for each; FUZZ_AT_ONCE: how many at a time
set -euo pipefail
cd "$(dirname "$0")/.."
FUZZ_KEEP=1 FUZZ_AT_ONCE=${FUZZ_AT_ONCE:-1} exec tests/fuzz/run.sh "${FUZZ_SECONDS:-1800}" "$@"
