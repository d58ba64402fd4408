#!/bin/bash
# Prints the address of a mirror of Debian: DEBIAN_MIRROR where that is set, else the one that this machine's apt uses.
set -euo pipefail

mirror=${DEBIAN_MIRROR-}
# The lists that there are say who made each repository. That of security updates has another label.
[ -n "$mirror" ] ||
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
[ -n "$mirror" ] || {
    echo "debian-mirror.sh: apt uses no mirror of Debian here, or has no lists yet: apt-get update, or name a mirror:" \
        "DEBIAN_MIRROR=ADDRESS" >&2
    exit 1
}
echo "${mirror%/}"
