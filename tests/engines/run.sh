#!/bin/bash
# The parity list on the engines of several Debian releases, each in a root of its own. Needs root and, on the first
# run, the Debian mirror. Prints a table; fails where a case differs that differences.txt does not have.
#
#   run.sh [-e ENGINE]… [SUITE…] [-- TITLE-PART…]
#
# SUITE: `host` is this machine itself; bookworm, trixie, sid. All but host's namesake unless said otherwise.
# ENGINE: docker, podman; docker-containerd is docker with the containerd image store. All three unless said otherwise.
# RUNCVM_PREFIX: where RunCVM is installed, /usr/local unless said otherwise
set -euo pipefail
{ # Read whole before it runs: it takes long, and may be edited meanwhile.
here=$(cd "$(dirname "$0")" && pwd)
prefix=${RUNCVM_PREFIX:-/usr/local}
engines=() suites=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
        -e) engines+=("$2"); shift 2 ;;
        *) suites+=("$1"); shift ;;
    esac
done
[ $# = 0 ] || shift
((${#engines[@]})) || engines=(docker docker-containerd podman)
((${#suites[@]})) || suites=(host trixie sid)

# Of its devices and cgroups: another run may be under way.
name=rcvmp$(($$ % 1000000))
work=$(mktemp -d /var/tmp/runcvm-engines.XXXXXX)
engine_pid=
stop_engine() {
    [ -n "$engine_pid" ] || return 0
    exec 7>&-
    wait "$engine_pid" || true
    engine_pid=
    # Podman's, which are nobody's now. Others cannot be removed while they are in use.
    [ "${engine:-}" != podman ] ||
        find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} + 2>/dev/null || true
}
trap 'stop_engine; rm -rf --one-file-system "$work"' EXIT

# What all cases run: busybox, a user, and a few files that cases look at.
make_image() {
    local image=$work/image
    mkdir -p "$image"/{bin,etc,tmp,root,home/app,var,run,proc,sys,dev,srv}
    cp "$(command -v busybox)" "$image/bin/busybox"
    "$image/bin/busybox" --install -s "$image/bin"
    for link in "$image"/bin/*; do [ ! -L "$link" ] || ln -sf busybox "$link"; done
    printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n' >"$image/etc/passwd"
    printf 'root:x:0:\nusers:x:100:\napp:x:1000:\n' >"$image/etc/group"
    echo hello >"$image/etc/motd"
    ln -s ../run "$image/var/run"
    chmod 1777 "$image/tmp"
    chown 1000:1000 "$image/home/app"
    tar -C "$image" -c --sort=name . >"$work/image.tar"
}

start_engine() { # SUITE FOLDER
    local enter=()
    [ "$1" = host ] || enter=("$here/enter.sh" "$("$here/root.sh" "$1")" "$prefix")
    # It ends when its standard input does.
    mkfifo "$2.input"
    exec 7<>"$2.input"
    "${enter[@]}" bash "$here/../Runcvm.SystemTests/Engine/engine.sh" "$2" "$name" "$prefix/bin/runcvm" \
        <"$2.input" >"$2.pid" 2>"$2.log" 7>&- &
    engine_pid=$!
}

# The pid that engine.sh says is that of its own namespace; here it is the one with the same mount namespace's init.
inside() { # FOLDER COMMAND…
    local folder=$1 pid
    shift
    pid=$(pgrep -f "^bash .*engine.sh $folder $name .* inside " | head -n 1)
    nsenter --target "$pid" --mount --net --pid --root \
        env --chdir=/ -i HOME=/root TMPDIR=/var/tmp PODMAN_IGNORE_CGROUPSV1_WARNING=1 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        DOCKER_HOST="unix://$folder/docker.sock" CONTAINERS_STORAGE_CONF="$folder/storage.conf" \
        CONTAINERS_CONF="$folder/containers.conf" "${environment[@]}" "$@" 7>&-
}

versions() { # FOLDER ENGINE
    inside "$1" sh -c '
        case '"$2"' in
            podman) podman --version | sed "s/ version / /" ;;
            *) docker version --format "dockerd {{.Server.Version}}"; containerd --version | cut -d" " -f1,3 ;;
        esac
        runc --version | head -n 1 | sed "s/ version / /"
        qemu-system-'"$(uname -m)"' --version | head -n 1 | sed -E "s/QEMU emulator version ([0-9.]+).*/QEMU \\1/"' |
        paste -sd, | sed 's/,/, /g'
}

mapfile -t environment < <(env | grep '^PARITY_' || true)
make_image
status=0 table=
for suite in "${suites[@]}"; do
    for engine in "${engines[@]}"; do
        folder=$work/$suite-$engine
        mkdir -p "$folder"
        # Docker up to 20.10 has no such store.
        if [ "$engine" = docker-containerd ]; then
            echo '{ "features": { "containerd-snapshotter": true } }' >"$folder/daemon.json"
            echo overlayfs >"$folder/driver"
        fi
        # A run root of more than 50 letters ends what Podman has run at a container's end, and all waits for that.
        printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' \
            "$folder/podman" "$work/run-$suite" >"$folder/storage.conf"
        printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\ntmp_dir = "%s"\n' \
            "$folder/tmp" >"$folder/containers.conf"
        printf '[engine.runtimes]\nruncvm = ["%s"]\n' "$prefix/bin/runcvm" >>"$folder/containers.conf"
        printf '[containers]\nlog_driver = "k8s-file"\n' >>"$folder/containers.conf"
        start_engine "$suite" "$folder"
        until [ -S "$folder/docker.sock" ] && inside "$folder" docker version >/dev/null 2>&1; do
            kill -0 $engine_pid 2>/dev/null || { cat "$folder.log" "$folder.pid" >&2; exit 1; }
            sleep 0.2
        done
        information=$(inside "$folder" docker info 2>&1)
        if [[ $engine = docker-containerd && $information != *'driver-type: io.containerd'* ]]; then
            echo "== $suite, $engine: this Docker has no such store"
            stop_engine
            continue
        fi
        echo "== $suite, $engine: $(versions "$folder" "$engine")"
        program=${engine%%-*}
        inside "$folder" "$program" import -c 'CMD ["sh"]' -c 'ENV PATH=/bin' - parity:latest \
            <"$work/image.tar" >/dev/null
        image=parity:latest
        [ "$program" != podman ] || image=localhost/parity:latest
        good=green
        inside "$folder" "$here/parity.sh" "$program" "$image" "$@" 2>&1 | tee "$work/output" || { good=RED status=1; }
        counts=$(tail -n 1 "$work/output")
        table+="| $suite | $engine | $(versions "$folder" "$engine") | ${counts#*: } | $good |"$'\n'
        stop_engine
    done
done
echo
echo "| release | engine | versions | cases | |"
echo "|---|---|---|---|---|"
printf '%s' "$table"
exit $status
}
