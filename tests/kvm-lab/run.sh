#!/bin/bash
# Runs a command on a machine that has a real /dev/kvm: QEMU's TCG emulates an AMD CPU with its virtualization (SVM), and
# the root file system is that of this host, writable for the lab alone.
#
#   run.sh [-t SECONDS] [-m MEBIBYTES] [-k KERNEL] [-q QEMU] [-n] -- COMMAND [ARGUMENT…]
#
#   -t  time limit, 900 s                     -m  the lab's memory, 6144 MiB
#   -k  folder of a kernel in RunCVM's store  -n  do not start a Docker engine
#   -q  the QEMU that emulates the lab
#
# Prints what the command prints and ends with its exit code; with 77 where something that the lab needs is missing, with
# 124 at the time limit, with 125 if the lab itself fails.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
limit=900 memory=6144 kernel= engine=yes qemu=qemu-system-x86_64

usage() { sed -n 's/^#   //p' "${BASH_SOURCE[0]}" >&2; exit 2; }

missing() { echo "kvm-lab: $1" >&2; exit 77; }

while getopts t:m:k:q:n option; do
    case $option in
        t) limit=$OPTARG ;;
        m) memory=$OPTARG ;;
        k) kernel=$OPTARG ;;
        q) qemu=$OPTARG ;;
        n) engine=no ;;
        *) usage ;;
    esac
done
[ "${*:OPTIND-1:1}" = -- ] || usage
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage

# The kernel must be able to run guests itself, which not every kernel for guests is.
usable_kernel() {
    local option
    for option in KVM_AMD VIRTIO_PCI VIRTIO_FS VIRTIO_BLK VIRTIO_CONSOLE OVERLAY_FS EXT4_FS EROFS_FS; do
        grep -q "^CONFIG_$option=[my]" "$1/config" 2>/dev/null || return 1
    done
}

