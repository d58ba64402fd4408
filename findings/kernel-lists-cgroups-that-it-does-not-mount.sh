#!/bin/bash
# Linux 6.12.117 of Debian 13 (linux-image-6.12.117+deb13-cloud-amd64 6.12.117-1), booted by QEMU 11.1.3 of sid: a
# controller that stands in /proc/cgroups as enabled cannot be mounted.
#
# Expected: /proc/cgroups is "controllers that are compiled into the kernel" (cgroups(7)), and `enabled` says which can
# be used: scripts that set up cgroup v1 go through its lines and mount each one that has a 1, as they did with 6.1.
# Behaviour: the kernel is built without CONFIG_MEMCG_V1 and CONFIG_CPUSETS_V1. `memory` and `cpuset` stand there with
# a 1 like all others, and mounting them fails with EINVAL, while `cpu` and `pids` are mounted.
# Seen:
#   memory enabled 1, mount 255: Invalid argument
#   cpuset enabled 1, mount 255: Invalid argument
#   cpu enabled 1, mount 0
#   pids enabled 1, mount 0
# Needs cpio. Boots a machine in a file of memory; a minute and 150 MB of packages.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. "$(dirname "$0")/sid.sh"
. "$(dirname "$0")/qemu.sh"
(cd "$dir" && apt-get -qq download busybox-static=1:1.38.0-3+b1 && dpkg-deb -x busybox-static_*.deb "$dir/busybox")
unset APT_CONFIG
suite=trixie
. "$(dirname "$0")/sid.sh"
(cd "$dir" && apt-get -qq download linux-image-6.12.117+deb13-cloud-amd64=6.12.117-1 &&
    dpkg-deb -x linux-image-*.deb "$dir/kernel")

mkdir -p "$dir/initramfs/bin" "$dir/initramfs/proc" "$dir/initramfs/m"
cp "$dir/busybox/usr/bin/busybox" "$dir/initramfs/bin/"
cat > "$dir/initramfs/init" <<'END'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
for controller in memory cpuset cpu pids; do
    enabled=$($b awk -v c=$controller '$1 == c { print $4 }' /proc/cgroups)
    said=$($b mount -t cgroup -o $controller cgroup /m 2>&1)
    code=$?
    [ $code != 0 ] || $b umount /m
    $b echo "seen: $controller enabled $enabled, mount $code${said:+: ${said##*: }}"
done
$b reboot -f
END
chmod +x "$dir/initramfs/init"
(cd "$dir/initramfs" && find . | cpio -o -H newc --quiet) > "$dir/initramfs.cpio"
qemu_program -M pc -accel tcg -m 256 -nographic -no-reboot -kernel "$dir"/kernel/boot/vmlinuz-* \
    -initrd "$dir/initramfs.cpio" -append 'console=ttyS0 panic=-1 quiet' < /dev/null > "$dir/console" 2>&1
tr -d '\r' < "$dir/console" | sed -n 's/^.*seen: //p' | tee "$dir/seen"
diff "$dir/seen" - <<'END'
memory enabled 1, mount 255: Invalid argument
cpuset enabled 1, mount 255: Invalid argument
cpu enabled 1, mount 0
pids enabled 1, mount 0
END
