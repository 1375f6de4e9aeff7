#!/usr/bin/env bash
# Runs slices of the proof for the record: each adds a line to proof/LEDGER.csv.
#
#   scripts/proof.sh                                  one slice of each kind
#   SLICE=kills SEED=7 MINUTES=25 scripts/proof.sh    one slice; without SEED the clock gives one
#   SLICE=sweep SEED=0 scripts/proof.sh               cuts behind every byte, from the SEED-th on
#   RATE=3000 scripts/proof.sh                        another load, in events a second

set -euo pipefail
cd "$(dirname "$0")/.."

readonly FIRES="kills postgres brokers network mixed"
readonly KINDS="$FIRES sweep"
: "${SLICE:=$FIRES}" "${MINUTES:=25}" "${SEED:=}" "${RATE:=}"

for slice in $SLICE; do
    if [[ " $KINDS " != *" $slice "* ]]; then
        echo "error: there is no slice $slice" >&2
        echo "hint: SLICE takes of: $KINDS" >&2
        exit 2
    fi
done
if ! awk -v minutes="$MINUTES" 'BEGIN { exit !(minutes > 0 && minutes <= 25) }'; then
    echo "error: a slice has more than 0 and at most 25 minutes, not $MINUTES" >&2
    exit 2
fi

scripts/setup.sh all
cargo build --profile proof --locked --features failpoints --example failpoints

status=0
for slice in $SLICE; do
    PROOF_LEDGER=1 PROOF_MINUTES=$MINUTES PROOF_SEED=$SEED PROOF_RATE=$RATE \
        cargo test --profile proof --locked --test proof -- --exact "slices::$slice" --nocapture || status=$?
done
scripts/proof-report.sh
exit "$status"
