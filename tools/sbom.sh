#!/bin/bash
# Writes to standard output what both programs are made of (CycloneDX 1.5, JSON): the packages of the lock files, with
# the compiler's own libraries, and the C library that is linked in. Asks no network.
#
#   sbom.sh x64|arm64
set -euo pipefail
cd "$(dirname "$0")/.."

processor=$1
dotnet=$(command -v dotnet || echo /usr/local/share/dotnet/dotnet)
version=$(sed -n 's|.*<Version>\(.*\)</Version>.*|\1|p' Directory.Build.props)
seconds=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

# NAME VERSION HASH of each package, a line each. The lock files are written by NuGet, one field a line.
packages() {
    sed -n -e 's/^      "\([^"]*\)": {$/name \1/p' -e 's/^        "resolved": "\([^"]*\)".*/version \1/p' \
        -e 's/^        "contentHash": "\([^"]*\)".*/hash \1/p' "$@" |
        awk '$1 == "name" { name = $2 } $1 == "version" { version = $2 } $1 == "hash" { print name, version, $2 }' |
        LC_ALL=C sort -u
}

# What is only run while building is excluded from the programs.
scope() { # PACKAGE
    case $1 in
        Microsoft.CodeAnalysis.* | Microsoft.NET.ILLink.Tasks | *ILCompiler) echo excluded ;;
        *) echo required ;;
    esac
}

component() { # NAME VERSION SCOPE PURL [HASH]
    printf '    {\n      "type": "library",\n      "name": "%s",\n' "$1"
    printf '      "version": "%s",\n      "scope": "%s",\n' "$2" "$3"
    [ -z "${5-}" ] ||
        printf '      "properties": [{ "name": "nuget:contentHash", "value": "%s" }],\n' "$5"
    printf '      "purl": "%s"\n    }' "$4"
}

# The C library that the linker takes, and nothing where it is no package of dpkg.
c_library() {
    local package=libc6-dev
    [ "$processor" = x64 ] || [ "$(uname -m)" = aarch64 ] || package=libc6-dev-arm64-cross
    dpkg-query -W -f "\${Package} \${Version}\n" $package 2>/dev/null || true
}

components() {
    local name version hash compiler='' first=1
    while read -r name version hash; do
        ((first)) || printf ',\n'
        first=0
        component "$name" "$version" "$(scope "$name")" "pkg:nuget/$name@$version" "$hash"
        [ "$name" != Microsoft.DotNet.ILCompiler ] || compiler=$version
    done < <(packages src/Runcvm/packages.lock.json src/Runcvm.Guest/packages.lock.json)
    # The base library comes with the compiler, in its version, and is linked in.
    name=Microsoft.NETCore.App.Runtime.NativeAOT.linux-$processor
    printf ',\n'
    component "$name" "$compiler" required "pkg:nuget/$name@$compiler"
    while read -r name version; do
        printf ',\n'
        component "$name" "$version" required "pkg:deb/$name@$version"
    done < <(c_library)
    printf '\n'
}

cat <<END
{
  "bomFormat": "CycloneDX",
  "specVersion": "1.5",
  "version": 1,
  "metadata": {
    "timestamp": "$(date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%SZ)",
    "tools": { "components": [
      { "type": "application", "name": "dotnet-sdk", "version": "$("$dotnet" --version)" },
      { "type": "application", "name": "clang", "version": "$(clang -dumpversion 2>/dev/null || echo unknown)" },
      { "type": "application", "name": "ld", "version": "$(ld --version | sed -n '1s/.* //p')" }
    ] },
    "component": {
      "type": "application",
      "name": "runcvm",
      "version": "$version",
      "licenses": [{ "license": { "id": "MIT" } }],
      "purl": "pkg:generic/runcvm@$version?arch=$processor"
    }
  },
  "components": [
$(components)
  ]
}
END
