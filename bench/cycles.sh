#!/bin/bash
# Looks for leaks on the Docker of DOCKER_HOST: many lives of machines one after the other, or a mixed load for a time, and what
# the host has of everything before and after.
#
#   cycles.sh cycles [COUNT]             create, start, exec, stop, rm; 200 times
#   cycles.sh load [MINUTES] [MACHINES]  all kinds of commands at random; 60 minutes, 8 machines at a time
set -euo pipefail
cd "$(dirname "$0")"
. ./lib.sh
. ./network.sh

# Handles, memory, mounts, processes, disk. Everything is let go of some time after Docker's answer, so it is asked until it is quiet.
traces() {
    local engine
    engine=$(engine_process)
    echo "machines $(find /run/runcvm -mindepth 1 -maxdepth 1 -type d 2>/dev/null | wc -l)"
    echo "processes $(ps -e -o comm= | grep -cE '^(runcvm|qemu|firecracker|containerd-shim)' || true)"
    echo "mounts $(wc -l </proc/self/mountinfo)"
    echo "interfaces $(ls /sys/class/net | wc -l)"
    # Other engines may have some as well.
    echo "cgroups $(find /sys/fs/cgroup -type d | grep -cFf "$WORK/ids" || true)"
    echo "scratch-disks $(find "$DATA" /var/lib/runcvm -name 'runcvm-scratch.ext4' 2>/dev/null | wc -l)"
    echo "containers $(docker ps -aq | wc -l)"
    echo "engine-handles $(ls "/proc/$engine/fd" | wc -l)"
}

# Grow and shrink for reasons of their own, so these are shown and not judged.
amounts() {
    echo "host memory in use $(awk '/MemTotal/ { t = $2 } /MemAvailable/ { print int((t - $2) / 1024) }' /proc/meminfo) MiB"
    echo "engine's memory $(awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$(engine_process)/status") MiB"
    echo "disk in use $(df -m --output=used "$DATA" | tail -n 1 | tr -d ' ') MiB"
}

engine_process() { pgrep -o -x dockerd; }

# The engine keeps a few handles for what it has done once.
readonly HANDLES_KEPT=10

differs() {
    awk -v kept=$HANDLES_KEPT 'NR == FNR { before[$1] = $2; next } $2 != before[$1] && !($1 == "engine-handles" && $2 <= before[$1] + kept) { print $1 ": " before[$1] " before, " $2 " now"; bad = 1 } END { exit !bad }' "$WORK/before" "$WORK/after"
}

compare() {
    for ((i = 0; i < 60; i++)); do
        traces >"$WORK/after"
        differs >"$WORK/differences" || { echo "nothing is left: $(tr '\n' ' ' <"$WORK/after")"; amounts; return; }
        sleep 1
    done
    cat "$WORK/differences"
    die "that is left"
}

run_machine() { docker run -d --label "$LABEL" --runtime=runcvm -m 128m "$@" >>"$WORK/ids"; }

cycles() {
    local count=${1:-200} name
    for ((i = 1; i <= count; i++)); do
        name=runcvm-cycle-$$-$i
        docker create --name "$name" --label "$LABEL" --runtime=runcvm -m 128m "$IMAGE" sleep 1000 >>"$WORK/ids"
        docker start "$name" >/dev/null
        docker exec "$name" true
        docker stop -t 0 "$name" >/dev/null
        docker rm "$name" >/dev/null
        ((i % 20)) || note "$i of $count"
    done
}

# With what is left of the container, which the next command may take away.
note_failure() { # NAME STEP STDERR
    echo "$(date +%T) $1, step $2: $(tr '\n' ' ' <"$3")[$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}} oom={{.State.OOMKilled}} {{.State.Error}}' "$1" 2>&1)] $(docker logs --tail 5 "$1" 2>&1 | tr '\n' ' ')" >>"$WORK/failures"
}

# One of the machines of the mixed load: lives one after the other, each with its own mixture.
live() {
    local number=$1 end=$2 life=0 name kind
    while ((SECONDS < end)); do
        name=runcvm-load-$$-$number-$((++life))
        run_machine --name "$name" --stop-timeout 1 "$IMAGE" sh -c 'while :; do busybox dd if=/dev/zero of=/file bs=1M count=16 2>/dev/null; busybox sync; sleep 1; done'
        for ((step = 0; step < 6 && SECONDS < end; step++)); do
            kind=$((RANDOM % 8))
            case $kind in
                0) docker exec "$name" sh -c 'busybox head -c 1000000 /dev/urandom | busybox md5sum' ;;
                1) docker pause "$name" && docker unpause "$name" ;;
                2) docker restart -t 0 "$name" ;;
                3) docker kill "$name" && docker start "$name" ;;
                4) docker update -m "$((96 + 16 * (RANDOM % 3)))m" --memory-swap 256m "$name" ;;
                5) docker exec -d "$name" sleep 1000 ;;
                6) docker logs "$name" && docker stats --no-stream "$name" ;;
                7) docker stop "$name" && docker start "$name" ;;
            esac >/dev/null 2>"$WORK/stderr-$number" || note_failure "$name" "$kind" "$WORK/stderr-$number"
        done
        docker rm -f "$name" >/dev/null
        echo >>"$WORK/lives"
    done
}

load() {
    local minutes=${1:-60} machines=${2:-8} end child children=()
    end=$((SECONDS + minutes * 60))
    for ((m = 0; m < machines; m++)); do
        live "$m" "$end" &
        children+=($!)
    done
    for child in "${children[@]}"; do wait "$child" || echo "one of the lives ended early" >>"$WORK/failures"; done
    note "$(wc -l <"$WORK/lives") lives in $minutes minutes, $machines at a time"
}

# After the comparison: what a failed command left is the more interesting.
report_failures() {
    [ ! -s "$WORK/failures" ] || { cat "$WORK/failures" >&2; die "$(wc -l <"$WORK/failures") commands failed"; }
}

main() {
    local what=${1:-cycles}
    [ "$(id -u)" = 0 ] || die "this needs root, try: sudo $0"
    [[ $what == cycles || $what == load ]] || die "'$what' is neither cycles nor load"
    need docker docker.io
    need busybox busybox-static
    WORK=$(mktemp -d /var/tmp/runcvm-bench.XXXXXX)
    DATA=$(docker info -f '{{.DockerRootDir}}')
    trap cleanup EXIT
    trap 'exit 1' INT TERM
    : >"$WORK/ids"
    import_image "$IMAGE"
    # The first one makes what is made once.
    cycles 1
    traces >"$WORK/before"
    amounts
    "$what" "${@:2}"
    compare
    report_failures
}

main "$@"
