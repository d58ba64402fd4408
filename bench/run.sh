#!/bin/bash
# Measures what a machine costs over a plain container, on the Docker of DOCKER_HOST (README.md).
set -euo pipefail
cd "$(dirname "$0")"
. ./lib.sh
. ./measure.sh
. ./kernel.sh
. ./shares.sh
. ./rootfs.sh
. ./network.sh
. ./emulation.sh

readonly RUNS=${RUNS:-7}
readonly IMAGE_MIB=${IMAGE_MIB:-512}
readonly FILES=${FILES:-5000}
readonly SIZE_MIB=${SIZE_MIB:-128}
readonly STOCK=${STOCK_KERNEL:-debian}
readonly ALL=(start exec image create kernel shares rootfs network emulation)

main() {
    [ "$(id -u)" = 0 ] || die "this needs root, try: sudo $0"
    need docker docker.io
    need runcvm runcvm
    need busybox busybox-static
    need pgrep procps
    docker info -f '{{range $name, $_ := .Runtimes}}{{println $name}}{{end}}' | grep -x runcvm >/dev/null \
        || die "the Docker at ${DOCKER_HOST:-the default socket} does not know the runtime runcvm; try: runcvm install"
    WORK=$(mktemp -d /var/tmp/runcvm-bench.XXXXXX)
    trap cleanup EXIT
    trap 'exit 1' INT TERM
    import_image "$IMAGE"

    local load accelerator=TCG
    read -r load _ </proc/loadavg
    ! grep -qE '^flags.*\b(vmx|svm)\b' /proc/cpuinfo || accelerator=KVM
    echo "$(nproc) CPUs ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)), $accelerator, load $load; median (least – most)"
    for name in "${@:-${ALL[@]}}"; do
        [[ " ${ALL[*]} " == *" $name "* ]] || die "'$name' is unknown: ${ALL[*]}"
        note "$name"
        "measure_$name"
    done
}

main "$@"
