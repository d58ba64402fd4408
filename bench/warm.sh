#!/bin/bash
# What a warm start saves, on the Docker of DOCKER_HOST: pairs in turns, medians. Run it where nothing else runs.
#
#   warm.sh [PAIRS] [AT ONCE]     11 pairs of single machines, 11 of 20 machines at once; 0 leaves a part out
#
# The machine's part of `docker run --rm IMAGE true` is its time less runc's. RUNCVM names the program; `runcvm warm` is
# run first, in the namespaces of the engine that are this shell's.
set -euo pipefail
cd "$(dirname "$0")"
. ./lib.sh

readonly MEMORY=512M
readonly MACHINES=20

run_once() { docker run --rm --label "$LABEL" --network none "$@" "$IMAGE" true; }

machine() { run_once --runtime=runcvm -m "$MEMORY" -e RUNCVM_ROOTFS=block -e RUNCVM_WARM="$1"; }

at_once() {
    local child children=()
    for ((m = 0; m < MACHINES; m++)); do
        machine "$1" &
        children+=($!)
    done
    for child in "${children[@]}"; do wait "$child"; done
}

# Whether a start is a warm one is in its log, and nowhere in its time.
check() {
    local log
    log=$(docker run --rm --label "$LABEL" --runtime=runcvm -m "$MEMORY" -e RUNCVM_ROOTFS=block \
        -e RUNCVM_LOG_LEVEL=INFO "$IMAGE" true 2>&1)
    [[ $log == *'goes on where another was saved'* ]] || die "machines do not start warm: $log"
}

pairs() { # COUNT WHAT
    local count=$1 what=$2
    for ((i = 1; i <= count; i++)); do
        microseconds "$what" off >>"$WORK/$what.off"
        microseconds "$what" auto >>"$WORK/$what.auto"
        note "$what: pair $i of $count"
    done
    row "$what, booted" "$(milliseconds "$WORK/$what.off")"
    row "$what, warm" "$(milliseconds "$WORK/$what.auto")"
}

main() {
    local single=${1:-11} many=${2:-11} runc booted warm quotient
    [ "$(id -u)" = 0 ] || die "this needs root, try: sudo $0"
    need docker docker.io
    need busybox busybox-static
    WORK=$(mktemp -d /var/tmp/runcvm-bench.XXXXXX)
    trap 'docker rmi -f "$IMAGE" >/dev/null 2>&1; rm -rf "$WORK"' EXIT
    trap 'exit 1' INT TERM
    import_image "$IMAGE"
    "${RUNCVM:-runcvm}" warm --memory "$MEMORY"
    check
    for ((i = 0; i < 5; i++)); do microseconds run_once --runtime=runc >>"$WORK/runc"; done
    runc=$(median "$WORK/runc")
    row "runc" "$(milliseconds "$WORK/runc")"
    if ((single > 0)); then
        pairs "$single" machine
        booted=$(median "$WORK/machine.off") warm=$(median "$WORK/machine.auto")
        quotient=$(compute '(w - r) / (b - r)' "w=$warm" "b=$booted" "r=$runc")
        row "the machine's part, warm ÷ booted" "$quotient ($(verdict "$quotient" 0.25): at most 0.25)"
    fi
    if ((many > 0)); then
        pairs "$many" at_once
        quotient=$(compute 'w / b' "w=$(median "$WORK/at_once.auto")" "b=$(median "$WORK/at_once.off")")
        row "$MACHINES at once until the last has ended" "$quotient ($(verdict "$quotient" 0.3): at most 0.3)"
    fi
}

main "$@"
