#!/bin/bash
# How many lines of each room (a folder of src/) the unit tests reach, and the least that each must keep.
#
#   coverage.sh REPORT            prints the table of a report in lcov's form; fails where a room is below its floor
#   coverage.sh --table REPORT    prints the table alone
#   coverage.sh --write REPORT    writes the floors anew, after tests reached more: three lines and two percent below
#
# Floors stand in tests/coverage.txt, in percent. The play is for lines that run on one machine and not on another.
# A program that a test starts and that ends by execve(2) or a signal reports nothing, so what only such a program runs
# is not counted. The system tests are not counted either.
set -euo pipefail
cd "$(dirname "$0")/.."

write= table=
case ${1-} in
    --write) write=1; shift ;;
    --table) table=1; shift ;;
esac
[ $# = 1 ] && [ -s "$1" ] || { echo "usage: coverage.sh [--write] REPORT" >&2; exit 2; }

rooms=$(awk -F: '
    $1 == "SF" { room = ""; if (match($2, /\/src\/.*\//)) room = substr($2, RSTART + 5, RLENGTH - 6) }
    $1 == "DA" && room != "" {
        split($2, hit, ",")
        lines[room]++
        if (hit[2] > 0) reached[room]++
    }
    END { for (room in lines) print room, reached[room] + 0, lines[room] }' "$1" | LC_ALL=C sort)
[ -n "$rooms" ] || { echo "coverage.sh: $1 has no line of src/" >&2; exit 2; }

if [ -n "$write" ]; then
    awk '{ floor = int(100 * ($2 - 3) / $3) - 2; print $1, floor < 0 ? 0 : floor }' <<<"$rooms" >tests/coverage.txt
    exit
fi

# A room that the list does not have yet passes, but says so. One whose folder is gone is no fault.
awk -v table="$table" '
    NR == FNR { floor[$1] = $2; next }
    {
        seen[$1] = 1
        percent = 100 * $2 / $3; all += $3; sum += $2; note = ""
        if (!($1 in floor)) note = "  not in tests/coverage.txt"
        else if (percent < floor[$1]) { note = "  below its floor"; low = 1 }
        printf "%-28s %6d of %6d lines  %5.1f %%  floor %3d%s\n", $1, $2, $3, percent, floor[$1], note
    }
    END {
        for (room in floor)
            if (!(room in seen) && system("test -d src/" room) == 0) {
                print room "  is not in the report"
                low = 1
            }
        printf "%-28s %6d of %6d lines  %5.1f %%\n", "all", sum, all, 100 * sum / all
        if (low && !table) {
            print "coverage.sh: unit tests reach fewer lines than before; test what is new, or the room shrank:" \
                " tests/coverage.sh --write" > "/dev/stderr"
            exit 1
        }
    }' tests/coverage.txt <(echo "$rooms")
