#!/bin/sh
# Writes a minimal Debian as a tar archive to standard output: the base of images where no registry answers.
set -eu

suite=bookworm
. /etc/os-release
[ "$ID" != debian ] || suite=${VERSION_CODENAME:-$suite}
exec mmdebstrap --quiet --variant=minbase --format=tar \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include=ca-certificates "$suite" -
