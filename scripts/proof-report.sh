#!/usr/bin/env bash
# Makes proof/REPORT.md and its picture from proof/LEDGER.csv.

set -euo pipefail
cd "$(dirname "$0")/.."

PROOF_WRITE=1 cargo test --quiet --locked --test proof -- --exact report::report_and_picture_are_what_the_ledger_gives
echo "proof/REPORT.md is what proof/LEDGER.csv gives"
