#!/bin/bash
# Runs the system tests that the arguments choose. Real engines and emulated machines share a host with all else that
# runs there: up to three tests that fail run once more, alone, and the output says which of them passed only then. More
# than three fail for a reason.
#
#   tests/system.sh [--filter-method PATTERN…]        DOTNET: the program
set -euo pipefail
cd "$(dirname "$0")/.."

run() { "${DOTNET:-dotnet}" test --project tests/Runcvm.SystemTests --no-build --output Detailed "$@"; }

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
