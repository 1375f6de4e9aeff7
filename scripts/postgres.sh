#!/usr/bin/env bash
# Fetches PostgreSQL servers of other majors into target/postgres/MAJOR, once, and prints the majors.
# tests/postgres/pom.xml names the versions; Maven Central has the packages.

set -euo pipefail
cd "$(dirname "$0")/.."

readonly POM=tests/postgres/pom.xml SERVERS=target/postgres

stop() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 1
}

# As the packages call it.
platform() {
    case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) echo linux-amd64 ;;
    Linux-aarch64) echo linux-arm64v8 ;;
    Darwin-x86_64) echo darwin-amd64 ;;
    Darwin-arm64) echo darwin-arm64v8 ;;
    *) stop "there is no package with PostgreSQL's servers for $(uname -s) on $(uname -m)" \
        "install the majors yourself and set POSTRIDER_TEST_PG_BIN for one run of the tests each" ;;
    esac
}

unpack() {
    local fresh=$1 archive
    for archive in "$fresh"/*/*.txz; do
        tar -xJf "$archive" --no-same-owner -C "$(dirname "$archive")" || return 1
        rm "$archive"
    done
    # The server runs as another user where we are root, whatever our umask is.
    chmod -R a+rX "$fresh"
}

fetch() {
    local platform fresh=$PWD/$SERVERS.new try
    platform=$(platform)
    # Into a folder of its own first: half a download must not look like a whole one.
    for try in 1 2 3; do
        rm -rf "$fresh"
        if mvn -B -ntp -q -Dstyle.color=never -f "$POM" dependency:unpack \
            -Dplatform="$platform" -Dinto="$fresh" >&2 && unpack "$fresh"; then
            cp "$POM" "$fresh/pom.xml"
            rm -rf "$SERVERS" "$fresh/markers"
            mv "$fresh" "$SERVERS"
            return
        fi
        sleep $((try * 3))
    done
    stop "PostgreSQL's servers could not be fetched from Maven Central" \
        "look at the messages above; a proxy or mirror is set in ~/.m2/settings.xml"
}

if ! cmp -s "$POM" "$SERVERS/pom.xml"; then
    for program in mvn xz; do
        command -v "$program" >/dev/null ||
            stop "$program is missing, which brings PostgreSQL's servers" \
                "install it with your package manager (apt-get install maven xz-utils)"
    done
    fetch
fi
for major in "$SERVERS"/*/bin/postgres; do
    basename "$(dirname "$(dirname "$major")")"
done | sort -n
