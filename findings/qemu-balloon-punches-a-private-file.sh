#!/bin/bash
# QEMU 11.1.3 (Debian sid, 1:11.1.3+ds-1), Linux 7.2.13 as guest: memory-backend-file,share=off does not protect the
# file from a balloon.
#
# Expected: share=off maps the file privately (MAP_PRIVATE), so that nothing the machine does reaches the file.
# Behaviour: what the guest writes does not reach it. What the balloon takes is thrown away by punching holes into the
# file itself; QEMU says so once on standard error and goes on. Other machines that map the file lose those pages.
# With a file that is opened for reading only (readonly=on,rom=off) the file stays whole, QEMU complains of each page,
# and no memory is given back.
# Seen:
#   share=off: the file lost more than 32 MiB
#   share=off,readonly=on,rom=off: the file is the same
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. "$(dirname "$0")/sid.sh"

version=7.2.13+deb14-cloud-amd64
(cd "$dir/cache/archives" && apt-get -qq download "linux-binary-$version" "linux-modules-$version" busybox-static)
. "$(dirname "$0")/qemu.sh"
cd "$dir"

# A guest that loads the balloon's driver and what it needs, and waits.
mkdir -p guest/bin guest/proc guest/sys guest/dev
cp root/usr/bin/busybox guest/bin/busybox
load=
for module in virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_balloon; do
    file=$(find root -path "*/modules/$version/*" -name "$module.ko*" | head -n 1)
    [ -n "$file" ] || continue # built in
    case $file in *.xz) xz -dc "$file" ;; *.zst) zstd -qdc "$file" ;; *) cat "$file" ;; esac > "guest/$module.ko"
    load+="/bin/busybox insmod /$module.ko; "
done
cat > guest/init <<END
#!/bin/busybox sh
$load
echo ballooned
while :; do /bin/busybox sleep 1000; done
END
chmod +x guest/init
(cd guest && find . | cpio -o -H newc --quiet | gzip -1) > initramfs
kernel=$(find root -path "*/modules/$version/vmlinuz" -o -name "vmlinuz-$version" | head -n 1)

qemu() { # BACKEND
    qemu_program -M q35,memory-backend=ram -accel tcg -m 256 -nodefaults -no-user-config -display none -no-reboot \
        -object "memory-backend-file,id=ram,size=256M,mem-path=$dir/memory,$1" \
        -kernel "$kernel" -initrd initramfs -append 'console=ttyS0 quiet panic=-1 tsc=unstable' \
        -serial file:console -device virtio-balloon-pci -qmp stdio 2> errors
}

balloon() { # BACKEND: takes 128 MiB back, waits until the guest has given them, and quits
    rm -f console answers
    (
        echo '{"execute":"qmp_capabilities"}'
        until grep -q ballooned console 2> /dev/null; do sleep 0.2; done
        echo '{"execute":"balloon","arguments":{"value":134217728}}'
        until grep -q '"actual": 134217728' answers 2> /dev/null; do
            sleep 0.5
            echo '{"execute":"query-balloon"}'
        done
        echo '{"execute":"quit"}'
    ) | qemu "$1" > answers
}

# No page of it is a hole, so that one that was punched shows.
fill() { head -c 256M /dev/zero > memory; }
kilobytes() { du -k memory | cut -f 1; }

fill
before=$(kilobytes)
balloon share=off
lost=$(((before - $(kilobytes)) / 1024))
((lost > 32))
echo "share=off: the file lost more than 32 MiB"
fill
before=$(sha256sum memory)
balloon share=off,readonly=on,rom=off
[ "$(sha256sum memory)" = "$before" ]
[ "$(kilobytes)" -ge 262144 ]
echo "share=off,readonly=on,rom=off: the file is the same"
