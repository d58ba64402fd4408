#!/bin/bash
# compatibility.sh REPORT: writes into docs/compatibility.md what became of the system tests that its rows rest on. REPORT is what
# the tests write with --report-xunit: each test has its result, and a trait "proves" for each flag that it is about.
set -euo pipefail

report=$1
table=$(dirname "$0")/../docs/compatibility.md

# FLAG CLASS NAME RESULT, a line each; of a test there are several lines when it proves several flags.
results() {
    tr '\n<' ' \n' <"$report" | awk '
        function attribute(name) { return match($0, " " name "=\"[^\"]*\"") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4) : "" }
        /^test / { class = attribute("type"); sub(/.*\./, "", class); name = attribute("name"); gsub(/[ \t]/, "_", name); result = attribute("result") }
        /^trait / && attribute("name") == "proves" { print attribute("value"), class, name, result }'
}

rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
results | LC_ALL=C sort -k 2 >"$rows" # the order of a report changes from run to run
[ -s "$rows" ] || { echo "compatibility.sh: $report holds no test that proves anything" >&2; exit 1; }

awk -v rows="$rows" -F'|' -v OFS='|' '
    BEGIN { while ((getline line <rows) > 0) { n++; split(line, f, " "); flag[n] = f[1]; class[n] = f[2]; test[n] = f[3]; result[n] = f[4] } }
    /^\|/ && $(NF - 1) ~ /^ (test|[0-9]+ )/ {
        wanted = ""
        cells = split($2, cell, "`")
        for (i = 2; i <= cells; i += 2) { split(cell[i], word, " "); wanted = wanted " " word[1] " " }
        passed = failed = skipped = 0; classes = ""
        delete seen; delete named
        for (i = 1; i <= n; i++) {
            if (!index(wanted, " " flag[i] " ") || test[i] in seen) continue
            # Of a test with flags of its own for each row, those rows count that have this one.
            if (flag[i] ~ /^-/ && test[i] ~ /flags:_\[/ && !index(test[i], "&quot;" flag[i] "\\&quot;")) continue
            seen[test[i]]
            if (result[i] == "Pass") passed++; else if (result[i] == "Fail") failed++; else skipped++
            if (!(class[i] in named)) { named[class[i]]; classes = classes (classes ? ", " : "") "`" class[i] "`" }
        }
        rest = match($(NF - 1), /[;:] .*/) ? substr($(NF - 1), RSTART) : " "
        verdict = passed (passed == 1 ? " test passed" : " tests passed") (failed ? ", " failed " failed" : "") (skipped ? ", " skipped " skipped" : "")
        $(NF - 1) = " " verdict (classes ? " (" classes ")" : "") (rest == " " ? " " : rest)
    }
    { print }' "$table" >"$table.new"
mv "$table.new" "$table"
