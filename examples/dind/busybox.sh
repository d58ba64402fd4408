#!/bin/sh
# Writes a root file system that holds only busybox as a tar archive to standard output: it stands in for `alpine` where
# no registry answers.
#
#   busybox.sh [BUSYBOX]     BUSYBOX: one for other processors, with the applets of this machine's
set -eu

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir "$root/root"
cd "$root/root"
mkdir -p bin dev etc home/app proc root sys tmp usr/bin var
chmod 1777 tmp

busybox=$(command -v busybox || true)
# A busybox that needs libraries of this machine is of no use in an image.
if [ -z "$busybox" ] || ldd "$busybox" >/dev/null 2>&1; then
    mkdir "$root/package"
    (cd "$root/package" && apt-get -q download busybox-static >&2 && dpkg-deb -x ./*.deb .)
    busybox=$(find "$root/package" -type f -name busybox)
fi
cp "${1:-$busybox}" bin/busybox
for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "bin/$applet"
done

printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n' >etc/passwd
printf 'root:x:0:\nstaff:x:50:app\napp:x:1000:\n' >etc/group
chown 1000:1000 home/app
tar -c .
