# What RunCVM leaves out of QEMU's emulated processor: the same bare machine with and without it, in turns.

# Moves memory as workloads do, and says how many milliseconds each way took.
make_emulation_initramfs() {
    local root=$WORK/emulation applet
    mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/tmp"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in sh mount dd cat seq true cp awk reboot; do ln -s busybox "$root/bin/$applet"; done
    cat >"$root/init" <<'END'
#!/bin/sh
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t tmpfs tmp /tmp
exec >/dev/ttyS0 2>&1
measure() {
    key=$1; shift
    read -r begin _ </proc/uptime; "$@" >/dev/null 2>&1; read -r end _ </proc/uptime
    echo "$key $begin $end" | awk '{ print "took", $1, ($3 - $2) * 1000 }'
}
processes() { for i in $(seq 150); do /bin/true; done; }
measure clear dd if=/dev/zero of=/dev/null bs=1M count=400
measure write dd if=/dev/zero of=/tmp/a bs=1M count=80
measure read dd if=/tmp/a of=/dev/null bs=64k
measure copy cp /tmp/a /tmp/b
measure pipe sh -c 'dd if=/tmp/a bs=16k | cat'
measure processes processes
reboot -f
END
    chmod +x "$root/init"
    pack_initramfs "$root"
}

# run_emulated NAME PROCESSOR
run_emulated() {
    local arguments=("${BARE[@]}") i
    for i in "${!arguments[@]}"; do
        [ "${arguments[i]}" != -cpu ] || arguments[i + 1]=$2
    done
    "${arguments[@]}"
    tr -d '\r' <"$WORK/bare.out" | awk -v name="$1" -v work="$WORK" '$1 == "took" { print $3 * 1000 >>(work "/emulation." $2 "." name); n++ } END { exit n != 6 }' \
        || die "the bare machine failed: $(tail -n 5 "$WORK/bare.out")"
}

measure_emulation() {
    local id ours key ratio
    id=$(run_detached --runtime runcvm -e RUNCVM_ACCEL=tcg "$IMAGE" sleep 1000)
    bare_arguments_with_console "$(pid_of "$id")" >"$WORK/bare"
    docker rm -f "$id" >/dev/null
    rm -f "$WORK/stream.in" "$WORK/stream.out"
    sed -i "s,^pipe\,id=stream.*,null\,id=stream," "$WORK/bare"
    mapfile -t BARE <"$WORK/bare"
    ours=$(sed -n '/^-cpu$/{n;p}' "$WORK/bare")
    make_emulation_initramfs
    for ((i = 0; i <= RUNS; i++)); do
        local suffix=
        ((i > 0)) || suffix=.warm-up
        run_emulated "all$suffix" max
        run_emulated "ours$suffix" "$ours"
    done

    for key in clear write read copy pipe processes; do
        ratio=$(compute 'o / a' "o=$(median "$WORK/emulation.$key.ours")" "a=$(median "$WORK/emulation.$key.all")")
        row "$key, -cpu max" "$(milliseconds "$WORK/emulation.$key.all")"
        row "$key, -cpu $ours" "$(milliseconds "$WORK/emulation.$key.ours"), $ratio times"
    done
}
