#!/bin/bash
# The archive in a root with nothing but the essential packages: unpacked, installed, looked at and uninstalled. Needs
# root and mmdebstrap.
#
#   dist.sh ARCHIVE.tar.gz [SUITE]     SUITE: bookworm unless said otherwise; MIRROR: see deb.sh
set -euo pipefail

archive=$(realpath "$1") suite=${2:-bookworm}
root=$(mktemp -d /var/tmp/runcvm-dist.XXXXXX)
trap 'umount "$root/proc" 2>/dev/null; rm -rf --one-file-system "$root"' EXIT

fail() { echo "dist.sh: $*" >&2; exit 1; }

inside() {
    local path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    chroot "$root" /usr/bin/env -i PATH=$path LC_ALL=C "$@"
}

mmdebstrap --quiet --variant=essential "$suite" "$root" ${MIRROR:+"$MIRROR"}
mount -t proc proc "$root/proc"
tar -C "$root/root" --no-same-owner -xzf "$archive"
folder=$(basename "$archive" .tar.gz)

inside sh "/root/$folder/install.sh" || fail "the installer failed"
inside runcvm version | grep -q '^runcvm version ' || fail "the program does not run"
grep -q '"/usr/local/bin/runcvm"' "$root/etc/docker/daemon.json" ||
    fail "the runtime is not registered for a Docker that comes later"
findings=$(inside runcvm doctor --no-boot || true)
for missing in QEMU 'low-level runtime' mkfs.erofs 'guest kernel'; do
    grep -q "^FAIL *$missing: " <<<"$findings" || fail "the doctor does not miss $missing: $findings"
done
inside runcvm uninstall --purge
for gone in bin/runcvm lib/runcvm/runcvm-init lib/runcvm/sandbox; do
    [ ! -e "$root/usr/local/$gone" ] || fail "uninstall left $gone"
done
[ ! -e "$root/etc/docker/daemon.json" ] || ! grep -q runcvm "$root/etc/docker/daemon.json" ||
    fail "the registration is still there"
echo "dist.sh: $(basename "$archive") installs and uninstalls on $suite"
