#!/bin/bash
# Builds both programs twice, in two folders with names of different length and at different times, and compares them
# byte by byte. The same sources, SDK and C library must give the same programs.
set -euo pipefail
cd "$(dirname "$0")/.."

processor=${1:-x64}
dotnet=$(command -v dotnet || echo /usr/local/share/dotnet/dotnet)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() { # FOLDER
    mkdir -p "$1"
    tar -c --exclude=./artifacts --exclude=./build --exclude=./.git . | tar -x -C "$1"
    for project in Runcvm Runcvm.Guest; do
        (cd "$1" && "$dotnet" publish -c Release -r "linux-$processor" --nologo -v quiet -o out src/$project)
    done
}

build "$work/a"
build "$work/another-folder-with-a-longer-name"
status=0
for program in runcvm runcvm-init; do
    if cmp "$work/a/out/$program" "$work/another-folder-with-a-longer-name/out/$program"; then
        echo "$program: $(sha256sum "$work/a/out/$program" | cut -d ' ' -f 1), twice"
    else
        echo "reproducible.sh: two builds of $program differ" >&2
        status=1
    fi
done
exit $status
