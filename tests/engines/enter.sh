#!/bin/bash
# Runs a command in a root of its own, as if that were the machine's: mount and PID namespaces, pivoted into, with the
# machine's devices, cgroups and network. The installed RunCVM, this checkout and /var/tmp are there under their own
# names. All of it ends with the command.
#
#   enter.sh ROOT PREFIX COMMAND…     PREFIX: where RunCVM is installed
set -euo pipefail

export RUNCVM_ROOT=$1 RUNCVM_PREFIX=$2
RUNCVM_CHECKOUT=$(cd "$(dirname "$0")/../.." && pwd)
export RUNCVM_CHECKOUT
shift 2
exec unshare --mount --pid --fork --kill-child --propagation private bash -c '
    set -euo pipefail
    root=$RUNCVM_ROOT
    mount --bind "$root" "$root"
    cd "$root"
    # Kernels may lie elsewhere, behind a link.
    kernels=$(readlink -f "$RUNCVM_PREFIX/lib/runcvm/kernels")
    mkdir -p .old "./$RUNCVM_PREFIX/bin"
    mount --rbind /dev dev
    mount --rbind /sys sys
    mount -t proc proc proc
    mount -t tmpfs -o mode=755 tmpfs run
    mount -t tmpfs -o mode=1777 tmpfs tmp
    for shared in /var/tmp "$RUNCVM_CHECKOUT" "$RUNCVM_PREFIX/lib/runcvm" "$kernels"; do
        mkdir -p "./$shared"
        mount --rbind "$shared" "./$shared"
    done
    touch "./$RUNCVM_PREFIX/bin/runcvm"
    mount --bind "$RUNCVM_PREFIX/bin/runcvm" "./$RUNCVM_PREFIX/bin/runcvm"
    cp -L /etc/resolv.conf etc/resolv.conf 2>/dev/null || true
    pivot_root . .old
    umount -l .old
    cd /
    exec "$@"' "$0" "$@"
