#!/bin/bash
# What of the lab every test run can afford: one container on KVM. Where the lab cannot run it says why, and succeeds.
#
#   smoke.sh            RUNCVM_TEST_RUNTIME: the runtime under test
#   smoke.sh inside ARCHIVE
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [ "${1-}" = inside ]; then
    docker import "$2" busybox >/dev/null
    # Only KVM's own guests have its clock, so that a machine that fell back to emulation does not pass.
    docker run --rm --runtime=runcvm -e RUNCVM_ACCEL=kvm busybox \
        sh -c 'echo "clock: $(cat /sys/devices/system/clocksource/clocksource0/available_clocksource)"' | tee /run/output
    grep -q '^clock: .*kvm-clock' /run/output
    exit
fi

archive=$(mktemp)
trap 'rm -f "$archive"' EXIT
"$here/../../examples/dind/busybox.sh" >"$archive"
ended=0
"$here/run.sh" -t 600 -- "$here/smoke.sh" inside "$archive" || ended=$?
case $ended in
    0) echo "kvm-lab: passed" ;;
    77) echo "kvm-lab: skipped, see above" ;;
    *) echo "kvm-lab: failed with $ended" >&2; exit 1 ;;
esac
