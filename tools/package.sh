#!/bin/bash
# Packs what `make build` has built.
#
#   package.sh deb [x64|arm64]     build/runcvm_VERSION_ARCH.deb
#   package.sh dist [x64|arm64]    build/runcvm-VERSION-linux-ARCH.tar.gz
#
# Beside each lie its SHA-256 (FILE.sha256, for sha256sum --check) and what it is made of (FILE.cdx.json, CycloneDX),
# which is in the package too.
#
# For this machine's architecture, or for another that `make build ARCH=…` built.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's|.*<Version>\(.*\)</Version>.*|\1|p' Directory.Build.props)
case $(uname -m) in
    x86_64) own=x64 ;;
    aarch64) own=arm64 ;;
    *) echo "package.sh: RunCVM runs on x86-64 and arm64 only" >&2; exit 1 ;;
esac
processor=${2:-$own}
built=build
[ "${2:-$own}" = $own ] || built=build/$2
case ${2:-$own} in
    x64) architecture=amd64 qemu=qemu-system-x86 ;;
    arm64) architecture=arm64 qemu=qemu-system-arm ;;
    *) echo "package.sh: not x64 or arm64: $2" >&2; exit 2 ;;
esac
# The same sources give the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

put() { install -D -m "$1" "$2" "$3"; }

put_contents() { # FILE
    mkdir -p "$(dirname "$1")"
    tools/sbom.sh "$processor" >"$1"
    chmod 644 "$1"
}

# What somebody who downloads FILE compares it with.
lay_beside() { # FILE
    tools/sbom.sh "$processor" >"$1.cdx.json"
    (cd "$(dirname "$1")" && sha256sum "$(basename "$1")" >"$(basename "$1").sha256")
    echo "$1"
}

# By this machine's own program.
generate() { # FILE VERB...
    mkdir -p "$(dirname "$1")"
    build/runcvm "${@:2}" >"$1"
}

control() {
    cat <<END
Package: runcvm
Version: $version
Architecture: $architecture
Maintainer: The RunCVM authors <runcvm@localhost>
Section: admin
Priority: optional
Installed-Size: $(du -ks "$1" | cut -f1)
Depends: runc | crun, $qemu, erofs-utils, e2fsprogs
Recommends: docker.io | docker-ce | podman | containerd, kmod, lz4, xz-utils, zstd, iproute2
Suggests: xfsprogs, btrfs-progs
Description: OCI runtime that boots container images as microVMs
 docker run --runtime=runcvm IMAGE gives the image's process a kernel of its
 own and full root in it, and still feels like a container.
END
}

scripts() {
    cat >"$1/postinst" <<'END'
#!/bin/sh
set -e
[ "$1" != configure ] || runcvm install --no-files --prefix /usr
END
    # Refused while machines run, with a sentence: they could neither be entered nor be removed cleanly any more.
    cat >"$1/prerm" <<'END'
#!/bin/sh
set -e
[ "$1" != remove ] || runcvm uninstall --no-files --prefix /usr
END
    cat >"$1/postrm" <<'END'
#!/bin/sh
set -e
[ "$1" = purge ] || exit 0
rm -rf /var/lib/runcvm /usr/lib/runcvm
END
    chmod 755 "$1"/postinst "$1"/prerm "$1"/postrm
}

deb() {
    local root=$work/root file=build/runcvm_${version}_$architecture.deb
    put 755 $built/runcvm "$root/usr/bin/runcvm"
    put 755 $built/runcvm-init "$root/usr/lib/runcvm/runcvm-init"
    put 644 LICENSE "$root/usr/share/doc/runcvm/copyright"
    put 644 CHANGELOG.md "$root/usr/share/doc/runcvm/changelog"
    for page in docs/*.md docs/decisions/*.md; do put 644 "$page" "$root/usr/share/doc/runcvm/${page#docs/}"; done
    put_contents "$root/usr/share/doc/runcvm/runcvm.cdx.json"
    generate "$root/usr/share/man/man8/runcvm.8" man
    gzip -9n "$root/usr/share/man/man8/runcvm.8"
    generate "$root/usr/share/bash-completion/completions/runcvm" completion bash
    generate "$root/usr/share/zsh/vendor-completions/_runcvm" completion zsh
    generate "$root/usr/share/fish/vendor_completions.d/runcvm.fish" completion fish
    chmod -R u=rwX,go=rX "$root"
    local size
    size=$(control "$root")
    mkdir "$root/DEBIAN"
    echo "$size" >"$root/DEBIAN/control"
    scripts "$root/DEBIAN"
    (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
    # zstd, which newer dpkg would take, is unknown to Debian 12's older tools.
    dpkg-deb --root-owner-group -Zxz --build "$root" "$file" >/dev/null
    lay_beside "$file"
}

dist() {
    local name=runcvm-$version-linux-$architecture
    local root=$work/$name
    put 755 $built/runcvm "$root/runcvm"
    put 755 $built/runcvm-init "$root/runcvm-init"
    for page in README.md SECURITY.md CONTRIBUTING.md CHANGELOG.md LICENSE; do put 644 $page "$root/$page"; done
    for page in docs/*.md docs/decisions/*.md; do put 644 "$page" "$root/$page"; done
    put_contents "$root/runcvm.cdx.json"
    cat >"$root/install.sh" <<'END'
#!/bin/sh
# Installs RunCVM below /usr/local and registers it with Docker; takes the options of runcvm install.
exec "$(dirname "$0")/runcvm" install "$@"
END
    chmod 755 "$root/install.sh"
    tar -C "$work" --sort=name --owner=0 --group=0 --mtime="@$SOURCE_DATE_EPOCH" -c "$name" |
        gzip -9n >"build/$name.tar.gz"
    lay_beside "build/$name.tar.gz"
}

case ${1-} in
    deb | dist) "$1" ;;
    *) echo "usage: package.sh deb|dist [x64|arm64]" >&2; exit 2 ;;
esac
