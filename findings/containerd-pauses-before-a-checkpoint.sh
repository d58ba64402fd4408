#!/bin/bash
# containerd 2.1.9 (Debian sid, 2.1.9+ds1-5): a container is paused already when the OCI runtime is asked for its
# checkpoint.
#
# Expected: the runtime is asked for a checkpoint of a running container. CRIU freezes the processes itself, and
# `runc checkpoint` says of its --leave-running that the container is left so.
# Behaviour: containerd's client calls `pause` first and `resume` afterwards, also where the runtime is given a folder
# and nothing of the container's file system is read. A runtime that has to talk to what runs in the container finds
# it frozen, and waits. (containerd 1.6.20, of Debian 12, does the same, and Docker with it.)
# Seen: pause, checkpoint of a FROZEN container, resume
# Needs root, cgroups of version 1 or 2, and libseccomp2 of Debian 12 or newer.
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

# Notes what it is asked for, and how the container's cgroup stands then. No CRIU is needed: it refuses.
cat > "$dir/runtime" <<END
#!/bin/bash
for word; do
    case \$word in
        pause | resume) echo "\$word" >> $dir/seen ;;
        checkpoint)
            state=\$(cat /sys/fs/cgroup/freezer/default/finding-pause/freezer.state \\
                /sys/fs/cgroup/default/finding-pause/cgroup.freeze 2> /dev/null)
            echo "checkpoint of a \${state/#1/FROZEN} container" >> $dir/seen
            exit 1
            ;;
    esac
done
exec $dir/root/usr/sbin/runc "\$@"
END
mkdir -p "$dir/bundle/bin" "$dir/bundle/proc"
cp "$dir/root/usr/bin/busybox" "$dir/bundle/bin/"
chmod +x "$dir/runtime"
ctr run -d --null-io --rootfs --runc-binary "$dir/runtime" "$dir/bundle" finding-pause /bin/busybox sleep 1000
ctr tasks checkpoint --image-path "$dir/image" finding-pause > /dev/null 2>&1 || true
ctr tasks delete --force finding-pause > /dev/null 2>&1 || true
ctr containers delete finding-pause
paste -sd, "$dir/seen"
[ "$(paste -sd, "$dir/seen")" = 'pause,checkpoint of a FROZEN container,resume' ]
