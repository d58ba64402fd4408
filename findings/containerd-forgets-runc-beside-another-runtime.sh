#!/bin/bash
# containerd 1.6.20 (Debian 12, 1.6.20~ds1-1+deb12u3) beside 2.1.9 (Debian sid, 2.1.9+ds1-5): a configuration that adds
# one runtime for pods takes runc away.
#
# Expected: tables of a configuration are merged into containerd's defaults, as its other tables are: `runc`, which
# default_runtime_name still names, stays beside the one that was added. containerd 2.1.9 has it so.
# Behaviour: 1.6 replaces the whole map `containerd.runtimes` once a file has any entry in it. What is left is a default
# that names a runtime which is not there, and pods without a RuntimeClass have none to run by.
# Seen:
#   1.6.20: default runc, runtimes other
#   2.1.9: default runc, runtimes other runc
# Needs apt. Starts no daemon.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

unpack() { # SUITE PACKAGE
    (
        suite=$1
        . "$(dirname "$0")/sid.sh"
        cd "$dir/cache/archives"
        apt-get -qq download "$2"
        mkdir "$dir/$1"
        dpkg-deb -x containerd_*.deb "$dir/$1"
        rm -f containerd_*.deb
    )
}
unpack bookworm containerd=1.6.20~ds1-1+deb12u3
unpack sid containerd=2.1.9+ds1-5
cat > "$dir/config.toml" <<'END'
version = 2
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.other]
  runtime_type = "io.containerd.runc.v2"
END

described() { # SUITE: the default, and all that there are
    "$dir/$1/usr/bin/containerd" --config "$dir/config.toml" config dump 2> "$dir/log" | tr -d "'\"" | awk '
        $1 == "default_runtime_name" { usual = $3 }
        match($1, /\.containerd\.runtimes\.[a-z]+\]$/) { sub(/.*\./, "", $1); sub(/\]/, "", $1); all = all " " $1 }
        END { print "default " usual ", runtimes" all }'
}
old=$(described bookworm) new=$(described sid)
printf '%s\n' "1.6.20: $old" "2.1.9: $new"
[ "$old" = 'default runc, runtimes other' ]
[ "$new" = 'default runc, runtimes other runc' ]
