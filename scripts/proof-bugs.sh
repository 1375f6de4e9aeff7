#!/usr/bin/env bash
# Plants each bug of tests/bugs in a copy of the tree and shows which test catches it, and how fast.
#
#   scripts/proof-bugs.sh            all of them
#   scripts/proof-bugs.sh 05 16      these; what is known of the others stays in the table
#
# Writes proof/bugs.csv and, from it and the patches' headers, proof/BUGS.md.

set -euo pipefail
cd "$(dirname "$0")/.."

# From cheap to dear. The first one that fails has caught the bug; @TEST@ is the test that the patch
# names, for those that need servers.
readonly SUITES=(
    "--lib -- ack:: wal:: outbox:: witness:: publisher::"
    "--lib -- kafka:: postgres::"
    "--test integration -- --exact @TEST@"
)

# Seconds. A test that waits for what a bug prevents gives up by itself; this is for one that does not.
readonly LIMIT=240 BUILD_LIMIT=1800

readonly TREE=target/bugs/tree BUILD=target/bugs/build LOGS=target/bugs/logs
readonly CSV=proof/bugs.csv TABLE=proof/BUGS.md

header() { sed -n "s/^$2: //p" "$1" | head -n 1; }

# The copy is as new, or what was built with the last bug in it would seem to be up to date.
copy_tree() {
    rm -rf "$TREE"
    mkdir -p "$TREE" "$LOGS" proof
    tar --exclude=./target --exclude=./.git -cf - . | tar -xmf - -C "$TREE"
    [[ -d $BUILD || ! -d target/debug ]] && return
    echo "taking the libraries that are built already"
    mkdir -p "$BUILD"
    tar -C target --exclude='*postrider-*' --exclude='*integration-*' --exclude=incremental \
        -cf - debug/.fingerprint debug/build debug/deps | tar -xf - -C "$BUILD"
}

# Outside of any repository for git: inside of one it would pass over files that it ignores.
plant() { (cd "$TREE" && GIT_CEILING_DIRECTORIES="$(dirname "$PWD")" git apply --whitespace=nowarn "$@"); }

# Runs cargo in the copy, for so many seconds at most.
in_copy() {
    local log=$1 limit=$2
    shift 2
    (cd "$TREE" && CARGO_TARGET_DIR="../build" timeout "$limit" cargo "$@") >>"$log" 2>&1
}

build() { in_copy "$1" "$BUILD_LIMIT" test --locked --no-run "${@:2}"; }
run() { in_copy "$1" "$LIMIT" test --locked "${@:2}"; }

# The first failed test of a log, the named one before others, and how many more there were.
failed_tests() {
    local -a failed
    mapfile -t failed < <(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$1" | sort -u)
    ((${#failed[@]})) || return 1
    local first=${failed[0]} name
    for name in "${failed[@]}"; do [[ $name == "$2" ]] && first=$name; done
    echo "$first$( ((${#failed[@]} == 1)) || echo " and $((${#failed[@]} - 1)) more")"
}

# Prints who caught the planted bug, and after how many seconds of testing; building is not counted.
# Fails when nobody does (1), and when the tree does not build (2).
hunt() {
    local log=$1 test=$2 suite since caught
    local -a selection filter
    : >"$log"
    local seconds=0
    for suite in "${SUITES[@]}"; do
        read -ra selection <<<"${suite%% -- *}"
        read -ra filter <<<"${suite#* -- }"
        filter=("${filter[@]/@TEST@/$test}")
        build "$log" "${selection[@]}" || return 2
        since=$EPOCHREALTIME
        if run "$log" "${selection[@]}" -- "${filter[@]}"; then
            seconds=$(sum "$seconds" "$since")
            continue
        fi
        caught=$(failed_tests "$log" "$test") || caught="no answer within $LIMIT s"
        echo "$caught,$(sum "$seconds" "$since")"
        return 0
    done
    return 1
}

# Seconds so far, and those since a moment.
sum() { awk "BEGIN { printf \"%.1f\", $1 + $EPOCHREALTIME - $2 }"; }

# A test that fails without any bug would catch every one.
clean_tree_passes() {
    local -a tests
    mapfile -t tests < <(for patch in "$@"; do header "$patch" Test; done | sort -u)
    local log=$LOGS/no-bug.log
    : >"$log"
    echo "without a bug: building, and all tests that count"
    build "$log" --lib --test integration && run "$log" --lib &&
        run "$log" --test integration -- --exact "${tests[@]}" && return
    echo "error: a test fails without any bug, or the tree does not build" >&2
    echo "hint: see $log" >&2
    exit 1
}

# Puts one result in its place among the others.
record() {
    local bug=$1 line=$2 kept
    kept=$(grep -v -e "^$bug," -e '^bug,' "$CSV" 2>/dev/null || true)
    { echo "bug,peer,caught_by,seconds"; { [[ -z $kept ]] || echo "$kept"; echo "$line"; } | sort; } >"$CSV.new"
    mv "$CSV.new" "$CSV"
}

write_table() {
    local bug peer caught seconds what
    {
        echo "# Planted bugs"
        echo
        echo "Bugs that lost, repeated or reordered events in other publishers, planted one at a time in a copy"
        echo "of this tree (\`tests/bugs\`). Made by \`make proof-bugs\`; seconds are of testing, without the build."
        echo
        echo "| bug | what goes wrong | peer | caught by | seconds |"
        echo "| --- | --- | --- | --- | ---: |"
        while IFS=, read -r bug peer caught seconds; do
            [[ $bug != bug && -f tests/bugs/$bug.patch ]] || continue
            what=$(header "tests/bugs/$bug.patch" Bug)
            echo "| ${bug%%-*} | $what | $peer | ${caught/#*/\`${caught%% and *}\`${caught#"${caught%% and *}"}} | $seconds |"
        done <"$CSV"
    } >"$TABLE"
}

main() {
    local -a patches=()
    local name
    for name in "${@:-}"; do patches+=(tests/bugs/"$name"*.patch); done
    [[ -f ${patches[0]} ]] || { echo "error: there is no such patch in tests/bugs" >&2 && exit 1; }
    copy_tree
    clean_tree_passes "${patches[@]}"
    local patch bug result status uncaught=0
    for patch in "${patches[@]}"; do
        bug=$(basename "$patch" .patch)
        plant "$PWD/$patch" || { echo "error: $patch does not apply any more" >&2 && exit 1; }
        status=0
        result=$(hunt "$PWD/$LOGS/$bug.log" "$(header "$patch" Test)") || status=$?
        plant --reverse "$PWD/$patch"
        if ((status == 2)); then
            echo "error: with $patch the tree does not build, see $LOGS/$bug.log" >&2
            exit 1
        elif ((status == 1)); then
            result="NOBODY,"
            uncaught=$((uncaught + 1))
        fi
        echo "$bug: $result"
        record "$bug" "$bug,$(header "$patch" Peer),$result"
        write_table
    done
    echo "${#patches[@]} planted, $uncaught uncaught; see $TABLE"
    ((uncaught == 0))
}

main "$@"
