#!/bin/bash
# Gets vhost-device-vsock, which the test double of Firecracker runs, where this machine has none. Debian has it in its
# newest branch only; it runs on older ones as well. apt checks its signature, and nothing of this machine's own apt is
# touched.
set -euo pipefail

target=/usr/local/lib/runcvm-tests/vhost-device-vsock
if command -v vhost-device-vsock >/dev/null || [ -x $target ]; then exit; fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"/{lists,cache/archives}/partial
mirror=$("$(dirname "$0")/../../tools/debian-mirror.sh")
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$folder/sources.list"
apt() {
    apt-get -q -o Dir::Etc::SourceList="$folder/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$folder/lists" -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=root \
        -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}
apt update
(cd "$folder" && apt download vhost-device-vsock)
dpkg-deb -x "$folder"/vhost-device-vsock_*.deb "$folder/unpacked"
install -D -m 755 "$folder/unpacked/usr/bin/vhost-device-vsock" $target
echo "==> installed $target"
