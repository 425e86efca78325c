#!/bin/sh
# The front door: installs what is missing with the system's package manager, then hands over to cargo.
#   ./x up [flags]   build and start a whole cluster       ./x test [filter]   every check and test
#   ./x down|reset   stop it, remove what it made          ./x <command>       any other corvette command
set -eu
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-target}

need_build="gcc:gcc make:make pkg-config:pkg-config protoc:protobuf-compiler /usr/include/google/protobuf/descriptor.proto:libprotobuf-dev"
need_run="containerd:containerd runc:runc nft:nftables iptables:iptables ip:iproute2 /usr/lib/cni/bridge:containernetworking-plugins busybox:busybox-static"
need_test="kubectl:kubernetes-client etcd:etcd-server etcdctl:etcd-client docker-registry:docker-registry nsenter:util-linux"

missing() {
    for pair in "$@"; do
        what=${pair%%:*} package=${pair#*:}
        case $what in
            /*) [ -e "$what" ] ;;
            *) PATH="$PATH:/usr/sbin:/sbin" command -v "$what" >/dev/null 2>&1 ;;
        esac || printf '%s ' "$package"
    done
}

step() { # step NAME COMMAND…: one line with the time it took
    name=$1 start=$(date +%s) && shift
    "$@" && printf '%-10s %ss\n' "$name" "$(($(date +%s) - start))"
}

install() {
    # shellcheck disable=SC2086
    packages=$(missing $1)
    [ -n "$packages" ] || return 0
    [ "$(id -u)" = 0 ] || { echo "x: run as root once, to install: $packages" >&2; exit 1; }
    command -v apt-get >/dev/null || { echo "x: install these with your package manager, then try again: $packages" >&2; exit 1; }
    echo "installing $packages"
    # Corvette starts what it needs itself: the distribution's services stay stopped.
    guard=/usr/sbin/policy-rc.d
    made_guard=
    if [ ! -e $guard ]; then
        printf '#!/bin/sh\nexit 101\n' >$guard && chmod +x $guard && made_guard=$guard
    fi
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages; } >/dev/null && done=yes || done=
    [ -z "$made_guard" ] || rm -f "$made_guard"
    [ -n "$done" ] || { echo "x: apt-get could not install: $packages" >&2; exit 1; }
}

command=${1:-up}
[ $# -eq 0 ] || shift
case $command in
    test)
        step packages install "$need_build $need_run $need_test"
        command -v cargo-nextest >/dev/null || step nextest cargo install --quiet --locked cargo-nextest
        exec cargo run --quiet --package xtask -- test "$@"
        ;;
    up)
        step packages install "$need_build $need_run"
        step build cargo build --quiet --release --package corvette --package corvette-ctl
        sample=$target/samples/busybox.tar
        [ -e "$sample" ] || step sample manifests/samples/busybox-image.sh "$sample"
        exec "$target/release/corvette" up --image "$sample" "$@"
        ;;
    *)
        step packages install "$need_build $need_run"
        step build cargo build --quiet --release --package corvette --package corvette-ctl
        exec "$target/release/corvette" "$command" "$@"
        ;;
esac
