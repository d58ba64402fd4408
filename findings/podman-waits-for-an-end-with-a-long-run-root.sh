#!/bin/bash
# Podman 4.3.1 (Debian 12, 4.3.1+ds1-8+deb12u1+b3) with conmon 2.1.6 and runc 1.1.5: a `runroot` of more than 50
# letters in storage.conf is taken, and then the end of each container is lost.
#
# Expected: the setting is refused, as `--runroot` of that length is ("longer than 50 characters"), or it works.
# Behaviour: `podman run` starts the container and prints its output. When it has ended, conmon calls `podman container
# cleanup` with `--runroot PATH` on its command line, and that is refused. Nobody reads conmon's complaint: `run` waits
# 20 seconds for the exit that should have been noted, and then ends with 0 all the same. Containers that run in the
# background are cleaned up when somebody looks at them.
# Seen (seconds differ):
#   run root of 20 letters: code 0 after 0 s
#   run root of 60 letters: code 0 after 20 s
#   --runroot of 60 letters: code 125
# Needs root, Debian 12 or newer, and cgroups that runc 1.1 can use.
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo "runs containers: needs root" >&2; exit 2; }
dir=$(mktemp -d /tmp/f.XXXX)
trap 'unmount_all; rm -rf "$dir"' EXIT
. "$(dirname "$0")/podman.sh"

run() { # LETTERS: with a run root of that length in storage.conf
    local begin=$SECONDS code=0
    runroot=$dir/$(printf "%0$(($1 - ${#dir} - 1))d" 0)
    setting "$dir/of$1" "$runroot"
    podman run --rm --network none --rootfs "$dir/image" /bin/busybox true > "$dir/said" 2>&1 || code=$?
    took=$((SECONDS - begin))
    echo "run root of $1 letters: code $code after $took s"
    [ "$code" = 0 ] || { cat "$dir/said" >&2; exit 1; }
}
run 20
[ "$took" -lt 15 ]
run 60
[ "$took" -ge 20 ]
code=0
podman --runroot "$runroot" info > "$dir/said" 2>&1 || code=$?
echo "--runroot of 60 letters: code $code"
[ "$code" = 125 ] && grep -q 'longer than 50 characters' "$dir/said"
