# The five measurements. Each prints its rows; what is compared is measured in turns.

# Prints QEMU's command line of a running machine, an argument a line, fit to run outside of its sandbox: with the
# kernel and initramfs copied to $WORK, no disks, no network card, no console, and the stream in a pair of FIFOs.
bare_arguments() {
    local machine=$1 qemu argument i
    # `docker run -d` returns as soon as the supervisor runs.
    for ((i = 0; i < 100; i++)); do
        qemu=$(pgrep -P "$machine" -f qemu-system) && break
        sleep 0.1
    done
    [ -n "$qemu" ] || die "the machine has no QEMU"
    cp "/proc/$machine/root/boot/vmlinux" "/proc/$machine/root/boot/initramfs" "$WORK"
    mkfifo "$WORK/stream.in" "$WORK/stream.out"
    readlink "/proc/$qemu/exe"
    local skip=1
    while IFS= read -r -d '' argument; do
        if ((skip)); then skip=0; continue; fi
        case $argument in
            -drive | -netdev) skip=1 ;;
            -device) ;; # put back before those that stay
            virtio-blk-device,* | virtio-net-device,* | vhost-user-fs-device,*) ;;
            virtio-serial-device,* | virtserialport,* | virtio-balloon-device,*) printf '%s\n' -device "$argument" ;;
            /boot/vmlinux) echo "$WORK/vmlinux" ;;
            /boot/initramfs) echo "$WORK/initramfs" ;;
            socket,id=console,*) echo null,id=console ;;
            socket,id=monitor,*) echo null,id=monitor ;;
            socket,id=shares,*) echo null,id=shares ;;
            socket,id=files,*) echo null,id=files ;;
            reboot=reset) echo reboot=shutdown ;;
            socket,id=stream,*) echo "pipe,id=stream,path=$WORK/stream" ;;
            *) printf '%s\n' "$argument" ;;
        esac
    done <"/proc/$qemu/cmdline"
}

# The same, with the console in a file.
bare_arguments_with_console() { bare_arguments "$1" | sed "s,^null\,id=console$,file\,id=console\,path=$WORK/bare.out,"; }

# Until runcvm-init has loaded its modules and sends its first byte.
boot_to_init() {
    "${BARE[@]}" &
    local qemu=$!
    head -c 1 "$WORK/stream.out"
    kill -9 $qemu
    wait $qemu || true
}

# Until the kernel would start its first process, finds none, and gives up, which ends QEMU.
boot_kernel() {
    local arguments=() previous=
    for argument in "${BARE[@]}"; do
        [ "$previous" != -append ] || argument+=" rdinit=/nonexistent"
        arguments+=("$argument")
        previous=$argument
    done
    "${arguments[@]}"
}

measure_start() {
    local id
    id=$(run_detached --runtime runcvm "$IMAGE" sleep 1000)
    remember_cached "$id"
    bare_arguments "$(pid_of "$id")" >"$WORK/bare"
    mapfile -t BARE <"$WORK/bare"
    docker rm -f "$id" >/dev/null

    local run=(docker run --rm --label "$LABEL" --network none)
    for ((i = 0; i <= RUNS; i++)); do
        local suffix=
        ((i > 0)) || suffix=.warm-up
        microseconds "${run[@]}" "$IMAGE" true >>"$WORK/run.runc$suffix"
        microseconds "${run[@]}" --runtime runcvm "$IMAGE" true >>"$WORK/run.runcvm$suffix"
        microseconds boot_to_init >>"$WORK/boot.init$suffix"
        microseconds boot_kernel >>"$WORK/boot.kernel$suffix"
    done

    row "docker run --rm IMAGE true, runc" "$(milliseconds "$WORK/run.runc")"
    row "docker run --rm IMAGE true, runcvm" "$(milliseconds "$WORK/run.runcvm")"
    row "bare QEMU until the guest's init speaks" "$(milliseconds "$WORK/boot.init")"
    row "bare QEMU until the kernel looks for an init" "$(milliseconds "$WORK/boot.kernel")"
    local ratio values=("r=$(median "$WORK/run.runc")" "v=$(median "$WORK/run.runcvm")")
    ratio=$(compute '(v - r) / b' "${values[@]}" "b=$(median "$WORK/boot.init")")
    row "  (runcvm - runc) / bare boot to init" "$ratio (aim: at most 1.3: $(verdict "$ratio" 1.3))"
    row "  (runcvm - runc) / bare boot of the kernel" "$(compute '(v - r) / b' "${values[@]}" "b=$(median "$WORK/boot.kernel")")"
}

