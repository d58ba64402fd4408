#!/bin/bash
# Docker in Docker, without --privileged: boots an image that holds a whole Docker engine, and runs a container in it.
set -euo pipefail

cd "$(dirname "$0")"
name=runcvm-dind
label=runcvm.demo
image=my-dind-image
work=$(mktemp -d)

say() { echo "==> $*"; }

run() {
    echo "\$ $*"
    "$@"
}

# Only what an earlier demo has left.
remove() { docker ps -aq --filter "label=$label" | xargs -r docker rm --force >/dev/null; }

clean() {
    rm -rf "$work"
    remove
}
trap clean EXIT
remove
if docker container inspect $name >/dev/null 2>&1; then
    echo "demo.sh: there is a container $name already, which is not this demo's; remove it first: docker rm --force $name" >&2
    exit 1
fi
trap 'docker logs --tail 30 $name >&2 || true' ERR

registry=no
if timeout 20 docker pull -q alpine >/dev/null 2>&1; then registry=yes; fi

base=ubuntu:24.04
if [ $registry = no ]; then
    base=runcvm-debian-base
    if ! docker image inspect $base >/dev/null 2>&1; then
        say "no image registry answers: building a Debian base with mmdebstrap instead of pulling ubuntu:24.04"
        ./base.sh >"$work/base.tar"
        docker import - $base <"$work/base.tar" >/dev/null
    fi
fi

say "building $image from $base"
DOCKER_BUILDKIT=0 docker build -q --build-arg BASE=$base -t $image .

say "booting it as a microVM"
run docker run -d --name $name --label $label --runtime=runcvm -e RUNCVM_HYPERVISOR=qemu -e RUNCVM_SYSTEMD=true \
    -e RUNCVM_KERNEL_ARGS="systemd.unified_cgroup_hierarchy=0" $image

say "waiting for systemd in it"
# Until systemd listens there is nothing that could wait.
timeout 120 bash -c "while docker exec $name systemctl is-system-running 2>&1 | grep -q -e offline -e bus; do sleep 0.2; done"
timeout 120 docker exec $name systemctl is-system-running --wait ||
    docker exec $name systemctl --failed --no-legend || true
run docker exec $name uname -r
run docker exec $name docker info --format '{{.ServerVersion}}, {{.Driver}}, cgroup v{{.CgroupVersion}}'

if [ $registry = yes ]; then
    docker save alpine | docker exec -i $name docker load
else
    say "no image registry answers: a root file system with only busybox stands in for alpine"
    ./busybox.sh | docker exec -i $name docker import - alpine
fi

say "a container in the Docker engine in the microVM"
run docker exec $name docker run --rm --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
    alpine echo "Hello from inside"

say "shutting it down"
run docker stop $name
