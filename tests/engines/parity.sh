#!/bin/bash
# Each case of cases.txt with runc and as a machine on one engine: the same output and the same code are wanted.
# Differences that are meant stand in differences.txt with their reason; any other one fails.
#
#   parity.sh ENGINE IMAGE [TITLE-PART…]     ENGINE: docker or podman, as found by PATH and by DOCKER_HOST
#
# PARITY_BASE: the runtime that is right, runc unless said otherwise    PARITY_AT_ONCE: cases at a time, 2
# PARITY_RUNTIME: the one that is tried, runcvm    PARITY_RESULTS: keeps what each case printed, in that folder
set -euo pipefail
{ # Read whole before it runs: it takes long, and may be edited meanwhile.
here=$(cd "$(dirname "$0")" && pwd)
engine=$1 image=$2
shift 2
base=${PARITY_BASE:-runc} tried=${PARITY_RUNTIME:-runcvm}
work=$(mktemp -d /var/tmp/parity.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
results=${PARITY_RESULTS:-$work/results}
mkdir -p "$results" "$work/cases"

# Splits the list: one file a case, numbered, its title in the first line.
awk -v engine="$engine" -v folder="$work/cases" '
    /^## / {
        title = substr($0, 4); wanted = 1
        if (match(title, /^\[[a-z ]+\] /)) {
            wanted = index(" " substr(title, 2, RLENGTH - 3) " ", " " engine " ") > 0
            title = substr(title, RLENGTH + 1)
        }
        file = wanted ? sprintf("%s/%03d", folder, ++number) : ""
        if (file != "") print title > file
        next
    }
    file != "" && !/^#/ { print > file }' "$here/cases.txt"

# One case with one runtime, in a shell of its own. Names that differ from run to run are made equal.
once() { # CASE RUNTIME
    local name=p$(basename "$1")${2: -3}
    mkdir -p "$work/$name/host"
    tail -n +2 "$1" >"$work/$name/body"
    printf '%s\n' 'e() { "$E" "$@"; }' 'run() { e run --rm "$S" "$@"; }' \
        'bg() { e run -d --name "$N" "$S" "$@" >/dev/null; }' 'x() { e exec "$N" "$@"; }' \
        'seen() { local i; for i in $(seq 600); do e logs "$N" 2>&1 | grep -q -- "$1" && return
            e inspect "$N" >/dev/null 2>&1 || break; sleep 0.1; done; echo "never seen: $1"; }' >"$work/$name/prelude"
    local status=0
    E=$engine S=--runtime=$2 I=$image N=$name N2=$name-2 D=$work/$name/host \
        timeout -k 5 150 bash -c ". '$work/$name/prelude'; . '$work/$name/body'" </dev/null \
        >"$work/$name/out" 2>"$work/$name/err" || status=$?
    {
        cat "$work/$name/out"
        echo "[$status]"
    } | sed -E "s/$name/NAME/g; s/[0-9a-f]{64}/ID/g" >"$results/$(basename "$1").$2"
    # What it printed beside, for those who look into a difference.
    tail -c 4096 "$work/$name/err" >"$results/$(basename "$1").$2.err"
    # One by one: Podman removes none where one is not there.
    "$engine" rm -f -v "$name" >/dev/null 2>&1 || true
    "$engine" rm -f -v "$name-2" >/dev/null 2>&1 || true
    "$engine" volume rm "$name" >/dev/null 2>&1 || true
    "$engine" network rm "$name" >/dev/null 2>&1 || true
}

is_chosen() { # TITLE
    [ ${#parts[@]} -gt 0 ] || return 0
    local part
    for part in "${parts[@]}"; do [[ $1 != *"$part"* ]] || return 0; done
    return 1
}
parts=("$@")

# Where nothing runs all is the same.
"$engine" run --rm "--runtime=$base" -p 127.0.0.1::80 "$image" true ||
    { echo "parity.sh: $engine runs nothing" >&2; exit 1; }

running=0
for case in "$work"/cases/*; do
    is_chosen "$(head -n 1 "$case")" || { rm "$case"; continue; }
    ((running < ${PARITY_AT_ONCE:-2})) || { wait -n; running=$((running - 1)); }
    { once "$case" "$base"; once "$case" "$tried"; } &
    running=$((running + 1))
done
wait

same=0 meant=0 wrong=0 again=0
for case in "$work"/cases/*; do
    title=$(head -n 1 "$case") number=$(basename "$case")
    reason=$(awk -v title="$title: " -v only="[$engine] $title: " '
        index($0, title) == 1 || index($0, only) == 1 { print substr($0, index($0, title) + length(title)); exit }' \
        "$here/differences.txt")
    # As with the system tests: up to three run once more, alone, and it says so.
    if ((again < 3)) && [ -z "$reason" ] && ! cmp -s "$results/$number.$base" "$results/$number.$tried"; then
        again=$((again + 1))
        rm -rf --one-file-system "$work/p${number}${base: -3}" "$work/p${number}${tried: -3}"
        once "$case" "$base"
        once "$case" "$tried"
        ! cmp -s "$results/$number.$base" "$results/$number.$tried" || echo "the same only when run again: $title"
    fi
    if grep -qE '^\[(124|137)\]$' "$results/$number.$base" "$results/$number.$tried"; then
        wrong=$((wrong + 1))
        echo "NO END: $title"
    elif cmp -s "$results/$number.$base" "$results/$number.$tried"; then
        same=$((same + 1))
        # On some engines only.
        [ -z "$reason" ] || echo "same, though differences.txt has it: $title"
    elif [ -n "$reason" ]; then
        meant=$((meant + 1))
    else
        wrong=$((wrong + 1))
        echo "DIFFERENT: $title"
        diff -U 1 --label "$base" --label "$tried" "$results/$number.$base" "$results/$number.$tried" |
            sed 's/^/    /' | head -n 30 || true
        tail -n 3 "$results/$number.$tried.err" | cut -c1-300 | sed 's/^/    stderr: /'
    fi
done
# As the other tests end, for those who count.
echo "  succeeded: $((same + meant))"
echo "  failed: $wrong"
echo "$engine: $same same, $meant different as meant, $wrong different"
((same > 0 && wrong == 0)) || exit 1
exit
}
