#!/bin/sh
# Writes a small Debian for arm64 as a tar archive to standard output.
set -eu

suite=bookworm
. /etc/os-release
[ "$ID" != debian ] || suite=${VERSION_CODENAME:-$suite}
# The shell's name is made by its package's configuration.
exec mmdebstrap --quiet --architectures=arm64 --variant=extract --format=tar --include=base-files,dash,coreutils \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='[ -e "$1/bin/sh" ] || ln -s dash "$1/bin/sh"' "$suite" -
