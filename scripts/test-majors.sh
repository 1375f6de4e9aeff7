#!/usr/bin/env bash
# Runs a slice of the tests against each major of PostgreSQL that `make test` does not use, and
# closes with a table and one line that adds up.
#
#   scripts/test-majors.sh                  the slice
#   scripts/test-majors.sh core             what CI runs
#   scripts/test-majors.sh crash:: watch::  other parts of tests/integration
#   MAJORS="17 18" scripts/test-majors.sh   fewer majors

set -euo pipefail
cd "$(dirname "$0")/.."

# What depends on the server: the catalog, the stream's bytes, sessions and how they end.
readonly SLICE=(alters:: check_postgres:: check_slot:: check_table:: columns:: delivery:: facts:: gaps::catalog:: gaps::quiet:: gaps::slots:: gaps::witness:: leaves:: lifecycle:: origin:: partitions:: startup::
    surroundings:: transactions:: two_phase:: watch:: writes::)
# Of these, what no other major shows.
readonly CORE=(alters:: facts:: gaps::catalog:: gaps::slots:: leaves:: origin:: partitions:: surroundings:: two_phase:: watch:: writes::)

scripts/setup.sh all
available=$(scripts/postgres.sh)
read -ra majors <<<"${MAJORS:-${available//$'\n'/ }}"
case ${1:-} in
"") slice=("${SLICE[@]}") ;;
core) slice=("${CORE[@]}") ;;
*) slice=("$@") ;;
esac

log=$(mktemp)
copy=""
trap 'rm -rf "$log" ${copy:+"$copy"}' EXIT

# Sets `bin`, the folder of a major's programs. The server runs as another user where we are root, so
# what lies below a folder that only root may enter is copied to where everybody gets.
find_programs() {
    bin=$PWD/target/postgres/$1/bin
    if [[ ! -x $bin/postgres ]]; then
        echo "error: there is no PostgreSQL $1 among what was fetched" >&2
        echo "hint: MAJORS takes of ${available//$'\n'/ }" >&2
        exit 1
    fi
    if ((EUID != 0)) || setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$bin/postgres"; then
        return
    fi
    rm -rf ${copy:+"$copy"}
    copy=$(mktemp -d)
    chmod 755 "$copy"
    cp -R "target/postgres/$1" "$copy/$1"
    bin=$copy/$1/bin
}

# passed and failed of the log's cargo lines
counts() {
    awk '/^test result: / {
        for (i = 2; i <= NF; i++) {
            if ($i == "passed;") passed += $(i - 1)
            if ($i == "failed;") failed += $(i - 1)
        }
    } END { print passed + 0, failed + 0 }' "$log"
}

table="" all_passed=0 all_failed=0
for major in "${majors[@]}"; do
    status=0 begun=$SECONDS
    find_programs "$major"
    echo "PostgreSQL $major: $("$bin/postgres" --version)"
    POSTRIDER_TEST_PG_BIN=$bin cargo test --locked --no-fail-fast --test integration -- "${slice[@]}" \
        2>&1 | tee "$log" || status=$?
    read -r passed failed < <(counts)
    # A build that fails, a major that is not there or a slice that matches nothing is no success.
    ((failed > 0 || (status == 0 && passed > 0))) || failed=1
    line=$(printf '%-6s %7s %7s %5s s' "$major" "$passed" "$failed" "$((SECONDS - begun))")
    echo "PostgreSQL $major: $passed passed, $failed failed"
    table+="$line"$'\n'
    all_passed=$((all_passed + passed))
    all_failed=$((all_failed + failed))
done

printf '\n%-6s %7s %7s %7s\n%s' major passed failed time "$table"
echo "$all_passed passed, $all_failed failed"
((all_failed == 0 && all_passed > 0))
