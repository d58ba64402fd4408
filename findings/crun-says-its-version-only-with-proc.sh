#!/bin/bash
# crun 1.28 (Debian sid, 1.28-1): without a mounted /proc it does not even say its version.
#
# Expected: `--version` and `--help` print and end with 0, as with runc 1.3.6, wherever the program can be started: in
# a chroot while an image is built, say, or where a package is checked.
# Behaviour: crun first starts itself anew from a sealed copy in memory for every request, and that goes by
# /proc/self. Where nothing is mounted there it says that it failed to re-execute and ends with 1. A check for its
# version, or for what it was built with, takes it for broken.
# Seen: without /proc: crun 1, runc 0; with /proc: crun 0
# Needs root.
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo "uses chroot: needs root" >&2; exit 2; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. "$(dirname "$0")/sid.sh"

apt-get -qq -y -d --no-install-recommends install crun=1.28-1 runc=1.3.6+ds1-1 > "$dir/log" 2>&1
for package in "$dir"/cache/archives/*.deb; do dpkg-deb -x "$package" "$dir/root"; done
ln -s usr/lib "$dir/root/lib"
ln -s usr/lib64 "$dir/root/lib64"
mkdir "$dir/root/proc"

code_of() { # COMMAND…
    local code=0
    "$@" > "$dir/said" 2>&1 || code=$?
    echo "$code"
}
crun=$(code_of chroot "$dir/root" /usr/bin/crun --version)
grep -q 're-execute' "$dir/said"
runc=$(code_of chroot "$dir/root" /usr/sbin/runc --version)
there=$(code_of unshare --mount --propagation private sh -c \
    "mount -t proc proc '$dir/root/proc' && chroot '$dir/root' /usr/bin/crun --version")
echo "without /proc: crun $crun, runc $runc; with /proc: crun $there"
[ "$crun $runc $there" = '1 0 0' ]