measure_exec() {
    local plain machine ratio
    plain=$(run_detached "$IMAGE" sleep 1000)
    machine=$(run_detached --runtime runcvm "$IMAGE" sleep 1000)
    remember_cached "$machine"
    docker exec "$plain" true
    docker exec "$machine" true
    for ((i = 0; i < RUNS * 3; i++)); do
        microseconds docker exec "$plain" true >>"$WORK/exec.runc"
        microseconds docker exec "$machine" true >>"$WORK/exec.runcvm"
    done

    row "docker exec ID true, runc" "$(milliseconds "$WORK/exec.runc")"
    row "docker exec ID true, runcvm" "$(milliseconds "$WORK/exec.runcvm")"
    ratio=$(compute 'v / r' "v=$(median "$WORK/exec.runcvm")" "r=$(median "$WORK/exec.runc")")
    row "  runcvm / runc" "$ratio (aim: at most 1.5: $(verdict "$ratio" 1.5))"
    docker rm -f "$plain" >/dev/null

    measure_memory "$machine"
    docker rm -f "$machine" >/dev/null
}

# Of a machine that has run a few execs.
measure_memory() {
    local megabytes
    megabytes=$(awk '/^Pss:/ { printf "%.1f", $2 * 1024 / 1e6 }' "/proc/$(pid_of "$1")/smaps_rollup")
    row "supervisor's memory (PSS)" "$megabytes MB (aim: at most 15: $(verdict "$megabytes" 15))"
}

measure_image() {
    local id line
    import_image "$BIG_IMAGE" "$IMAGE_MIB"
    for ((i = 0; i < 3; i++)); do
        id=$(run_detached --runtime runcvm -e RUNCVM_ROOTFS=block -e RUNCVM_LOG_LEVEL=INFO "$BIG_IMAGE" sleep 1000)
        until line=$(docker logs "$id" 2>&1 | grep 'built the root image in'); do sleep 0.2; done
        [[ $line =~ in\ ([0-9.]+)\ s\ \(([0-9]+)\ MiB ]] || die "cannot read '$line'"
        compute 'mib * 1.048576 / s' "s=${BASH_REMATCH[1]}" "mib=${BASH_REMATCH[2]}" >>"$WORK/image"
        echo >>"$WORK/image"
        remember_cached "$id"
        docker rm -f "$id" >/dev/null
        forget_cached
    done
    row "root image of ${BASH_REMATCH[2]} MiB built at" "$(median "$WORK/image") MB/s"
}

# `runcvm create` on the bundle of a running container, with a runc in front of PATH that does nothing.
measure_create() {
    if grep -qs '^ *low_level_runtime' /etc/runcvm/config.toml; then
        row "create, host-side work" "not measured: low_level_runtime is set in /etc/runcvm/config.toml"
        return
    fi

    local plain shim id=$MACHINE bundle=$WORK/bundle layer work
    plain=$(run_detached "$IMAGE" sleep 1000)
    # The parent of the container's first process is containerd's shim, which works in the bundle's folder.
    shim=$(awk '/^PPid:/ { print $2 }' "/proc/$(pid_of "$plain")/status")
    layer=$(dirname "$(docker inspect -f '{{.GraphDriver.Data.UpperDir}}' "$plain")")
    mkdir -p "$bundle" "$WORK/path"
    cp "/proc/$shim/cwd/config.json" "$WORK/config.json"
    cp "$(command -v busybox)" "$WORK/path/busybox"
    ln -s busybox "$WORK/path/true"
    printf '#!%s/path/busybox true\n' "$WORK" >"$WORK/path/runc"
    chmod +x "$WORK/path/runc"
    local PATH=$WORK/path:$PATH
    for ((i = 0; i <= RUNS * 3; i++)); do
        local suffix=
        ((i > 0)) || suffix=.warm-up
        cp "$WORK/config.json" "$bundle/config.json"
        rm -f "$layer"/runcvm-scratch.ext4*
        microseconds runc create --bundle "$bundle" "$id" >>"$WORK/create.nothing$suffix"
        microseconds runcvm create --bundle "$bundle" "$id" >>"$WORK/create.runcvm$suffix"
        remember_cached "$id"
        runcvm delete "$id"
    done
    docker rm -f "$plain" >/dev/null

    row "a runc that does nothing" "$(milliseconds "$WORK/create.nothing")"
    row "runcvm create in front of it" "$(milliseconds "$WORK/create.runcvm")"
    work=$(compute '(v - n) / 1e3' "v=$(median "$WORK/create.runcvm")" "n=$(median "$WORK/create.nothing")")
    row "  host-side work" "$work ms (aim: at most 30: $(verdict "$work" 30))"
}
