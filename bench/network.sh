# Network: runc, a machine, and the same QEMU with its tap on Docker's bridge, in turns.

readonly NET_IMAGE=runcvm-bench-net:$$
readonly NETWORK=runcvm-bench-$$
readonly SECONDS_EACH=${SECONDS_EACH:-2}
readonly NET_RUNS=${NET_RUNS:-40}

# iperf3 and busybox, with the libraries that the host's iperf3 needs.
import_network_image() {
    local root=$WORK/net-image applet library
    mkdir -p "$root/bin"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in sh sleep ping ip; do ln -s busybox "$root/bin/$applet"; done
    cp "$(command -v iperf3)" "$root/bin"
    for library in $(ldd "$(command -v iperf3)" | grep -o '/[^ ]*'); do install -D "$library" "$root$library"; done
    mkdir "$root/tmp"
    tar -C "$root" -c . | docker import - "$NET_IMAGE" >/dev/null
}

net_run() { docker run -d --label "$LABEL" "$@" "$NET_IMAGE" sh -c 'iperf3 -s -D --logfile /tmp/log; sleep 100000'; }

net_address() { docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }

# Takes the machine's tap out of the sandbox, whose filters it leaves behind, and puts it on the bridge itself.
tap_onto_bridge() {
    local machine
    machine=$(pid_of "$1")
    nsenter -t "$machine" -n ip link set eth0 down
    nsenter -t "$machine" -n ip link set tap0 netns $$
    ip link set tap0 name "bench-$$"
    ip link set "bench-$$" master "$BRIDGE" up
}

# Jiffies that this host's processors have worked since its start.
busy() { awk '$1 == "cpu" { print $2 + $3 + $4 + $7 + $8 }' /proc/stat; }

# iperf CLIENT SERVER ARGUMENT…: megabits a second that arrived, and the processors' time for a gigabyte.
iperf() {
    local client=$1 server=$2 begin end
    shift 2
    begin=$(busy)
    docker exec "$client" iperf3 -c "$server" -t "$SECONDS_EACH" -J "$@" >"$WORK/iperf" || die "iperf3 failed: $(tail -n 5 "$WORK/iperf")"
    end=$(busy)
    # The last sum is the receiver's; over UDP there is one, less what was lost.
    awk -v busy=$((end - begin)) '
        /"(sum_received|sum)":/ { part = 1 }
        part && /"bytes":/ { gsub(/[^0-9.e+]/, "", $2); bytes = $2 }
        part && /"seconds":/ { gsub(/[^0-9.e+]/, "", $2); seconds = $2 }
        part && /"lost_percent":/ { gsub(/[^0-9.e+-]/, "", $2); lost = $2 }
        END { got = bytes * (1 - lost / 100); printf "%.1f %.2f\n", got * 8 / seconds / 1e6, busy / 100 / (got / 1e9) }' "$WORK/iperf"
}

# Questions answered in a second, one after the other.
round_trips() {
    docker exec "$1" ping -q -A -w "$SECONDS_EACH" "$2" >"$WORK/ping" || die "no answer to ping: $(tail -n 5 "$WORK/ping")"
    awk -F'[ /]+' '/round-trip/ { average = $7 } END { printf "%.0f -\n", 1000 / average }' "$WORK/ping"
}

# The mean of the numbers of a file, one a line, and the standard error of that mean.
mean() {
    awk '{ n++; d = $1 - mean; mean += d / n; squares += d * ($1 - mean) }
        END { printf "%.2f %.4f\n", mean, (n > 1 ? sqrt(squares / (n - 1) / n) : 0) }' "$1"
}

# The ratio of two files' means, and its standard error.
ratio() {
    awk '{ m[NR] = $1; e[NR] = $2 }
        END { r = m[1] / m[2]; printf "%.2f ± %.2f\n", r, r * sqrt((e[1] / m[1]) ^ 2 + (e[2] / m[2]) ^ 2) }' <(mean "$1") <(mean "$2")
}

