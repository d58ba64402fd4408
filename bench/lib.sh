# Clock, statistics, images and clean-up for run.sh.

readonly LABEL=runcvm.bench=$$
readonly IMAGE=runcvm-bench:$$
readonly BIG_IMAGE=runcvm-bench-big:$$
readonly FILES_IMAGE=runcvm-bench-files:$$
readonly MACHINE=runcvm-bench-$$ # the one of `create`, which never starts
readonly IMAGE_CACHE=/var/lib/runcvm/images
WORK=

die() { echo "bench: $*" >&2; exit 1; }

note() { echo "bench: $*" >&2; }

need() { command -v "$1" >/dev/null || die "$1 is missing; try: apt-get install $2"; }

# How long a command takes, in microseconds, on standard output. Its own output goes nowhere.
microseconds() {
    local begin=$EPOCHREALTIME
    "$@" </dev/null >/dev/null 2>"$WORK/stderr" || die "'$*' failed: $(tail -n 3 "$WORK/stderr")"
    local end=$EPOCHREALTIME
    echo $((${end/[.,]/} - ${begin/[.,]/}))
}

# The median of the numbers in a file, one a line.
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# "median (least – most)" of a file of microseconds, in milliseconds.
milliseconds() { sort -n "$1" | awk -v m="$(median "$1")" 'NR == 1 { a = $1 } { b = $1 } END { printf "%.1f ms (%.1f – %.1f)", m / 1e3, a / 1e3, b / 1e3 }'; }

# compute 'AWK EXPRESSION' NAME=VALUE…
compute() {
    local expression=$1 variables=()
    shift
    for pair; do variables+=(-v "$pair"); done
    awk "${variables[@]}" "BEGIN { printf \"%.2f\", $expression }"
}

# verdict VALUE AIM: every aim is an upper bound
verdict() { awk -v v="$1" -v aim="$2" 'BEGIN { print v <= aim ? "met" : "MISSED" }'; }

row() { printf '%-46s %s\n' "$1" "$2"; }

# A folder as the first user space of a bare machine, in place of runcvm-init's.
pack_initramfs() { (cd "$1" && find . | busybox cpio -o -H newc 2>/dev/null) >"$WORK/initramfs"; }

run_detached() { docker run -d --label "$LABEL" --network none "$@"; }

pid_of() { docker inspect -f '{{.State.Pid}}' "$1"; }

# An image of nothing but busybox, and, with a size in MiB, as much data in files of 16 KiB to 4 MiB.
import_image() {
    local name=$1 mebibytes=${2:-0} root=$WORK/image i=0 size
    mkdir -p "$root/bin"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in true sleep sh; do ln -s busybox "$root/bin/$applet"; done
    for ((kib = mebibytes * 1024; kib > 0; kib -= size, i++)); do
        size=$((16 << 2 * (i % 5)))
        mkdir -p "$root/data/$((i % 50))"
        head -c "${size}K" /dev/urandom >"$root/data/$((i % 50))/$i"
    done
    tar -C "$root" -c . | docker import - "$name" >/dev/null
    rm -rf "$root"
}

# Notes which file of the cache is the root image of a machine. Nobody else has the layers of our images.
# A machine whose root is a share has none.
# The machine's folder is its id, and behind it what tells the engine's root.
remember_cached() { local file; for file in "/run/runcvm/$1"{,@*}/root-image; do [ ! -f "$file" ] || echo "$IMAGE_CACHE/$(<"$file").erofs" >>"$WORK/cached"; done; }

forget_cached() {
    [ -f "$WORK/cached" ] || return 0
    sort -u "$WORK/cached" | while read -r file; do rm -f "$file" "${file%.erofs}.lock"; done
}

cleanup() {
    trap - EXIT INT TERM
    local running
    running=$(docker ps -aq --filter "label=$LABEL")
    [ -z "$running" ] || docker rm -f $running >/dev/null
    docker network rm "$NETWORK" >/dev/null 2>&1 || true
    for image in "$IMAGE" "$BIG_IMAGE" "$NET_IMAGE" "$FILES_IMAGE"; do docker rmi -f "$image" >/dev/null 2>&1 || true; done
    forget_cached
    rm -rf "$WORK" "/run/runcvm/$MACHINE"
}
