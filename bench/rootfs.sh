# The root on an image and a disk (block) against the root as a share, in turns.

# What an image that somebody made for this does: install what lies downloaded, and clone and build what lies at /src.
readonly INSTALL='export DEBIAN_FRONTEND=noninteractive; apt-get install -y -q --no-download --no-install-recommends $(basename -a /var/cache/apt/archives/*.deb | cut -d_ -f1)'
readonly BUILD='git clone -q /src/project /tmp/project && make -s -C /tmp/project -j2 ${BUILD_TARGET-}'

seconds_in() {
    local rootfs=$1 command=$2
    docker run --rm --label "$LABEL" --network none -m 1g --runtime runcvm -e "RUNCVM_ROOTFS=$rootfs" "$ROOTFS_IMAGE" \
        sh -c "begin=\$(date +%s%N); { $command; } >/tmp/log 2>&1 || { tail -n 20 /tmp/log >&2; exit 1; }; echo \$(((\$(date +%s%N) - begin) / 1000))"
}

measure_rootfs() {
    local rootfs what i run=(docker run --rm --label "$LABEL" --network none --runtime runcvm)
    for ((i = 0; i <= RUNS; i++)); do
        local suffix=
        ((i > 0)) || suffix=.warm-up
        for rootfs in block share; do microseconds "${run[@]}" -e "RUNCVM_ROOTFS=$rootfs" "$IMAGE" true >>"$WORK/root.start.$rootfs$suffix"; done
    done
    compare_roots start 1.1
    if [ -z "${ROOTFS_IMAGE:-}" ]; then
        row "installing and building" "not measured: ROOTFS_IMAGE names no image for it (README.md)"
        return
    fi

    for what in install build; do
        for rootfs in block share; do
            if [ $what = install ]; then seconds_in $rootfs "$INSTALL"; else seconds_in $rootfs "$BUILD"; fi >>"$WORK/root.$what.$rootfs"
        done
        compare_roots $what 1.5
    done
}

compare_roots() {
    local what=$1 aim=$2 ratio
    row "$what, root on a disk" "$(milliseconds "$WORK/root.$what.block")"
    row "$what, root as a share" "$(milliseconds "$WORK/root.$what.share")"
    ratio=$(compute 's / b' "s=$(median "$WORK/root.$what.share")" "b=$(median "$WORK/root.$what.block")")
    row "  share / block" "$ratio (aim: at most $aim: $(verdict "$ratio" "$aim"))"
}
