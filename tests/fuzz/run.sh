#!/bin/bash
# Coverage-guided fuzzing of what reads strangers' bytes, with AFL++ and SharpFuzz: tests/Runcvm.Fuzz has the targets,
# docs/fuzzing.md says what they are. Needs root, for the file system in memory of the target "fuse".
#
#   run.sh SECONDS [TARGET...]   runs each target that long, two at a time, and prints what it did; each target counts
#                                as one test, which fails if an input crashed or hung it
#
# FUZZ_AT_ONCE=N runs N at a time. FUZZ_KEEP=1 adds what found new edges to tests/fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly OUT=$PWD/artifacts/fuzz
readonly CORPUS=$PWD/tests/fuzz/corpus
readonly DOTNET=${DOTNET:-dotnet}
# Only copies of them are given counters: what other builds use stays as it is.
readonly ASSEMBLIES=(runcvm runcvm-init Runcvm.Protocol Runcvm.Fuse Runcvm.Linux)
# A session is no longer than this: the target "vhost" maps memory that it never gives back.
readonly LONGEST=300
# Fewer are no fuzzing: the program hung, or the machine is far too busy.
readonly LEAST=100

have() { command -v "$1" >/dev/null || { echo "fuzz: $1 is missing: tools/setup.sh packages" >&2; exit 1; }; }

build() {
    "$DOTNET" tool restore >/dev/null
    "$DOTNET" build tests/Runcvm.Fuzz -c Release --nologo -v quiet
    rm -rf "$OUT/bin" "$OUT"/*.fault
    mkdir -p "$OUT/found"
    cp -r artifacts/bin/Runcvm.Fuzz/release "$OUT/bin"
    local assembly
    for assembly in "${ASSEMBLIES[@]}"; do
        "$DOTNET" tool run sharpfuzz "$OUT/bin/$assembly.dll" >/dev/null
    done
}

# Nothing of the host is changed for it: AFL++ is told to bear where it writes cores and how fast its processors are.
session() { # TARGET SECONDS
    local input=$CORPUS/$1
    [ ! -d "$OUT/$1" ] || input=-
    mkdir -p "$OUT/$1.tmp" # the program is killed, and leaves what it makes
    # The target is a program of .NET, which makes no binary of AFL's and handles its own crashes. What takes more
    # memory than any reader may is an exception there.
    AFL_SKIP_BIN_CHECK=1 AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 \
        AFL_FORKSRV_INIT_TMOUT=120000 DOTNET_GCHeapHardLimit=0xC0000000 TMPDIR=$OUT/$1.tmp \
        RUNCVM_FUZZ_FAULTS=$OUT/$1.said \
        afl-fuzz -V "$2" -t 10000 -m none -i "$input" -o "$OUT/$1" -- "$OUT/bin/Runcvm.Fuzz" "$1" \
        >"$OUT/$1.log" 2>&1 </dev/null
}

value() { # TARGET NAME
    awk -F' *: *' -v name="$2" '$1 == name { print $2 }' "$OUT/$1/default/fuzzer_stats" 2>/dev/null || echo 0
}

# Inputs that crashed or hung it, of this session and those before: a session that goes on renames the folder.
crashes() { # TARGET
    find "$OUT/$1/default" -path '*/crashes*' -type f -name 'id:*' -o -path '*/hangs*' -type f -name 'id:*'
}

keep() { # TARGET
    [ "${FUZZ_KEEP:-}" = 1 ] || return 0
    local file
    find "$OUT/$1/default/queue" -maxdepth 1 -type f -name 'id:*+cov' -size -9k | LC_ALL=C sort |
        while read -r file; do cp "$file" "$CORPUS/$1/$(sha1sum "$file" | cut -c1-12)"; done
}

fuzz() { # TARGET SECONDS
    local left=$2 slice fault='' found=() file kept
    rm -rf "$OUT/${1:?}" "$OUT/$1.fault" "$OUT/$1.said"
    while [ "$left" -gt 0 ] && [ -z "$fault" ]; do
        slice=$((left < LONGEST ? left : LONGEST))
        # The program died, or hung: AFL++ cannot go on, and has written down with which input.
        session "$1" "$slice" || {
            fault="afl-fuzz ended: $(tail -5 "$OUT/$1.log" 2>/dev/null | tr '\n' ' ')"
            found+=("$OUT/$1/default/.cur_input")
        }
        left=$((left - slice))
    done
    rm -rf "$OUT/$1.tmp"
    mapfile -t -O "${#found[@]}" found < <(crashes "$1")
    [ -n "$fault" ] || ((${#found[@]} == 0)) || fault="it crashed or hung"
    [ -n "$fault" ] || (($(value "$1" execs_done) >= LEAST)) || fault="fewer than $LEAST executions"
    printf '%-10s %9s executions %6s edges %6s inputs %4s crashes\n' "$1" "$(value "$1" execs_done)" \
        "$(value "$1" edges_found)" "$(value "$1" corpus_count)" "${#found[@]}"
    keep "$1"
    [ -n "$fault" ] || return 0
    {
        echo "failed fuzz of $1 ($2s)"
        echo "  $fault"
        [ ! -e "$OUT/$1.said" ] || head -12 "$OUT/$1.said"
        for file in "${found[@]}"; do
            [ -f "$file" ] || continue
            kept=artifacts/fuzz/found/$1-$(sha1sum "$file" | cut -c1-12)
            cp "$file" "$kept"
            echo "  artifacts/bin/Runcvm.Fuzz/release/Runcvm.Fuzz $1 $kept"
        done
    } >"$OUT/$1.fault"
}

main() { # SECONDS [TARGET...]
    local seconds=${1:?usage: run.sh SECONDS [TARGET...]} targets=("${@:2}") target running=0 failed
    have afl-fuzz
    ((${#targets[@]} > 0)) || mapfile -t targets < <(ls "$CORPUS")
    build
    for target in "${targets[@]}"; do
        [ -d "$CORPUS/$target" ] || { echo "fuzz: there is no target '$target'" >&2; exit 2; }
        ((running < ${FUZZ_AT_ONCE:-2})) || { wait -n; running=$((running - 1)); }
        fuzz "$target" "$seconds" &
        running=$((running + 1))
    done
    wait
    failed=$(find "$OUT" -maxdepth 1 -name '*.fault' | wc -l)
    ((failed == 0)) || cat "$OUT"/*.fault
    # In the form of the other tests, which CI adds up.
    printf '\nTest run summary: %s!\n  total: %d\n  failed: %d\n  succeeded: %d\n' \
        "$( ((failed == 0)) && echo Passed || echo Failed)" "${#targets[@]}" "$failed" "$((${#targets[@]} - failed))"
    ((failed == 0))
}

main "$@"
