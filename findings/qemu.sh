# For the findings: unpacks QEMU 11.1.3 of Debian sid into "$dir/root"; qemu_program runs it with its own libraries.
# Comes after sid.sh.
apt-get -qq -y -d --no-install-recommends install qemu-system-x86=1:11.1.3+ds-1 > "$dir/log" 2>&1
for package in "$dir"/cache/archives/*.deb; do dpkg-deb -x "$package" "$dir/root"; done

qemu_program() { # OPTION…: bounded, so that nothing waits for ever
    local usr=$dir/root/usr libraries=$dir/root/usr/lib/x86_64-linux-gnu
    timeout 240 "$usr/lib64/ld-linux-x86-64.so.2" --library-path "$libraries:$libraries/pulseaudio" \
        "$usr/bin/qemu-system-x86_64" -L "$usr/share/qemu" -L "$usr/share/seabios" -L "$usr/share/qboot" "$@"
}
