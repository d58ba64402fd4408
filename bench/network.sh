# Network: runc, a machine, and the same QEMU with its tap on Docker's bridge, in turns.

readonly NET_IMAGE=runcvm-bench-net:$$
readonly NETWORK=runcvm-bench-$$
readonly SECONDS_EACH=${SECONDS_EACH:-2}
readonly NET_SETS=${NET_SETS:-8}
readonly NET_RUNS=${NET_RUNS:-5} # of each row with each set

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

# Of a row's file of "SET KIND RATE CPU" the means of all, and the ratios runcvm / tap, each the mean of the sets' ratios with its standard
# error. Machines that are the same differ by more than the runs with one pair of them do.
net_ratios() {
    awk '
        { n[$2]++; all[$2] += $3; times = $4 != "-"; m[$1, $2]++; rate[$1, $2] += $3; cpu[$1, $2] += $4; if ($1 > sets) sets = $1 }
        function mean_of(what, of_set,    s, d, mean, squares) {
            for (s = 1; s <= sets; s++) {
                d = (of_set[s, "runcvm"] / m[s, "runcvm"]) / (of_set[s, "tap"] / m[s, "tap"]) - mean
                mean += d / s; squares += d * d * (s - 1) / s
            }
            error[what] = sets > 1 ? sqrt(squares / (sets - 1) / sets) : 0
            return mean
        }
        END {
            r = mean_of("rate", rate)
            printf "%.0f %.0f %.0f %.2f %.2f", all["runc"] / n["runc"], all["tap"] / n["tap"], all["runcvm"] / n["runcvm"], r, error["rate"]
            if (times) { c = mean_of("cpu", cpu); printf " %.2f±%.2f", c, error["cpu"] }
            print ""
        }' "$1"
}

# A ratio and its standard error against the aim: what lies within twice the error, measuring does not tell from it.
net_verdict() { awk -v r="$1" -v e="$2" 'BEGIN { print (r >= 0.95 ? "met" : r + 2 * e >= 0.95 ? "missed by less than this run can tell" : "MISSED") }'; }

# net_turns SET ROW COMMAND…: many short runs in turns, of a command that is given the kind last. Where two processors emulate a guest a run takes
# one of two speeds, by where the scheduler has put the threads, and a median jumps between them. The two that are compared take turns in being first.
net_turns() {
    local set=$1 file=$WORK/net.$2 kind order figures i
    shift 2
    for ((i = 0; i < NET_RUNS; i++)); do
        order=(tap runcvm)
        [ $(((set + i) % 2)) = 0 ] || order=(runcvm tap)
        # runc is there for the scale.
        [ $((i % 5)) != 0 ] || order+=(runc)
        for kind in "${order[@]}"; do
            figures=$("$@" "$kind")
            echo "$set $kind $figures" >>"$file"
        done
    done
}

net_row() {
    local runc tap runcvm rate error cpu
    read -r runc tap runcvm rate error cpu < <(net_ratios "$WORK/net.$2")
    # Pings have none.
    [ -z "$cpu" ] || cpu=", processors' time $cpu"
    row "$1" "runc $runc, bridge + tap $tap, runcvm $runcvm"
    row "  runcvm / bridge + tap" "$rate±$error (aim: at least 0.95: $(net_verdict "$rate" "$error"))$cpu"
}

to_host() { local kind=$1; shift; iperf "${SERVER[$kind]}" "$HOST_ADDRESS" "$@"; }
from_host() { local kind=$1; shift; iperf "${SERVER[$kind]}" "$HOST_ADDRESS" -R "$@"; }
to_peer() { local kind=$1; shift; iperf "${SERVER[$kind]}" "$(net_address "${PEER[$kind]}")" "$@"; }

# Two machines on the network by each way, and two containers under runc.
net_start() {
    local kind id runtime
    for kind in runc tap runcvm; do
        runtime=runcvm
        [ "$kind" != runc ] || runtime=runc
        SERVER[$kind]=$(net_run --network "$NETWORK" --runtime "$runtime")
        PEER[$kind]=$(net_run --network "$NETWORK" --runtime "$runtime")
    done
    for kind in tap runcvm; do
        for id in "${SERVER[$kind]}" "${PEER[$kind]}"; do until docker exec "$id" ping -c 1 -W 5 "$HOST_ADDRESS" >/dev/null 2>&1; do sleep 0.2; done; done
    done
    tap_onto_bridge "${SERVER[tap]}"
}

measure_network() {
    need iperf3 iperf3
    need ip iproute2
    import_network_image
    docker network create -o "com.docker.network.bridge.name=bench$$" "$NETWORK" >/dev/null
    BRIDGE=bench$$
    HOST_ADDRESS=$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' "$NETWORK")
    declare -gA SERVER PEER
    net_run --network host --runtime runc >/dev/null
    local set
    for ((set = 1; set <= NET_SETS; set++)); do
        net_start
        net_turns "$set" tcp-out kind_last to_host
        net_turns "$set" tcp-in kind_last from_host
        net_turns "$set" tcp-peer kind_last to_peer
        net_turns "$set" udp-out kind_last to_host -u -b 0
        net_turns "$set" udp-in kind_last from_host -u -b 0
        net_turns "$set" trips pings
        docker rm -f "${SERVER[@]}" "${PEER[@]}" >/dev/null
    done

    net_row "TCP, guest to host, Mbit/s" tcp-out
    net_row "TCP, host to guest, Mbit/s" tcp-in
    net_row "TCP, guest to guest, Mbit/s" tcp-peer
    net_row "UDP, guest to host, Mbit/s" udp-out
    net_row "UDP, host to guest, Mbit/s" udp-in
    net_row "round trips a second, guest to host" trips
}

# iperf's arguments follow the kind.
kind_last() { local command=$1 kind=${*: -1}; shift; "$command" "$kind" "${@:1:$#-1}"; }
pings() { round_trips "${SERVER[$1]}" "$HOST_ADDRESS"; }
