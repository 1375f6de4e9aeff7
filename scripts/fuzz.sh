#!/usr/bin/env bash
# Fuzzes every target, or those named, for SECONDS each (120), and fails on a crash.
#
# LLVM's fuzzer on the stable toolchain: the coverage it follows is a pass that stable rustc has, too.
# No address sanitizer: no code of ours is unsafe. Whoever wants one: `cargo +nightly fuzz run TARGET`.

set -euo pipefail
cd "$(dirname "$0")/.."

readonly FOR=${SECONDS_EACH:-120} OUT=target/fuzz

stop() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 1
}

scripts/setup.sh build

host=$(rustc -vV | sed -n 's/^host: //p')
readonly host
case $host in
    *linux* | *apple*) ;;
    *) stop "there is no fuzzer for $host" "run it on Linux or macOS" ;;
esac

# Only what is built for the target is instrumented: build scripts and macros have another path then.
readonly FLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing"
RUSTFLAGS=$(tr -s ' \n' ' ' <<<"$FLAGS") CARGO_TARGET_DIR=$OUT \
    cargo build --manifest-path fuzz/Cargo.toml --release --locked --target "$host" ||
    stop "the fuzz targets cannot be built" "see above; a C++ compiler and Rust 1.88 or newer are needed"

if (($# == 0)); then
    mapfile -t targets < <(basename --suffix=.rs fuzz/fuzz_targets/*.rs)
else
    targets=("$@")
fi

status=0
for target in "${targets[@]}"; do
    [[ -f fuzz/fuzz_targets/$target.rs ]] || stop "there is no target $target" "see fuzz/fuzz_targets"
    mkdir -p "$OUT/corpus/$target" "$OUT/artifacts/$target"
    log=$OUT/$target.log
    echo "$target: $FOR seconds"
    if ! "$OUT/$host/release/$target" -max_total_time="$FOR" -timeout=10 -rss_limit_mb=1024 -max_len=4096 \
        -print_final_stats=1 -artifact_prefix="$OUT/artifacts/$target/" \
        "$OUT/corpus/$target" "fuzz/corpus/$target" >"$log" 2>&1; then
        tail -n 40 "$log"
        echo "error: $target has crashed; the input is in $OUT/artifacts/$target"
        echo "hint: mend it, and keep the input in fuzz/corpus/$target: a plain test runs it from then on"
        status=1
        continue
    fi
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    ((${executions:-0} > 0)) || stop "$target was not executed once" "see $log"
    echo "$target: $executions executions, $(grep -oE 'cov: [0-9]+' "$log" | tail -n 1), no crash"
done
exit "$status"
