#!/bin/bash
# Debian bookworm, xfsprogs 6.1.0-1: mkfs.xfs cannot read the lists of options for older kernels that it comes with.
#
# Expected: each /usr/share/xfsprogs/mkfs/lts_*.conf can be given to mkfs.xfs with -c options=, as its manual says.
# Behaviour: all five have nrext64=0 in the section [metadata]; the program knows it in [inode] only, refuses the file
# and makes nothing. xfsprogs 7.2.0 (sid) has it in [inode] and takes its lists.
# Seen, for each of lts_4.19.conf, lts_5.4.conf, lts_5.10.conf, lts_5.15.conf, lts_6.1.conf:
#   refused: invalid config file option: [metadata]: nrext64=0
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
suite=bookworm
. "$(dirname "$0")/sid.sh"

cd "$dir"
apt-get -qq download xfsprogs=6.1.0-1 libinih1 liburcu8
for package in *.deb; do dpkg-deb -x "$package" unpacked; done
export LD_LIBRARY_PATH=$dir/unpacked/usr/lib/$(uname -m)-linux-gnu
refused=0
for list in unpacked/usr/share/xfsprogs/mkfs/lts_*.conf; do
    truncate -s 512M disk
    if said=$(unpacked/sbin/mkfs.xfs -q -c "options=$list" disk 2>&1); then
        echo "${list##*/}: made"
    else
        echo "${list##*/}: refused: $(head -n 1 <<<"$said" | sed 's/^[^:]*: //')"
        [[ $said == *"[metadata]: nrext64=0"* ]]
        refused=$((refused + 1))
    fi
done
[ "$refused" = 5 ]
# Without a list the same program makes one.
unpacked/sbin/mkfs.xfs -q disk
