#!/bin/bash
# What of the lab every test run can afford: two containers on KVM. Where the lab cannot run it says why, and succeeds.
#
#   smoke.sh            RUNCVM_TEST_RUNTIME: the runtime under test
#   smoke.sh inside ARCHIVE
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [ "${1-}" = inside ]; then
    docker import "$2" busybox >/dev/null
    docker run --rm --runtime=runcvm -e RUNCVM_ACCEL=kvm busybox cat /proc/cpuinfo | tee /run/cpuinfo \
        | grep -m 1 '^model name'
    # KVM hands on the CPU of the lab. A machine that fell back to emulation has one that says "QEMU TCG".
    [ "$(grep -m 1 '^model name' /run/cpuinfo)" = "$(grep -m 1 '^model name' /proc/cpuinfo)" ]
    # A machine on KVM has a thread of the kernel's in its cgroup, which does not freeze.
    docker run -d --name paused --runtime=runcvm -e RUNCVM_ACCEL=kvm busybox sleep 1000 >/dev/null
    docker exec paused true
    docker pause paused
    docker unpause paused
    docker exec paused true
    docker kill paused
    exit
fi

archive=$(mktemp)
trap 'rm -f "$archive"' EXIT
"$here/../../examples/dind/busybox.sh" >"$archive"
attempt() {
    ended=0
    "$here/run.sh" -t 400 -- "$here/smoke.sh" inside "$archive" || ended=$?
}

attempt
# A guest of the KVM that QEMU 7.2 emulates stands still now and then. A hang says nothing about RunCVM unless it comes
# again. A wrong output or a lab that broke is an answer.
if [ $ended = 124 ]; then
    echo "kvm-lab: the lab hung; once more"
    attempt
fi
case $ended in
    0) echo "kvm-lab: passed" ;;
    77) echo "kvm-lab: skipped, see above" ;;
    *) echo "kvm-lab: failed with $ended" >&2; exit 1 ;;
esac
