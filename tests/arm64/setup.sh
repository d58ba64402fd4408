#!/bin/bash
# Makes this x86-64 machine ready for system tests with arm64 guests: the guest program of `make build ARCH=arm64`,
# Debian's cloud kernel and a busybox for arm64. apt checks the signatures of both, and nothing of this machine's own
# apt or dpkg is touched.
set -euo pipefail
cd "$(dirname "$0")/../.."

library=/usr/local/lib/runcvm/arm64 busybox=/usr/local/lib/runcvm-tests/busybox-arm64
install -D -m 755 build/arm64/runcvm-init $library/runcvm-init
if compgen -G "$library/kernels/*/*/vmlinux" >/dev/null && [ -e $busybox ]; then exit; fi

suite=bookworm
. /etc/os-release
[ "$ID" != debian ] || suite=${VERSION_CODENAME:-$suite}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"/{lists,cache/archives}/partial
touch "$folder/status"
mirror=$(tools/debian-mirror.sh)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$folder/sources.list"
apt() {
    "apt-$1" -q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 \
        -o Dir::Etc::SourceList="$folder/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$folder/lists" -o Dir::State::Status="$folder/status" \
        -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "${@:2}"
}
apt get update
image=$(apt cache depends linux-image-cloud-arm64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p')
(cd "$folder" && apt get download "$image" busybox-static)

dpkg-deb -x "$folder"/busybox-static_*.deb "$folder/unpacked"
install -D -m 755 "$(find "$folder/unpacked" -path "*/bin/busybox")" $busybox
# What guests are is a setting of the host: this one's file is covered for the moment.
mkdir -p /etc/runcvm
unshare --mount bash -c '
    mount -t tmpfs tmpfs /etc/runcvm
    echo "guest_architecture = \"arm64\"" >/etc/runcvm/config.toml
    exec /usr/local/bin/runcvm kernel add "$1"' setup "$folder"/linux-image-*.deb
echo "==> arm64 guests can be tested"
