#!/bin/bash
# Lines of this repository end at column 120. Files that had longer ones when this was made stand in tools/columns.txt
# with their number, which may only fall. Rows of Markdown's tables do not count: Markdown cannot continue them.
#
#   columns.sh            fails, and names the lines, where a file has more long lines than it may
#   columns.sh --write    writes the list anew, after lines became shorter
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8 # columns are characters, not bytes

# What programs make, and what is compared byte by byte, is not looked at. The folder may be another user's.
files() {
    git -c safe.directory="$PWD" ls-files -z --cached --others --exclude-standard -- \
        '*.cs' '*.md' '*.sh' '*.c' '*.py' '*.csproj' '*.props' '*.targets' '*.slnx' '*Dockerfile' '*.yml' \
        Makefile .ci .editorconfig .devcontainer tools tests/kvm-lab/init ':!tools/columns.txt'
}

# FILE:NUMBER:LINE of each; a file that was removed and not yet committed has none.
long_lines() { files | sort -zu | xargs -0 grep -snH '.\{121\}' | grep -v '^[^:]*:[0-9]*: *|' || true; }

counts() { cut -d: -f1 | uniq -c | awk '{ print $1, $2 }'; }

[ -e .git ] || { echo "columns.sh: this is no copy made by git, so its lines are not measured"; exit; }
case ${1-} in
    --write) long_lines | counts >tools/columns.txt; exit ;;
    '') ;;
    *) echo "usage: columns.sh [--write]" >&2; exit 2 ;;
esac

lines=$(long_lines)
worse=$(counts <<<"$lines" | awk '
    NR == FNR { may[$2] = $1; next }
    $1 > may[$2] { print $2 }' tools/columns.txt -)
[ -n "$worse" ] || exit 0
echo "columns.sh: lines longer than 120 columns, in files that have more of them than tools/columns.txt says:" >&2
while read -r file; do grep -F -m 5 "$file:" <<<"$lines" | cut -c1-140 | sed 's/^/    /; s/$/…/'; done <<<"$worse" >&2
echo "columns.sh: break the new ones; after long lines became fewer: tools/columns.sh --write" >&2
exit 1
