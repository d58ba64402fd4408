#!/bin/bash
# containerd 2.1.9 (Debian sid, 2.1.9+ds1-5) with runc 1.1.5: the OCI runtime that creates a task without streams has a
# standard error to which it cannot write.
#
# Expected: /dev/null as anybody has it, opened for reading and writing, so that the runtime's words are lost and
# nothing else happens.
# Behaviour: the shim opens /dev/null with O_RDONLY and hands it to `create` as standard output and standard error.
# Each write fails with EBADF. A runtime that takes that for fatal ends by it, and the task with it: every sandbox of a
# pod is such a task. The container itself does not see it: runc opens /dev/null anew for it.
# Seen:
#   of the runtime: /dev/null 0100000, a write: refused
#   of the container: /dev/null 0100002, a write: done
# Needs root, and libseccomp2 of Debian 12 or newer.
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo "runs containers: needs root" >&2; exit 2; }
dir=$(mktemp -d)
daemon=
clean() {
    # wait tells of the signal that ended it, which is no failure of ours.
    [ -z "$daemon" ] || { kill "$daemon" && wait "$daemon" || true; }
    rm -rf "$dir"
}
trap clean EXIT
. "$(dirname "$0")/sid.sh"

(cd "$dir/cache/archives" && apt-get -qq download containerd=2.1.9+ds1-5 busybox-static=1:1.38.0-3+b1)
# sid's runc needs a newer libc than Debian 12 has.
unset APT_CONFIG
suite=bookworm
. "$(dirname "$0")/sid.sh"
(cd "$dir/cache/archives" && apt-get -qq download runc=1.1.5+ds1-1+deb12u1)
for package in "$dir"/cache/archives/*.deb; do dpkg-deb -x "$package" "$dir/root"; done
export PATH=$dir/root/usr/bin:$dir/root/usr/sbin:$PATH
cat > "$dir/config.toml" <<END
version = 3
root = "$dir/data"
state = "$dir/run"
disabled_plugins = ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri"]
[grpc]
address = "$dir/containerd.sock"
END
containerd --config "$dir/config.toml" > "$dir/log" 2>&1 &
daemon=$!
ctr() { command ctr --address "$dir/containerd.sock" "$@"; }
for _ in $(seq 100); do
    ! ctr version > /dev/null 2>&1 || break
    sleep 0.2
done

# Says whose standard error it is, how it was opened, and whether a write succeeds.
cat > "$dir/look" <<'END'
flags=$($box awk '$1 == "flags:" { print $2 }' /proc/self/fdinfo/2)
if $box printf x >&2; then write=done; else write=refused; fi
echo "of $who: $($box readlink /proc/self/fd/2) $flags, a write: $write" >> "$seen"
END
{
    echo '#!/bin/bash'
    echo "if [[ \" \$* \" == *\" create \"* ]]; then"
    echo "who='the runtime' box= seen=$dir/seen"
    sed 's/\$box //' "$dir/look"
    echo fi
    echo "exec $dir/root/usr/sbin/runc \"\$@\""
} > "$dir/runtime"
mkdir -p "$dir/bundle/bin" "$dir/bundle/proc"
cp "$dir/root/usr/bin/busybox" "$dir/bundle/bin/"
{
    echo '#!/bin/busybox sh'
    echo "who='the container' box=/bin/busybox seen=/seen"
    cat "$dir/look"
} > "$dir/bundle/look"
chmod +x "$dir/runtime" "$dir/bundle/look"
ctr run --rm --null-io --rootfs --runc-binary "$dir/runtime" "$dir/bundle" finding-null /look
cat "$dir/seen" "$dir/bundle/seen"
[ "$(cat "$dir/seen")" = 'of the runtime: /dev/null 0100000, a write: refused' ]
[ "$(cat "$dir/bundle/seen")" = 'of the container: /dev/null 0100002, a write: done' ]
