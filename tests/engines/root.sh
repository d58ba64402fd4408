#!/bin/bash
# A root of a Debian release with the engines and hypervisors that it has. Prints its folder. Kept between runs; made
# anew when the list of packages or the release's own packages changed a week ago or more. Needs root.
#
#   root.sh SUITE     bookworm, trixie, sid, …
#
# RUNCVM_ROOTS: where, /var/cache/runcvm-tests/roots unless said otherwise
set -euo pipefail

suite=$1
here=$(cd "$(dirname "$0")" && pwd)
roots=${RUNCVM_ROOTS:-/var/cache/runcvm-tests/roots}
qemu=qemu-system-x86
[ "$(uname -m)" = x86_64 ] || qemu=qemu-system-arm
packages=(docker.io containerd runc crun podman buildah netavark aardvark-dns containernetworking-plugins iptables
    nftables iproute2 "$qemu" erofs-utils e2fsprogs xfsprogs btrfs-progs kmod lz4 xz-utils zstd cpio procps
    busybox-static ca-certificates curl mount)
# From Debian 13 on Docker's client is a package of its own, and Docker builds with BuildKit alone.
[ "$suite" = bookworm ] || packages+=(docker-cli docker-buildx)

root=$roots/$suite
mkdir -p "$roots"
exec 9>"$roots/$suite.lock"
flock 9
made=$(stat -c %Y "$root/made" 2>/dev/null || echo 0)
if [ "$(cat "$root/made" 2>/dev/null)" != "${packages[*]}" ] || (($(date +%s) - made > 7 * 86400)); then
    rm -rf --one-file-system "$root" "$root.new"
    # The lists of a mirror that lags behind count as expired by their own word.
    mmdebstrap --quiet --variant=apt --include="$(IFS=,; echo "${packages[*]}")" \
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' \
        "$suite" "$root.new" "$("$here/../../tools/debian-mirror.sh")" >&2
    echo "${packages[*]}" >"$root.new/made"
    mv "$root.new" "$root"
fi
echo "$root"
