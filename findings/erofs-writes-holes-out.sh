#!/bin/bash
# erofs-utils 1.9.4 (Debian sid, 1.9.4-1): a hole of a sparse file becomes zeros that take room in the image.
#
# Expected: a file system image made of a sparse file is as small as the file is on its disk, as with mksquashfs, tar -S
# or cp. EROFS knows holes.
# Behaviour: without compression and without --chunksize the hole is written out, block for block, and the image takes
# that room on its disk too. --chunksize=4096 keeps it a hole. So does no other option: -z lz4 packs zeros 200 to 1,
# -E dedupe with it 500 to 1. (1.5, of Debian 12, does the same.)
# Seen, of a file that is one hole of 200 MiB, in KiB on the disk:
#   plain 204804, --chunksize=4096 4
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. "$(dirname "$0")/sid.sh"

apt-get -qq -y -d --no-install-recommends install erofs-utils=1.9.4-1 > "$dir/log" 2>&1
for package in "$dir"/cache/archives/*.deb; do dpkg-deb -x "$package" "$dir/root"; done
mkdir "$dir/tree"
truncate -s 200M "$dir/tree/hole"

taken() { # OPTION…: KiB that the image takes
    local libraries=$dir/root/usr/lib/x86_64-linux-gnu
    rm -f "$dir/image"
    "$dir/root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" "$dir/root/usr/bin/mkfs.erofs" \
        "$@" "$dir/image" "$dir/tree" > "$dir/log" 2>&1
    du -k "$dir/image" | cut -f1
}

plain=$(taken)
chunks=$(taken --chunksize=4096)
echo "plain $plain, --chunksize=4096 $chunks"
((plain > 200 * 1024 && chunks < 100))
