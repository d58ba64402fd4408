#!/bin/bash
# Podman 4.3.1 (Debian 12, 4.3.1+ds1-8+deb12u1+b3) without any Kubernetes: what it hands to the OCI runtime bears
# annotations of CRI-O.
#
# Expected: `io.kubernetes.cri-o.…` stands in the specification of containers that CRI-O made for a kubelet, so a
# runtime or a hook may know these by the prefix, as they know containerd's by `io.kubernetes.cri.…`.
# Behaviour: each `podman run` of a single container, in no pod, has `io.kubernetes.cri-o.Created` and
# `io.kubernetes.cri-o.TTY`, beside `io.container.manager: libpod`. Only the exact name
# `io.kubernetes.cri-o.ContainerType` tells whether there is a pod.
# Seen:
#   io.kubernetes.cri-o.Created
#   io.kubernetes.cri-o.TTY
# Needs root, Debian 12 or newer, python3, and cgroups that runc 1.1 can use.
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo "runs containers: needs root" >&2; exit 2; }
dir=$(mktemp -d /tmp/f.XXXX)
trap 'unmount_all; rm -rf "$dir"' EXIT
. "$(dirname "$0")/podman.sh"

cat > "$dir/other" <<END
#!/bin/bash
while [ \$# -gt 0 ] && [[ " \${all:=\$*} " == *" create "* ]]; do
    [ "\$1" != --bundle ] || cp "\$2/config.json" "$dir/config.json"
    rest+=("\$1"); shift
done
exec "$dir/root/usr/sbin/runc" "\${rest[@]}" "\$@"
END
chmod +x "$dir/other"
setting "$dir/of"
podman --runtime other run --rm --network none --rootfs "$dir/image" /bin/busybox true
python3 - "$dir/config.json" <<'END' | tee "$dir/seen"
import json, sys
print("\n".join(sorted(name for name in json.load(open(sys.argv[1]))["annotations"] if "cri-o" in name)))
END
diff "$dir/seen" - <<'END'
io.kubernetes.cri-o.Created
io.kubernetes.cri-o.TTY
END
