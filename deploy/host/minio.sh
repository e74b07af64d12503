#!/usr/bin/env bash
# minio.sh: prints the path of a MinIO server, the pinned version, for the tests. One built before is taken
# from the user's cache; else it is built from source, which takes some minutes on two cores, niced.
# Exit codes: 0 it is there; 3 it cannot be had on this host (stderr says why), so "MinIO: not run".
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=say.sh
. "$(dirname "${BASH_SOURCE[0]}")/say.sh"
# shellcheck source-path=SCRIPTDIR source=suites.sh
. "$(dirname "${BASH_SOURCE[0]}")/suites.sh"

VERSION=v0.0.0-20260212201848-7aac2a2c5b7c
GO_MINIMUM=1.24
DEBIAN_GO=${DEBIAN_GO:-/usr/lib/go-$GO_MINIMUM/bin/go} # where Debian's package puts it, not on PATH
NOT_POSSIBLE=3
CACHE=${XDG_CACHE_HOME:-${HOME:?}/.cache}/mm-orchestrator/minio-$VERSION
BINARY=$CACHE/minio
FAILED=$CACHE/build-failed # its age: how long the failure is not tried again; its text: why
RETRY_MINUTES=60

not_possible() { # not_possible REASON
    say "MinIO: not run: $1"
    exit $NOT_POSSIBLE
}

go_is_enough() { # go_is_enough GO
    local version
    version=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
    [ "$(printf '%s\n' "$GO_MINIMUM" "${version#go}" | sort -V | head -n 1)" = "$GO_MINIMUM" ]
}

find_go() {
    local candidate
    for candidate in go "$DEBIAN_GO"; do
        if have "$candidate" && go_is_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

install_go() {
    may_install || return 1
    say "no Go >= $GO_MINIMUM found: installing golang-$GO_MINIMUM-go from Debian trixie"
    local package=golang-$GO_MINIMUM-go/trixie
    [ -s /etc/apt/sources.list.d/mm-orchestrator-engine.sources ] || add_suites go "trixie 100"
    apt_get update || say "apt-get update reported errors; going on with what it has"
    apt_get install -y --no-install-recommends "$package" ca-certificates
}

failed_lately() { [ -n "$(find "$FAILED" -mmin "-$RETRY_MINUTES" 2>/dev/null)" ]; }

build() {
    local go work
    go=$(find_go) || { install_go && go=$(find_go); } ||
        not_possible "building it needs Go >= $GO_MINIMUM, and only root on Debian lets this script install it"
    work=$(mktemp -d "$CACHE/.build.XXXXXX")
    # shellcheck disable=SC2064 # the directory of this call
    trap "rm -rf '$work'" EXIT
    say "building MinIO $VERSION from source with $("$go" env GOVERSION), once; this takes some minutes"
    if ! env GOTOOLCHAIN=local CGO_ENABLED=0 GOOS= GOARCH= GOBIN="$work" GOFLAGS=-buildvcs=false \
        nice -n 15 "$go" install -ldflags '-s -w' "github.com/minio/minio@$VERSION" >"$work/log" 2>&1; then
        { printf 'go install failed: '; tail -n 1 "$work/log"; } >"$FAILED"
        tail -n 5 "$work/log" >&2
        not_possible "$(cat "$FAILED") (remove $FAILED to try again at once)"
    fi
    mv "$work/minio" "$BINARY" # in one step: whoever finds it finds all of it
    rm -f "$FAILED"
}

ensure_minio() {
    [ ! -x "$BINARY" ] || return 0 # built while we waited for the lock
    ! failed_lately || not_possible "$(cat "$FAILED") (remove $FAILED to try again at once)"
    build
}

if [ ! -x "$BINARY" ]; then
    mkdir -p "$CACHE" 2>/dev/null || not_possible "the cache directory $CACHE cannot be made"
    with_lock minio ensure_minio
fi
printf '%s\n' "$BINARY"
