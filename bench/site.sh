#!/bin/sh
# Runs where files are measured: in a container, a machine, or a bare machine. Prints "SITE KEY FIGURE", a line each.
#
#   site.sh SITE PLACE MIB SECONDS [FILES]     PLACE: a folder, or a block device, for which there are no small files
set -eu
site=$1 place=$2 mib=$3 seconds=$4 files=${5:-}
file=$place
# From within: what the way to the place costs is not what is measured.
[ -b "$place" ] || { cd "$place"; file=fio; }
drop=drop
(echo 3 >/proc/sys/vm/drop_caches) 2>/dev/null || drop= # in a container of runc the host's caches stay

# In version 3 of fio's terse form: bandwidth in KiB/s and requests a second are fields 7 and 8 of reads, 48 and 49 of writes.
measure() {
    key=$1 field=$2
    shift 2
    [ -z "$drop" ] || { sync; echo 3 >/proc/sys/vm/drop_caches; }
    fio --name="$key" --filename="$file" --ioengine=psync --size="${mib}m" --runtime="$seconds" --output-format=terse --terse-version=3 "$@" \
        | cut -d';' -f"$field" | sed "s/^/$site $key /"
}

# To write or read the whole takes half a second at most places, in which the guest uses much of its memory for the first time: again and
# again, each to the disk, and each from it, for fio drops what is cached of a file when it opens it.
measure write-1m 48 --rw=write --bs=1m --loops=1000 --fsync="$mib"
measure read-1m 7 --rw=read --bs=1m --loops=1000
measure randread-4k 8 --rw=randread --bs=4k --norandommap
measure randwrite-4k 49 --rw=randwrite --bs=4k --norandommap --end_fsync=1
measure syncwrite-4k 49 --rw=randwrite --bs=4k --sync=1 --norandommap
[ -b "$place" ] || rm "$file"
[ -n "$files" ] || exit 0
mkdir tree
tree tree "$files" create stat-warm walk-warm $drop stat-cold $drop walk-cold $drop read delete | sed "s/^/$site /"
rmdir tree
