#!/usr/bin/env bash
# Runs every test and closes with one line that adds up cargo's many.

set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh all

# The proof starts it; built here, so that no test waits for a compiler.
cargo build --locked --features failpoints --example failpoints

log=$(mktemp)
trap 'rm -f "$log"' EXIT

status=0
cargo test --locked --no-fail-fast 2>&1 | tee "$log" || status=$?

# test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; …
read -r passed failed ignored < <(awk '
    /^test result: / {
        for (i = 2; i <= NF; i++) {
            if ($i == "passed;") passed += $(i - 1)
            if ($i == "failed;") failed += $(i - 1)
            if ($i == "ignored;") ignored += $(i - 1)
        }
    }
    END { print passed + 0, failed + 0, ignored + 0 }
' "$log")

# What is no test's failure still counts as one: the last line must not read like success.
problem() {
    echo "error: $1"
    failed=$((failed + 1))
    status=1
}

if ((status != 0 && failed == 0)); then
    problem "cargo test stopped before its end, see above"
elif ((passed == 0)); then
    problem "no test ran"
elif ((ignored > 0)); then
    problem "$ignored tests were ignored; a test is run or removed"
fi
echo "$passed passed, $failed failed"
exit "$status"