# A ratio with its standard error against the aim: what lies within twice the error, measuring does not tell from it.
net_verdict() { awk -v r="${1% ±*}" -v e="${1#*± }" 'BEGIN { print (r >= 0.95 ? "met" : r + 2 * e >= 0.95 ? "missed by less than this run can tell" : "MISSED") }'; }

# One row of figures: WHAT, then a command that is given client and server. Many short runs in turns, and their means: where two processors
# emulate a guest a run takes one of two speeds, by where the scheduler has put the threads, and a median jumps between them.
# The two that are compared take turns in being first.
net_row() {
    local what=$1 kind rate cpu=- order
    shift
    for ((i = 0; i < NET_RUNS; i++)); do
        order=(tap runcvm)
        [ $((i % 2)) = 0 ] || order=(runcvm tap)
        # runc is there for the scale.
        [ $((i % 5)) != 0 ] || order+=(runc)
        for kind in "${order[@]}"; do "$@" "$kind" >>"$WORK/net.$kind"; done
    done
    for kind in runc tap runcvm; do
        cut -d' ' -f1 "$WORK/net.$kind" >"$WORK/net.$kind.rate"
        cut -d' ' -f2 "$WORK/net.$kind" >"$WORK/net.$kind.cpu"
    done
    rate=$(ratio "$WORK/net.runcvm.rate" "$WORK/net.tap.rate")
    # Pings have none.
    grep -qx -- - "$WORK/net.tap.cpu" || cpu=$(ratio "$WORK/net.runcvm.cpu" "$WORK/net.tap.cpu")
    row "$what" "runc $(mean "$WORK/net.runc.rate" | cut -d' ' -f1), bridge + tap $(mean "$WORK/net.tap.rate" | cut -d' ' -f1), runcvm $(mean "$WORK/net.runcvm.rate" | cut -d' ' -f1)"
    row "  runcvm / bridge + tap" "$rate (aim: at least 0.95: $(net_verdict "$rate")), processors' time $cpu"
    rm -f "$WORK"/net.*
}

to_host() { local kind=$1; shift; iperf "${SERVER[$kind]}" "$HOST_ADDRESS" "$@"; }
from_host() { local kind=$1; shift; iperf "${SERVER[$kind]}" "$HOST_ADDRESS" -R "$@"; }
to_peer() { local kind=$1; shift; iperf "${SERVER[$kind]}" "$(net_address "${PEER[$kind]}")" "$@"; }

measure_network() {
    need iperf3 iperf3
    need ip iproute2
    import_network_image
    docker network create -o "com.docker.network.bridge.name=bench$$" "$NETWORK" >/dev/null
    BRIDGE=bench$$
    HOST_ADDRESS=$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' "$NETWORK")
    declare -gA SERVER PEER
    net_run --network host --runtime runc >/dev/null
    local kind
    for kind in runc tap runcvm; do
        local runtime=runcvm
        [ "$kind" != runc ] || runtime=runc
        SERVER[$kind]=$(net_run --network "$NETWORK" --runtime "$runtime")
        PEER[$kind]=$(net_run --network "$NETWORK" --runtime "$runtime")
    done
    for kind in tap runcvm; do
        for id in "${SERVER[$kind]}" "${PEER[$kind]}"; do until docker exec "$id" ping -c 1 -W 5 "$HOST_ADDRESS" >/dev/null 2>&1; do sleep 0.2; done; done
    done
    tap_onto_bridge "${SERVER[tap]}"

    # The functions are given the kind last.
    net_row "TCP, guest to host, Mbit/s" kind_last to_host
    net_row "TCP, host to guest, Mbit/s" kind_last from_host
    net_row "TCP, guest to guest, Mbit/s" kind_last to_peer
    net_row "UDP, guest to host, Mbit/s" kind_last to_host -u -b 0
    net_row "UDP, host to guest, Mbit/s" kind_last from_host -u -b 0
    net_row "round trips a second, guest to host" pings
}

kind_last() { local command=$1 kind=${*: -1}; shift; "$command" "$kind" "${@:1:$#-1}"; }
pings() { round_trips "${SERVER[$1]}" "$HOST_ADDRESS"; }
