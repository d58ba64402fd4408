#!/bin/bash
# Runs the tests of a project that the arguments choose. Real engines and emulated machines share a host with all else
# that runs there, and unit tests share a process whose children have its files for a moment. So up to three tests that
# fail run once more, alone, and the output says which of them passed only then. More than three fail for a reason.
#
#   tests/run.sh PROJECT [--filter-method PATTERN…]        DOTNET: the program
set -euo pipefail
cd "$(dirname "$0")/.."

project=$1
shift
# What a system test does takes long enough to be told of each.
detail=Normal
[ "$project" != Runcvm.SystemTests ] || detail=Detailed

run() { "${DOTNET:-dotnet}" test --project "tests/$project" --no-build --output $detail "$@"; }

output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
run "$@" 2>&1 | tee "$output" || status=$?
((status != 0)) || exit 0

sed -i 's/\x1b\[[0-9;]*m//g' "$output"
mapfile -t failed < <(sed -nE 's/^failed (.*) \([0-9a-z ]+\)$/\1/p' "$output")
((${#failed[@]} > 0 && ${#failed[@]} <= 3)) || exit "$status"
# Of a run that broke off nobody knows what else would have failed.
grep -qE "^ *failed: ${#failed[@]}\$" "$output" || exit "$status"
methods=()
for name in "${failed[@]}"; do methods+=(--filter-method "${name%%(*}"); done
# Marked, so that nobody counts the same test twice.
run "${methods[@]}" 2>&1 | sed 's/^/again: /'
for name in "${failed[@]}"; do echo "passed only when run again: $name"; done
