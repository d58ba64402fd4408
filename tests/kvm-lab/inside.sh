#!/bin/bash
# PID 1 of the lab on its own root: makes it a machine on which Docker runs, then runs the command.
#
#   inside.sh JOB     the folder in which run.sh wrote what is to be done
set -uo pipefail

job=$1
scratch=/run/kvm-lab

# The port of that name, which has no file by name where no udev runs.
port() {
    local folder
    for folder in /sys/class/virtio-ports/*; do
        [ "$(<"$folder/name")" != "$1" ] || echo "/dev/${folder##*/}"
    done
}

finish() {
    echo "$1" >"$(port code)"
    # Nothing on the lab's disk is of any use later.
    echo b >/proc/sysrq-trigger
    sleep infinity
}

fail() {
    echo "kvm-lab: $1"
    exit 125
}

prepare() {
    mkdir -p /dev/pts /dev/shm /sys/fs/cgroup
    mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
    mount -t tmpfs tmpfs /dev/shm
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    ln -sf /proc/self/fd /dev/fd
    ln -sf pts/ptmx /dev/ptmx
    ulimit -n 1048576
    # Layers of an engine cannot lie on the overlay that the root is.
    local folder
    for folder in /var/lib/docker /var/lib/containerd /var/lib/runcvm; do
        mkdir -p "$folder" "$scratch/state$folder"
        mount --bind "$scratch/state$folder" "$folder"
    done
    mkdir -p "$scratch/tests" /etc/runcvm
    # What a guest may take where its host is emulated.
    echo "boot_timeout = 600" >/etc/runcvm/config.toml
    [ -z "${RUNCVM_TEST_FIRECRACKER-}" ] || echo "firecracker = \"$RUNCVM_TEST_FIRECRACKER\"" >>/etc/runcvm/config.toml
    hostname kvm-lab
    ip link set lo up
    ip link set eth0 up
    ip address add 10.0.2.15/24 dev eth0
    ip route add default via 10.0.2.2
    rm -f /etc/resolv.conf
    echo nameserver 10.0.2.3 >/etc/resolv.conf
}

start_engine() {
    dockerd --add-runtime "runcvm=${RUNCVM_TEST_RUNTIME:-/usr/local/bin/runcvm}" --exec-opt native.cgroupdriver=cgroupfs \
        --storage-driver overlay2 >/var/log/dockerd.log 2>&1 </dev/null &
    timeout 120 bash -c 'until [ -S /run/docker.sock ]; do kill -0 "$0" || exit 1; sleep 0.1; done' $! &&
        docker version >/dev/null && return
    tail -n 20 /var/log/dockerd.log
    fail "dockerd does not start"
}

work() {
    local entry command=()
    while IFS= read -r -d '' entry; do export "${entry?}"; done <"$job/environment"
    export RUNCVM_TEST_FOLDER=$scratch/tests RUNCVM_ACCEL=${RUNCVM_ACCEL:-kvm} RUNCVM_TEST_PATIENCE=${RUNCVM_TEST_PATIENCE:-10}
    prepare
    [ -c /dev/kvm ] && grep -qw svm /proc/cpuinfo || fail "there is no /dev/kvm in the lab"
    [ "$(<"$job/engine")" = no ] || start_engine
    mapfile -d '' -t command <"$job/command"
    cd "$(<"$job/folder")" || fail "cannot enter $(<"$job/folder")"
    # A session of its own: whatever the command does to its process group, PID 1 stays.
    setsid --wait "${command[@]}" </dev/null
}

(work) 2>&1 | cat >"$(port output)"
finish "${PIPESTATUS[0]}"
