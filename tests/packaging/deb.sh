#!/bin/bash
# The package in a clean root: installed with apt, looked at, removed, installed again and purged. Needs root and
# mmdebstrap.
#
#   deb.sh PACKAGE.deb [SUITE]     SUITE: bookworm unless said otherwise
#
# MIRROR: where from, an address or a line of sources.list; else mmdebstrap chooses
set -euo pipefail

package=$(realpath "$1") suite=${2:-bookworm}
root=$(mktemp -d /var/tmp/runcvm-deb.XXXXXX)
trap 'umount "$root/proc" 2>/dev/null; rm -rf --one-file-system "$root"' EXIT

fail() { echo "deb.sh: $*" >&2; exit 1; }

inside() {
    chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
}

apt() {
    inside apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >"$root.log" 2>&1 || {
        tail -20 "$root.log" >&2
        fail "apt-get $*"
    }
    rm "$root.log"
}

mmdebstrap --quiet --variant=apt --skip=cleanup/apt "$suite" "$root" ${MIRROR:+"$MIRROR"}
mount -t proc proc "$root/proc"
# Services do not start in a chroot.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/etc/docker"
printf '{\n    "debug": true\n}\n' >"$root/etc/docker/daemon.json"
cp "$root/etc/docker/daemon.json" "$root/etc/docker/before"
cp "$package" "$root/runcvm.deb"

apt install /runcvm.deb
inside runcvm version | grep -q '^runcvm version ' || fail "the program does not run"
inside dpkg --verify runcvm | grep . && fail "files of the package were changed"
grep -q '"/usr/bin/runcvm"' "$root/etc/docker/daemon.json" || fail "the runtime is not registered"
grep -q '"debug": true' "$root/etc/docker/daemon.json" || fail "Docker's configuration lost what was in it"

[ -s "$root/usr/share/man/man8/runcvm.8.gz" ] || fail "there is no manual page"
findings=$(inside runcvm doctor --no-boot || true)
for fine in user processor configuration installation registration QEMU 'low-level runtime' mkfs.erofs mkfs.ext4; do
    grep -q "^ok *$fine: " <<<"$findings" || fail "the doctor finds fault with $fine: $findings"
done
grep -q '^FAIL *guest kernel: ' <<<"$findings" || fail "the doctor does not miss the kernel: $findings"

apt remove runcvm
cmp "$root/etc/docker/before" "$root/etc/docker/daemon.json" || fail "the registration is still there"
[ ! -e "$root/usr/bin/runcvm" ] || fail "the program is still there"

apt install /runcvm.deb
mkdir -p "$root/var/lib/runcvm/images" "$root/usr/lib/runcvm/kernels/x/1"
apt purge runcvm
cmp "$root/etc/docker/before" "$root/etc/docker/daemon.json" || fail "purge left the registration"
for gone in /usr/bin/runcvm /usr/lib/runcvm /var/lib/runcvm; do [ ! -e "$root$gone" ] || fail "purge left $gone"; done
echo "deb.sh: $(basename "$package") installs, removes and purges on $suite"
