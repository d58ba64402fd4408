# Files on a share, on the scratch disk, through virtiofsd, on a bare disk (itself, and with the scratch disk's file system) and under runc, one after the other.

# The image: busybox, fio with its libraries, and what runs there. The folder of a nested engine is straight on the scratch disk.
import_files_image() {
    local root=$WORK/files applet library
    mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/share" "$root/var/lib/docker"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in $("$root/bin/busybox" --list); do [ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"; done
    cp "$(command -v fio)" "$root/bin/fio"
    install -m 755 site.sh "$root/bin/site.sh"
    gcc -static -O2 -o "$root/bin/tree" tree.c
    for library in $(ldd "$root/bin/fio" | grep -o '/[^ ]*'); do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done
    tar -C "$root" -c . | docker import - "$FILES_IMAGE" >/dev/null
}

# The same files and what they need of the kernel's modules as an initramfs, in place of runcvm-init's.
make_files_initramfs() {
    local root=$WORK/files store=$1 module order=10
    mkdir -p "$root/modules" "$WORK/modules"
    mount -o loop,ro "$store/modules.erofs" "$WORK/modules"
    for module in virtio_ring virtio virtio_mmio virtio_blk fuse virtiofs crc16 crc32c_generic mbcache jbd2 ext4; do
        find "$WORK/modules" -name "$module.ko" -exec cp {} "$root/modules/$((order++))-$module.ko" \;
    done
    umount "$WORK/modules"
    cat >"$root/init" <<END
#!/bin/sh
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmp /tmp
exec >/dev/ttyS0 2>&1
for module in /modules/*.ko; do insmod \$module; done
mount -t virtiofs share /share && site.sh virtiofsd /share $SIZE_MIB $SECONDS_EACH $FILES
mkdir /ext4 && mount -t ext4 -o noatime,noinit_itable /dev/vdb /ext4 && site.sh ext4 /ext4 $SIZE_MIB $SECONDS_EACH $FILES
site.sh device /dev/vda $SIZE_MIB $SECONDS_EACH
reboot -f
END
    chmod +x "$root/init"
    pack_initramfs "$root"
}

# A machine as RunCVM starts it, but with virtiofsd's share, a bare disk, and another init.
run_bare_machine() {
    local id store socket=$WORK/virtiofsd.sock daemon=$1 memory
    rm -f "$WORK/stream.in" "$WORK/stream.out"
    id=$(run_detached --runtime runcvm -m 768m -e RUNCVM_ROOTFS=block -e "RUNCVM_KERNEL=$STOCK" "$IMAGE" sleep 1000)
    remember_cached "$id"
    bare_arguments_with_console "$(pid_of "$id")" >"$WORK/bare"
    docker stop -t 1 "$id" >/dev/null
    cp --sparse=always "$(dirname "$(docker inspect -f '{{.GraphDriver.Data.UpperDir}}' "$id")")/runcvm-scratch.ext4" "$WORK/ext4"
    docker rm -f "$id" >/dev/null
    mapfile -t BARE <"$WORK/bare"
    store=$(find "$(dirname "$(readlink -f "$(command -v runcvm)")")/../lib/runcvm/kernels/$STOCK" -name modules.erofs | sort -V | tail -n 1)
    make_files_initramfs "$(dirname "$store")"

    truncate -s 2G "$WORK/disk"
    mkdir -p "$WORK/virtiofsd"
    "$daemon" --socket-path="$socket" -o source="$WORK/virtiofsd" -o cache=auto -o xattr -o sandbox=chroot >"$WORK/virtiofsd.log" 2>&1 &
    until [ -S "$socket" ]; do kill -0 $! || die "virtiofsd ended: $(cat "$WORK/virtiofsd.log")"; sleep 0.1; done
    memory=$(sed -n '/^-m$/{n;p}' "$WORK/bare")
    "${BARE[@]}" -global virtio-mmio.force-legacy=false \
        -object "memory-backend-memfd,id=shared,size=${memory}M,share=on" -machine memory-backend=shared \
        -chardev "socket,id=files,path=$socket" -device vhost-user-fs-device,chardev=files,tag=share,queue-size=1024 \
        -drive "if=none,id=bare,format=raw,cache=writeback,discard=unmap,file.locking=off,file=$WORK/disk" -device virtio-blk-device,drive=bare \
        -drive "if=none,id=ext4,format=raw,cache=writeback,discard=unmap,file.locking=off,file=$WORK/ext4" -device virtio-blk-device,drive=ext4
    tr -d '\r' <"$WORK/bare.out" | grep -E '^(virtiofsd|device|ext4) ' >>"$WORK/figures" || die "the bare machine failed: $(tail -n 5 "$WORK/bare.out")"
}

measure_shares() {
    local daemon command key site id
    for daemon in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd; do [ ! -x "$daemon" ] || break; done
    for command in fio gcc ldd "$daemon"; do
        command -v "$command" >/dev/null || { row "shares" "not measured: $command is missing (packages fio, gcc, qemu-system-x86)"; return; }
    done

    import_files_image
    mkdir -p "$WORK/share" "$WORK/runc"
    id=$(run_detached -m 768m -v "$WORK/runc:/share" "$FILES_IMAGE" site.sh runc /share "$SIZE_MIB" "$SECONDS_EACH" "$FILES")
    collect "$id"
    # A machine for each: its limit of memory counts what the host keeps of a share's files, and of the disk.
    measure_in_machine site.sh share /share
    measure_in_machine site.sh scratch /var/lib/docker
    run_bare_machine "$daemon"

    printf '%-14s%12s%12s%12s%12s%12s%12s%10s%10s\n' "" share virtiofsd runc scratch "bare ext4" "bare disk" "of v'fsd" "of ext4"
    for key in write-1m read-1m randread-4k randwrite-4k syncwrite-4k create stat-cold stat-warm walk-cold walk-warm read delete; do
        printf '%-14s' "$key"
        for site in share virtiofsd runc scratch ext4 device; do printf '%12s' "$(figure $site $key)"; done
        printf '%10s%10s\n' "$(quotient share virtiofsd "$key")" "$(quotient scratch ext4 "$key")"
    done
    row "" "the first two in KiB/s, then requests or files a second; $SIZE_MIB MiB, $FILES files"
}

measure_in_machine() {
    local id
    id=$(run_detached -m 768m -v "$WORK/share:/share" --runtime runcvm -e RUNCVM_ROOTFS=block -e "RUNCVM_KERNEL=$STOCK" "$FILES_IMAGE" "$@" "$SIZE_MIB" "$SECONDS_EACH" "$FILES")
    remember_cached "$id"
    collect "$id"
}

# The figures that a container prints.
collect() {
    [ "$(docker wait "$1")" = 0 ] || die "measuring failed: $(docker logs "$1" 2>&1 | tail -n 5)"
    docker logs "$1" >>"$WORK/figures"
    docker rm -f "$1" >/dev/null
}

figure() { awk -v s="$1" -v k="$2" '$1 == s && $2 == k { print $3; found = 1 } END { if (!found) print "-" }' "$WORK/figures"; }

quotient() {
    local a b
    a=$(figure "$1" "$3") b=$(figure "$2" "$3")
    if [ "$a" = - ] || [ "$b" = - ]; then echo -; else compute 'a / b' "a=$a" "b=$b"; fi
}
