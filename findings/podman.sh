# For the findings: unpacks Podman 4.3.1 of Debian 12 into "$dir/root", with runc, conmon and a busybox for containers
# in "$dir/image". `setting DIRECTORY [RUNROOT]` has it keep all it has below that directory, and `podman` runs it.
# Needs root, Debian 12 or newer, and cgroups that runc 1.1 can use.
unset APT_CONFIG
suite=bookworm
. "$(dirname "$0")/sid.sh"
(cd "$dir/cache/archives" && apt-get -qq download podman=4.3.1+ds1-8+deb12u1+b3 conmon=2.1.6+ds1-1 \
    runc=1.1.5+ds1-1+deb12u1 busybox-static=1:1.35.0-4+deb12u1+b1 libgpgme11=1.18.0-3+b1 libassuan0=2.5.5-5 \
    libgpg-error0=1.46-1 libsubid4=1:4.13+dfsg1-1+deb12u2 libdevmapper1.02.1=2:1.02.185-2)
for package in "$dir"/cache/archives/*.deb; do dpkg-deb -x "$package" "$dir/root"; done
export PATH=$dir/root/usr/bin:$dir/root/usr/sbin:$PATH
mkdir -p "$dir/image/bin"
cp "$dir/root/bin/busybox" "$dir/image/bin/"

setting() { # DIRECTORY [RUNROOT]
    mkdir -p "$1"
    printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$1/data" "${2:-$1/run}" \
        > "$1/storage.conf"
    cat > "$1/containers.conf" <<END
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "$1/tmp"
runtime = "runc"
[engine.runtimes]
runc = ["$dir/root/usr/sbin/runc"]
other = ["$dir/other"]
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
END
    export CONTAINERS_STORAGE_CONF=$1/storage.conf CONTAINERS_CONF=$1/containers.conf
}
podman() {
    LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu:$dir/root/lib/x86_64-linux-gnu \
        timeout 120 "$dir/root/usr/bin/podman" --conmon "$dir/root/usr/bin/conmon" "$@"
}
unmount_all() { # what a container that was lost has left
    findmnt -rno TARGET | { grep "^$dir/" || true; } | sort -r | xargs -r umount -l
}
