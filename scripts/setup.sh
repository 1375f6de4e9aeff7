#!/usr/bin/env bash
# Brings what building and testing need, or says in one sentence what is missing.
#
#   scripts/setup.sh build      Rust and a C toolchain with OpenSSL's and zlib's headers
#   scripts/setup.sh demo       also PostgreSQL's server
#   scripts/setup.sh check      as build, and rustfmt and clippy
#   scripts/setup.sh all        all of these, and Java, Maven and Apache Kafka's jars
#
# Looks first: a machine that has everything is not touched and needs no rights.

set -euo pipefail
cd "$(dirname "$0")/.."

readonly OLDEST_RUST=88 OLDEST_POSTGRES=14 OLDEST_JAVA=17
readonly POM=tests/kafka/pom.xml JARS=target/kafka/lib STAMP=target/kafka/pom.xml

stop() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# The first whole number of a text: 15 of "postgres (PostgreSQL) 15.6".
major() { grep -oE '[0-9]+' | head -n 1; }

has_rust() {
    has cargo || return 1
    local version
    version=$(rustc --version | cut -d ' ' -f 2)
    [[ $version == 1.* && $(cut -d . -f 2 <<<"$version") -ge $OLDEST_RUST ]]
}

has_components() { cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1; }

has_compiler() {
    has cc && has c++ && has make || return 1
    # Elsewhere OpenSSL is found in its own ways (Homebrew, OPENSSL_DIR).
    [[ $(uname) != Linux || -n ${OPENSSL_DIR:-} ]] && return 0
    has pkg-config && pkg-config --exists openssl zlib
}

has_postgres() {
    local folder version
    for folder in "${POSTRIDER_TEST_PG_BIN:-}" /usr/lib/postgresql/*/bin \
        "$(pg_config --bindir 2>/dev/null || true)" "$(dirname "$(command -v postgres || echo /)")"; do
        [[ -n $folder && -x $folder/postgres && -x $folder/initdb ]] || continue
        version=$("$folder/postgres" --version | major)
        ((version >= OLDEST_POSTGRES)) && return 0
    done
    return 1
}

has_java() {
    # macOS has a `java` that only says where to get one.
    has java && java -version >/dev/null 2>&1 || return 1
    local version
    version=$(java -version 2>&1 | grep -E 'version "' | major)
    ((${version:-0} >= OLDEST_JAVA))
}

missing() {
    has_compiler || echo compiler
    [[ $1 == all || $1 == demo ]] || return 0
    has_postgres || echo postgres
    [[ $1 == all ]] || return 0
    has_java || echo java
    [[ -d $JARS ]] && cmp -s "$POM" "$STAMP" || has mvn || echo maven
}

describe() {
    case $1 in
    compiler) echo "a C and C++ compiler with make, pkg-config and the headers of OpenSSL and zlib" ;;
    postgres) echo "PostgreSQL's server programs, $OLDEST_POSTGRES or newer (or POSTRIDER_TEST_PG_BIN, their folder)" ;;
    java) echo "Java $OLDEST_JAVA or newer" ;;
    maven) echo "Maven" ;;
    esac
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

can_be_root() { ((EUID == 0)) || { has sudo && sudo -n true 2>/dev/null; }; }

first_known_to_apt() {
    local name
    for name in "$@"; do
        if apt-cache show --no-all-versions "$name" >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
}

# Debian's package would make a cluster and start it at every boot; only the programs are wanted. Where
# somebody uses PostgreSQL already, nothing is changed.
no_cluster_of_its_own() {
    local folder=/etc/postgresql-common/createcluster.d
    [[ ! -d /etc/postgresql && ! -e $folder ]] || return 0
    as_root mkdir -p "$folder"
    echo "create_main_cluster = false" | as_root tee "$folder/programs-only.conf" >/dev/null
}

install_by_apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
    local packages=(ca-certificates) need
    for need in "$@"; do
        case $need in
        compiler) packages+=(build-essential pkg-config libssl-dev zlib1g-dev) ;;
        postgres)
            no_cluster_of_its_own
            packages+=(postgresql)
            ;;
        java)
            # Ubuntu 22.04's default is older than Kafka needs.
            packages+=("$(first_known_to_apt openjdk-{17,21,25}-jre-headless default-jre-headless)")
            ;;
        maven) packages+=(maven) ;;
        esac
    done
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${packages[@]}"
}

install_by_dnf() {
    local packages=() need
    for need in "$@"; do
        case $need in
        compiler) packages+=(gcc gcc-c++ make pkgconf-pkg-config openssl-devel zlib-devel) ;;
        postgres) packages+=(postgresql-server) ;;
        java) packages+=('(java-headless >= 1:17)') ;;
        maven) packages+=(maven) ;;
        esac
    done
    as_root dnf install -y "${packages[@]}"
}

install() {
    can_be_root || return 0
    if has apt-get; then
        install_by_apt "$@"
    elif has dnf; then
        install_by_dnf "$@"
    fi
}

fetch_jars() {
    [[ -d $JARS ]] && cmp -s "$POM" "$STAMP" && return
    # Into a folder of its own first: half a download must not look like a whole one.
    local fresh=$PWD/$JARS.new try
    for try in 1 2 3; do
        rm -rf "$fresh"
        if mvn -B -ntp -q -Dstyle.color=never -f "$POM" dependency:copy-dependencies \
            -DoutputDirectory="$fresh" -DincludeScope=runtime; then
            rm -rf "$JARS"
            mv "$fresh" "$JARS"
            cp "$POM" "$STAMP"
            return
        fi
        sleep $((try * 3))
    done
    stop "Apache Kafka's jars could not be fetched from Maven Central" \
        "look at Maven's messages above; a proxy or mirror is set in ~/.m2/settings.xml"
}

main() {
    local scope=${1:-all} needs
    has_rust || stop "Rust 1.$OLDEST_RUST or newer is missing" "install it from https://rustup.rs"
    # Who only builds needs neither, and a distribution's Rust has no rustup to bring them.
    if [[ $scope == check || $scope == all ]]; then
        has_components || rustup component add rustfmt clippy ||
            stop "rustfmt or clippy is missing" "rustup component add rustfmt clippy"
    fi
    # Unquoted on purpose: single words, and macOS' bash has no mapfile.
    needs=$(missing "$scope")
    if [[ -n $needs ]]; then
        install $needs || echo "the package manager failed, see above" >&2
        needs=$(missing "$scope")
    fi
    if [[ -n $needs ]]; then
        local list="" need
        for need in $needs; do
            list+="${list:+; }$(describe "$need")"
        done
        stop "missing and not installable from here: $list" \
            "install it with your package manager (brew install postgresql@17 openjdk@21 maven; apk add postgresql17 openjdk21-jre maven build-base openssl-dev zlib-dev), then try again"
    fi
    if [[ $scope == all ]]; then fetch_jars; fi
}

main "$@"
