#!/bin/bash
# A Docker engine nobody else sees: in network, mount and PID namespaces of its own, so that neither its bridges and
# iptables rules nor its mounts meet those of a Docker engine that already runs here (two engines in one network
# namespace flush each other's chains). It ends when standard input does: also after the test process was killed.
#
#   engine.sh FOLDER NAME RUNTIME     FOLDER: all its files; NAME: at most 11 letters, for its devices and cgroups;
#                                     FOLDER/config.toml, where it is there: the runtime's configuration
#                                     FOLDER/daemon.json, where it is there: the engine's
#                                     FOLDER/driver, where it is there: the storage driver, else overlay2
#                                     FOLDER/flags, where it is there: more flags of dockerd
set -euo pipefail

folder=$1 name=$2 runtime=$3
socket=$folder/docker.sock

inside() {
    # Nothing that engines and runtimes keep under fixed paths may be shared with those of the host.
    for shared in /run/docker /run/containerd /run/runcvm /run/runc /run/crun /run/netns /var/lib/containers; do
        mkdir -p $shared
        mount -t tmpfs -o mode=755 tmpfs $shared
    done
    [ -e "$folder/daemon.json" ] || echo '{}' >"$folder/daemon.json"
    mkdir -p "$folder/state" /var/lib/runcvm
    mount --bind "$folder/state" /var/lib/runcvm
    if [ -e "$folder/config.toml" ]; then
        mkdir -p /etc/runcvm
        mount -t tmpfs -o mode=755 tmpfs /etc/runcvm
        cp "$folder/config.toml" /etc/runcvm
    fi
    # The mounted /sys shows the devices of the network namespace that it was mounted from.
    mount --make-rprivate /
    mkdir "$folder/cgroup"
    mount --rbind /sys/fs/cgroup "$folder/cgroup"
    mount -t sysfs sysfs /sys
    mount --rbind "$folder/cgroup" /sys/fs/cgroup
    umount -l "$folder/cgroup"

    ip link set lo up
    ip link set "$name-in" up
    ip address add "$network.2/30" dev "$name-in"
    ip route add default via "$network.1"
    ip link add "$name" type bridge
    ip address add "$network.129/25" dev "$name"
    ip link set "$name" up

    # dockerd gives a containerd that it starts itself 15 seconds, which a busy host exceeds, and then ends.
    printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >"$folder/containerd.toml"
    containerd --config "$folder/containerd.toml" --address "$folder/containerd.sock" --root "$folder/data/containerd" \
        --state "$folder/exec/containerd" >"$folder/containerd.log" 2>&1 </dev/null &
    until [ -S "$folder/containerd.sock" ]; do
        kill -0 $! || { cat "$folder/containerd.log" >&2; return 1; }
        sleep 0.1
    done
    serve &
    engine=$!
    # As PID 1 of its namespace this shell also reaps what shims leave behind.
    cat >/dev/null
    touch "$folder/ending"
    kill -TERM "$(cat "$folder/docker.pid")" && timeout 30 tail --pid=$engine -f /dev/null || true
}

# A dockerd that was killed comes back, as service managers have it; one that ended by itself does not.
serve() {
    local status=137
    while [ $status = 137 ] && [ ! -e "$folder/ending" ]; do
        status=0
        run_engine || status=$?
    done
}

run_engine() {
    rm -f "$folder/docker.pid"
    dockerd --containerd "$folder/containerd.sock" --config-file "$folder/daemon.json" --host "unix://$socket" --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/docker.pid" \
        --bridge "$name" --add-runtime "runcvm=$runtime" --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$name" \
        --storage-driver "$(cat "$folder/driver" 2>/dev/null || echo overlay2)" \
        $(cat "$folder/flags" 2>/dev/null || true) >>"$folder/dockerd.log" 2>&1 </dev/null
}

free_network() {
    for third in $(seq 213 254); do
        if ! ip -4 route | grep -q "^10\.$third\.77\." && ! ip -4 address | grep -q " 10\.$third\.77\."; then
            echo "10.$third.77"
            return
        fi
    done
    echo "engine.sh: no free network among 10.213.77.0 to 10.254.77.0" >&2
    return 1
}

nat() {
    # Another engine of this kind sees this one's own address: a swarm's members have to.
    iptables -t nat "$1" POSTROUTING -s "$network.0/30" ! -o 'rcvm+' -j MASQUERADE
    iptables "$1" FORWARD -i "$name-out" -j ACCEPT
    iptables "$1" FORWARD -o "$name-out" -j ACCEPT
}

clean() {
    set +e
    nat -D
    ip link delete "$name-out" 2>/dev/null
    find /sys/fs/cgroup -depth -type d -path "*/$name*" -exec rmdir {} + 2>/dev/null
    rm -rf --one-file-system "$folder"
}

if [ "${4-}" = inside ]; then
    network=$5
    inside
    exit
fi

network=$(free_network)
# Signals from a terminal reach the test process as well; its end is what counts here.
trap '' INT TERM HUP
trap clean EXIT
mkdir -p "$folder"
mkfifo "$folder/go"
exec 3<&0
unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private \
    bash -c 'read -r _ <"$1/go"; exec bash "$0" "$@" <&3 3<&-' "$0" "$folder" "$name" "$runtime" inside "$network" &
namespaces=$!
until child=$(cat /proc/$namespaces/task/$namespaces/children 2>/dev/null) && [ -n "$child" ]; do
    kill -0 $namespaces
done
child=${child% }
ip link add "$name-out" type veth peer name "$name-in" netns "$child"
ip address add "$network.1/30" dev "$name-out"
ip link set "$name-out" up
# Stays on, as with every Docker engine: whether another one has come to need it meanwhile cannot be known.
echo 1 >/proc/sys/net/ipv4/ip_forward
nat -I
echo go >"$folder/go"
echo "$child"
wait $namespaces