find_kernel() {
    local folder
    for folder in ${kernel:-/usr/local/lib/runcvm/kernels/*/*}; do
        if usable_kernel "$folder"; then echo "$folder"; return; fi
    done
    missing "no kernel with KVM_AMD, VIRTIO_FS and VIRTIO_PCI in ${kernel:-/usr/local/lib/runcvm/kernels}; Debian's has them: runcvm kernel add debian"
}

find_virtiofsd() {
    local program
    for program in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd; do
        if [ -x $program ]; then echo $program; return; fi
    done
    missing "no virtiofsd; apt-get install virtiofsd (before Debian 13: qemu-system-common)"
}

[ "$(id -u)" = 0 ] || missing "needs root"
[ "$(uname -m)" = x86_64 ] || missing "needs an x86-64 host: QEMU emulates virtualization for guests only there"
for program in "$qemu" cpio mke2fs; do
    command -v $program >/dev/null || missing "no $program; tools/setup.sh packages"
done
busybox=$(command -v busybox) && ! ldd "$busybox" >/dev/null 2>&1 || missing "no static busybox; apt-get install busybox-static"
kernel=$(find_kernel)
virtiofsd=$(find_virtiofsd)

lab=$(mktemp -d /var/tmp/runcvm-lab.XXXXXX)
children=()

clean() {
    [ ${#children[@]} = 0 ] || kill "${children[@]}" 2>/dev/null || true
    wait
    rm -rf "$lab"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# What the lab does, as files: no quoting through a kernel's command line. It reads them over the shared root.
mkdir "$lab/job"
printf '%s\0' "$@" >"$lab/job/command"
pwd >"$lab/job/folder"
echo $engine >"$lab/job/engine"
echo "$here" >"$lab/job/here"
env -0 | grep -z '^RUNCVM_\|^PATH=\|^HOME=\|^TERM=\|^DOTNET_' >"$lab/job/environment"

# The initramfs: what it takes to mount the shared root. All other modules come from the modules image.
mkdir -p "$lab/initramfs"/{bin,boot-modules,dev,proc,sys,host,scratch,root,lib/modules}
cp "$busybox" "$lab/initramfs/bin/busybox"
cp "$here/init" "$lab/initramfs/init"
cp "$kernel"/boot-modules/*.ko "$lab/initramfs/boot-modules/" 2>/dev/null || true
(cd "$lab/initramfs" && find . -print0 | cpio --null --create --format=newc --quiet) >"$lab/initramfs.cpio"

truncate -s 32G "$lab/scratch"
mke2fs -q -F -t ext4 -O ^has_journal -E lazy_itable_init=1,nodiscard "$lab/scratch"

# virtiofsd shows a copy of the mounts that is read-only through and through, so that nothing in the lab reaches the host.
share() {
    local folder=$lab/host target
    mkdir -p "$folder"
    mount --rbind / "$folder"
    for target in proc sys dev run; do umount -l "$folder/$target" 2>/dev/null || true; done
    findmnt -R -n -r -o TARGET "$folder" | while read -r target; do
        mount -o remount,bind,ro "$(printf '%b' "$target")"
    done
    if [[ $virtiofsd == */libexec/* ]]; then
        exec "$virtiofsd" --socket-path="$lab/share" --shared-dir="$folder" --sandbox=chroot --cache=always
    fi
    exec "$virtiofsd" --socket-path="$lab/share" -o source="$folder" -o sandbox=chroot -o cache=always
}
export -f share
lab=$lab virtiofsd=$virtiofsd unshare --mount --propagation private bash -euc share >"$lab/virtiofsd.log" 2>&1 &
children+=($!)
timeout 30 bash -c 'until [ -S "$0" ]; do kill -0 "$1" && sleep 0.05; done' "$lab/share" ${children[0]} 2>/dev/null ||
    { cat "$lab/virtiofsd.log" >&2; echo "kvm-lab: virtiofsd does not start" >&2; exit 125; }

# QEMU must not see the end of its input: the guest's port would count as closed.
mkfifo "$lab/input"
exec 3<>"$lab/input"
# npt=0: with the nested paging that QEMU 7.2 and 10.0 emulate, one guest in three to eight went on at an address of its host, waited for a
# lock for ever, or took the lab's kernel down with it.
# no_timer_check: on a busy host the emulated timer's ticks come too late for the kernel's test of it, which then panics.
drive() { echo "if=none,id=$1,format=raw,file=$2,cache=unsafe,discard=unmap"; }
timeout --foreground "$limit" "$qemu" -M q35 -accel tcg,thread=multi,tb-size=512 -cpu EPYC-Rome,+svm -smp 2 \
    -m "$memory" -object "memory-backend-memfd,id=memory,size=${memory}M,share=on" -numa node,memdev=memory \
    -nodefaults -no-user-config -display none -no-reboot \
    -kernel "$kernel/vmlinux" -initrd "$lab/initramfs.cpio" \
    -append "console=ttyS0 loglevel=4 panic=-1 mitigations=off kvm_amd.npt=0 no_timer_check random.trust_cpu=on lab=$lab" \
    -chardev "file,id=console,path=$lab/console" -serial chardev:console \
    -chardev "socket,id=share,path=$lab/share" -device vhost-user-fs-pci,chardev=share,tag=host,queue-size=1024 \
    -drive "$(drive modules "$kernel/modules.erofs"),readonly=on" -device virtio-blk-pci,drive=modules \
    -drive "$(drive scratch "$lab/scratch")" -device virtio-blk-pci,drive=scratch \
    -netdev user,id=net -device virtio-net-pci,netdev=net,romfile= \
    -device virtio-serial-pci \
    -chardev stdio,id=output,signal=off -device virtserialport,chardev=output,name=output \
    -chardev "file,id=code,path=$lab/code" -device virtserialport,chardev=code,name=code \
    <&3 2>"$lab/qemu.log" &
children+=($!)
ended=0
wait "${children[1]}" || ended=$?

if [ -s "$lab/code" ]; then exit "$(<"$lab/code")"; fi
# What a kernel says when it breaks begins with its first complaint; what follows from that may be hundreds of lines.
awk '/BUG: |Oops: |general protection fault|Kernel panic/ { found = 1 } found && n++ < 60' "$lab/console" >&2 || true
tail -n 25 "$lab/console" "$lab/virtiofsd.log" >&2 || true
grep -v "TCG doesn't support requested feature" "$lab/qemu.log" >&2 || true
if [ $ended = 124 ]; then echo "kvm-lab: no end after $limit s" >&2; exit 124; fi
echo "kvm-lab: the lab ended without an exit code of the command (QEMU: $ended)" >&2
exit 125
