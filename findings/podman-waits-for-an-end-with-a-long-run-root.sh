#!/bin/bash
# Podman 4.3.1 (Debian 12, 4.3.1+ds1-8+deb12u1+b3) with conmon 2.1.6 and runc 1.1.5: a `runroot` of more than 50
# letters in storage.conf is taken, and then the end of each container is lost.
#
# Expected: the setting is refused, as `--runroot` of that length is ("longer than 50 characters"), or it works.
# Behaviour: `podman run` starts the container and prints its output. When it has ended, conmon calls `podman container
# cleanup` with `--runroot PATH` on its command line, and that is refused. Nobody reads conmon's complaint: `run` waits
# 20 seconds for the exit that should have been noted, and then ends with 0 all the same. Containers that run in the
# background are cleaned up when somebody looks at them.
# Seen (seconds differ):
#   run root of 20 letters: code 0 after 0 s
#   run root of 60 letters: code 0 after 20 s
#   --runroot of 60 letters: code 125
# Needs root, Debian 12 or newer, and cgroups that runc 1.1 can use.
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo "runs containers: needs root" >&2; exit 2; }
dir=$(mktemp -d /tmp/f.XXXX)
clean() {
    findmnt -rno TARGET | { grep "^$dir/" || true; } | sort -r | xargs -r umount -l
    rm -rf "$dir"
}
trap clean EXIT
suite=bookworm
. "$(dirname "$0")/sid.sh"
(cd "$dir/cache/archives" && apt-get -qq download podman=4.3.1+ds1-8+deb12u1+b3 conmon=2.1.6+ds1-1 \
    runc=1.1.5+ds1-1+deb12u1 busybox-static=1:1.35.0-4+deb12u1+b1 libgpgme11=1.18.0-3+b1 libassuan0=2.5.5-5 \
    libgpg-error0=1.46-1 libsubid4=1:4.13+dfsg1-1+deb12u2 libdevmapper1.02.1=2:1.02.185-2)
for package in "$dir"/cache/archives/*.deb; do dpkg-deb -x "$package" "$dir/root"; done
libraries=$dir/root/usr/lib/x86_64-linux-gnu:$dir/root/lib/x86_64-linux-gnu
export PATH=$dir/root/usr/bin:$dir/root/usr/sbin:$PATH
mkdir -p "$dir/image/bin"
cp "$dir/root/bin/busybox" "$dir/image/bin/"

setting() { # LETTERS: has storage.conf name a run root of that length
    runroot=$dir/$(printf "%0$(($1 - ${#dir} - 1))d" 0)
    mkdir -p "$dir/conf$1"
    printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$dir/data$1" "$runroot" \
        > "$dir/conf$1/storage.conf"
    printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\ntmp_dir = "%s"\nruntime = "runc"\n' \
        "$dir/tmp$1" > "$dir/conf$1/containers.conf"
    printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n' >> "$dir/conf$1/containers.conf"
    printf '[engine.runtimes]\nrunc = ["%s"]\n' "$dir/root/usr/sbin/runc" >> "$dir/conf$1/containers.conf"
    export CONTAINERS_STORAGE_CONF=$dir/conf$1/storage.conf CONTAINERS_CONF=$dir/conf$1/containers.conf
}
podman() {
    LD_LIBRARY_PATH=$libraries timeout 120 "$dir/root/usr/bin/podman" --conmon "$dir/root/usr/bin/conmon" "$@"
}
run() { # LETTERS
    local begin=$SECONDS code=0
    setting "$1"
    podman run --rm --network none --rootfs "$dir/image" /bin/busybox true > "$dir/said" 2>&1 || code=$?
    echo "run root of $1 letters: code $code after $((SECONDS - begin)) s"
    [ "$code" = 0 ] || cat "$dir/said" >&2
    took=$((SECONDS - begin))
}
run 20
[ "$took" -lt 15 ]
run 60
[ "$took" -ge 20 ]
code=0
podman --runroot "$runroot" info > "$dir/said" 2>&1 || code=$?
echo "--runroot of 60 letters: code $code"
[ "$code" = 125 ] && grep -q 'longer than 50 characters' "$dir/said"
