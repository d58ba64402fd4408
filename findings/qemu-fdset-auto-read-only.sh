#!/bin/bash
# QEMU 11.1.3 (Debian sid, 1:11.1.3+ds-1): readonly=off does not open a descriptor set read-write.
#
# Expected: `-add-fd` with one read-write descriptor and `-drive file=/dev/fdset/1,readonly=off` opens that one.
# Behaviour: the drive is auto-read-only, so QEMU asks the set for a read-only descriptor first; a read-write one does
# not match, and QEMU ends. With auto-read-only=off it opens. (7.2.22 does the same with another error text.)
# Seen:
#   readonly=off: Failed to find file descriptor with matching flags=0x0
#   readonly=off,auto-read-only=off: opened
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. "$(dirname "$0")/sid.sh"
. "$(dirname "$0")/qemu.sh"

truncate -s 1M "$dir/disk"
drive() {
    echo '{"execute":"qmp_capabilities"}{"execute":"quit"}' | qemu_program \
        -nodefaults -display none -machine none -qmp stdio -add-fd fd=9,set=1 \
        -drive "file=/dev/fdset/1,format=raw,if=none,id=a,$1" 9<> "$dir/disk" 2>&1
}

if answer=$(drive readonly=off); then echo "readonly=off: opened"; exit 1; fi
echo "readonly=off: ${answer##*: }"
[[ $answer == *"Failed to find file descriptor with matching flags=0x0"* ]]
answer=$(drive readonly=off,auto-read-only=off)
[[ $answer == *'"SHUTDOWN"'* || $answer == *'"return"'* ]]
echo "readonly=off,auto-read-only=off: opened"
