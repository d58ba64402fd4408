#!/bin/bash
# Debian sid, linux 7.2.13-1: the package linux-image-R holds no kernel.
#
# Expected: linux-image-R has /boot/vmlinuz-R and the modules, as in bookworm and trixie (linux 6.1 and 6.12).
# Behaviour: it is a package of dependencies. vmlinuz is in linux-binary-R, below /usr/lib/modules/R and not in /boot;
# config, System.map and modules.builtin are in linux-base-R, modules in linux-modules-R. What unpacks linux-image-R
# alone, or with linux-modules-R, gets no kernel, and none lies where it looks.
# Seen:
#   linux-image: 0 kernels
#   linux-binary: ./usr/lib/modules/7.2.13+deb14-cloud-amd64/vmlinuz
#   linux-base: ./usr/lib/modules/7.2.13+deb14-cloud-amd64/config
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. "$(dirname "$0")/sid.sh"

version=7.2.13-1
release=7.2.13+deb14-cloud-amd64
cd "$dir"
apt-get -qq download "linux-image-$release=$version" "linux-binary-$release=$version" "linux-base-$release=$version"
files() { dpkg-deb --fsys-tarfile "linux-$1-$release"_*.deb | tar t; }

kernels=$(files image | grep -cE 'vmlinuz|\.ko|config' || true)
binary=$(files binary | grep -E 'vmlinuz|/boot/')
base=$(files base | grep -E '/config|/boot/')
echo "linux-image: $kernels kernels"
echo "linux-binary: $binary"
echo "linux-base: $base"
[ "$kernels" = 0 ]
[ "$binary" = "./usr/lib/modules/$release/vmlinuz" ]
[ "$base" = "./usr/lib/modules/$release/config" ]
