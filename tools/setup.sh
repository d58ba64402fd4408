#!/bin/bash
# Brings a Debian or Ubuntu machine to where RunCVM can be built and run. What is there already is left alone.
#
#   setup.sh packages   installs what is missing
#   setup.sh cross      installs what building and trying arm64 takes on an x86-64 host
#   setup.sh kernel     installs what building the tuned kernel takes ('runcvm kernel build' says the same)
#   setup.sh engines    installs other engines, for the system tests
#   setup.sh engine     starts Docker if it is not running
set -euo pipefail

have() { command -v "$1" >/dev/null; }

say() { echo "==> $*"; }

missing_of() { # PACKAGE...
    local package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
    done
}

install() { # PACKAGE...
    [ $# -gt 0 ] || return 0
    apt-get -q update
    install_known "$@"
}

# By the lists that are there.
install_known() { # PACKAGE...
    say "installing with apt: $*"
    DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@"
}

is_packaged() { [ -n "$(apt-cache madison "$1")" ]; } # PACKAGE

# A test skips, and says so, where the distribution does not have its engine.
install_engines() {
    local missing available=() package
    # netavark and aardvark-dns are Podman's network and its names.
    mapfile -t missing < <(missing_of podman crun netavark aardvark-dns docker-compose containernetworking-plugins)
    [ ${#missing[@]} -gt 0 ] || return 0
    apt-get -q update
    for package in "${missing[@]}"; do
        ! is_packaged "$package" || available+=("$package")
    done
    install "${available[@]}"
}

install_packages() {
    local missing qemu=qemu-system-x86
    [ "$(uname -m)" = x86_64 ] || qemu=qemu-system-arm
    # clang, a linker and zlib are what Native AOT links with.
    mapfile -t missing < <(missing_of $qemu erofs-utils e2fsprogs xfsprogs btrfs-progs mmdebstrap kmod lz4 xz-utils \
        zstd iptables iproute2 cpio afl++ clang binutils zlib1g-dev curl ca-certificates debian-archive-keyring procps \
        busybox-static)
    have docker && have dockerd || missing+=(docker.io)
    install "${missing[@]}"
    # From Debian 13 on the client is a package of its own.
    if ! have docker && is_packaged docker-cli; then install_known docker-cli; fi
    # For tests/kvm-lab. QEMU's own package had it until QEMU 8.
    if [ ! -x /usr/lib/qemu/virtiofsd ] && [ ! -x /usr/libexec/virtiofsd ] && is_packaged virtiofsd; then
        install_known virtiofsd
    fi
}

# Packages of this machine's own architecture: dpkg learns of no other.
install_cross() {
    [ "$(uname -m)" = x86_64 ] || return 0
    local missing
    mapfile -t missing < <(missing_of gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-system-arm)
    install "${missing[@]}"
}

install_kernel_build() {
    local missing
    mapfile -t missing < <(missing_of make gcc binutils flex bison bc libelf-dev patch perl kmod xz-utils)
    install "${missing[@]}"
}

has_sdk() { "$1" --list-sdks 2>/dev/null | grep -q '^10\.'; }

install_dotnet() {
    if { have dotnet && has_sdk dotnet; } || has_sdk /usr/local/share/dotnet/dotnet; then return; fi
    if is_packaged dotnet-sdk-10.0; then
        install_known dotnet-sdk-10.0
        return
    fi
    say "this distribution has no .NET SDK 10: installing Microsoft's to /usr/local/share/dotnet with dotnet-install.sh"
    local script
    script=$(mktemp)
    curl -fsSL https://dot.net/v1/dotnet-install.sh -o "$script"
    bash "$script" --channel 10.0 --install-dir /usr/local/share/dotnet
    rm "$script"
    have dotnet || ln -s /usr/local/share/dotnet/dotnet /usr/local/bin/dotnet
}

start_engine() {
    if docker version >/dev/null 2>&1; then return; fi
    # Docker makes one where a container is given the socket of an engine that does not run, and cannot start then.
    [ ! -d /var/run/docker.sock ] || {
        echo "setup.sh: /var/run/docker.sock is a folder, where Docker's socket belongs: rmdir /var/run/docker.sock" >&2
        exit 1
    }
    if [ -d /run/systemd/system ]; then
        say "starting Docker: systemctl start docker"
        systemctl start docker
    else
        say "no systemd here: starting dockerd by hand, its log is /var/log/dockerd.log"
        setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null &
    fi
    # The command waits for the engine's socket, but not for one that is not there yet.
    timeout 60 bash -c 'until docker version >/dev/null 2>&1; do sleep 0.2; done' ||
        { echo "setup.sh: Docker does not start: see its log" >&2; exit 1; }
}

[ "$(id -u)" = 0 ] || { echo "setup.sh: this needs root" >&2; exit 1; }
case ${1-} in
    packages) install_packages && install_dotnet ;;
    cross) install_cross ;;
    kernel) install_kernel_build ;;
    engines) install_engines ;;
    engine) start_engine ;;
    *) echo "usage: setup.sh packages|cross|kernel|engines|engine" >&2; exit 2 ;;
esac
