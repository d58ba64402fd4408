#!/bin/bash
# QEMU 11.1.3 (Debian sid, 1:11.1.3+ds-1): a saved machine can be loaded into one that has more devices.
#
# Expected: both ends of a migration must have the same devices, as QEMU's documentation asks for; a device that the
# stream does not know ends the load with an error.
# Behaviour: only the other way is an error. A device of the destination that the stream has no section for stays as it
# was reset, and the load succeeds without a word: virtio-mmio devices of microvm and PCI devices of q35 alike.
# (7.2.22 does the same.) So a machine that was saved with no disk gets any disk when it is restored, and a forgotten
# option goes unnoticed.
# Seen, and the same for q35:
#   microvm, 2 devices more than were saved: loaded
#   microvm, 2 devices less than were saved: Unknown section
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. "$(dirname "$0")/sid.sh"
. "$(dirname "$0")/qemu.sh"

cd "$dir"
truncate -s 1M disk
qemu() { # BOARD OPTION…: QMP on standard input and output, until quit
    qemu_program -nodefaults -display none -accel tcg -m 64 -S -qmp stdio -M "$@" 2>&1
}

# Asks until the answer has these words, and quits.
until_said() { # COMMAND WORDS
    while sleep 0.2; do
        echo "{\"execute\":\"$1\"}"
        ! grep -qE "$2" answers 2>/dev/null || break
    done
    echo '{"execute":"quit"}'
}

save() { # BOARD OPTION…
    rm -f answers stream
    (echo '{"execute":"qmp_capabilities"}{"execute":"migrate","arguments":{"uri":"exec:cat > stream"}}'
        until_said query-migrate '"status": "completed"') | qemu "$@" > answers
}

# inmigrate is the state until all was loaded; QEMU ends where that fails, and its answers say so.
load() { # BOARD OPTION…
    rm -f answers
    (echo '{"execute":"qmp_capabilities"}'
        until_said query-status '"status": "(prelaunch|paused)"|rror') |
        qemu "$@" -incoming 'exec:cat stream' > answers || true
    grep -q '"status": "\(prelaunch\|paused\)"' answers
}

for board in microvm q35; do
    suffix=$([ $board = microvm ] && echo device || echo pci)
    more=(-drive if=none,id=a,file=disk,format=raw -device "virtio-blk-$suffix,drive=a" -device "virtio-rng-$suffix")
    save $board
    load $board "${more[@]}"
    echo "$board, 2 devices more than were saved: loaded"
    save $board "${more[@]}"
    ! load $board
    grep -qi 'unknown' answers
    echo "$board, 2 devices less than were saved: $(grep -oim1 'unknown [a-z]*' answers)"
done
