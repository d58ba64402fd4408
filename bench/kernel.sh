# The tuned kernel against a distribution's, in turns.

# What a machine's log says of its start: milliseconds from the hypervisor's start until the guest's init spoke, and until the workload ran.
start_with() {
    local kernel=$1 log
    log=$(docker run --rm --label "$LABEL" --network none --runtime runcvm -e RUNCVM_LOG_LEVEL=INFO -e "RUNCVM_KERNEL=$kernel" "$IMAGE" true 2>&1) \
        || die "a machine with the kernel $kernel failed: $log"
    [[ $log =~ \ ([0-9]+)\ ms\ after\ the\ hypervisor\'s.*the\ workload\ runs,\ ([0-9]+)\ ms ]] || die "cannot read '$log'"
    echo "${BASH_REMATCH[1]}000" >>"$WORK/kernel.init.${2}"
    echo "${BASH_REMATCH[2]}000" >>"$WORK/kernel.workload.${2}"
}

measure_kernel() {
    local stock tuned store part ratio
    store=$(dirname "$(dirname "$(readlink -f "$(command -v runcvm)")")")/lib/runcvm/kernels
    stock=${STOCK_KERNEL:-debian}
    tuned=${TUNED_KERNEL:-runcvm}
    for i in "$stock" "$tuned"; do
        compgen -G "$store/$i*" >/dev/null || { row "kernel" "not measured: $store has no $i ('runcvm kernel build' makes the tuned one)"; return; }
    done

    for ((i = 0; i <= RUNS; i++)); do
        local suffix=
        ((i > 0)) || suffix=.warm-up
        start_with "$stock" "stock$suffix"
        start_with "$tuned" "tuned$suffix"
    done

    for part in init workload; do
        row "until the $part, $stock" "$(milliseconds "$WORK/kernel.$part.stock")"
        row "until the $part, $tuned" "$(milliseconds "$WORK/kernel.$part.tuned")"
        ratio=$(paste "$WORK/kernel.$part.tuned" "$WORK/kernel.$part.stock" | awk '{ printf "%.3f\n", $1 / $2 }' >"$WORK/kernel.$part.pairs"; median "$WORK/kernel.$part.pairs")
        row "  tuned / stock, median of the pairs" "$ratio (aim: at most 0.4: $(verdict "$ratio" 0.4))"
    done
    ratio=$(compute 't / s' "t=$(vmlinux_size "$store/$tuned")" "s=$(vmlinux_size "$store/$stock")")
    row "vmlinux, tuned / stock" "$(vmlinux_size "$store/$tuned") / $(vmlinux_size "$store/$stock") bytes = $ratio (aim: at most 0.4: $(verdict "$ratio" 0.4))"
}

# Of the kernel's folder, or the newest in a distribution's.
vmlinux_size() { stat -c %s "$(find "$1" -name vmlinux | sort -V | tail -n 1)"; }
