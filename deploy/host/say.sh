# shellcheck shell=bash
# What every set-up script needs: words for the operator, and what kind of host this is.
# Sourced, never run. Progress goes to stderr, so that a script's stdout stays its result.

# shellcheck disable=SC2034 # used by those who source this
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

say() { printf 'setup: %s\n' "$*" >&2; }

# fail MESSAGE [REMEDY-LINE...]: what is wrong, then what to do about it, then stop.
fail() {
    printf 'setup: ERROR: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '         %s\n' "$@" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Only Debian itself: a derivative's packages would not match the suites that we add.
is_debian() { [ -r /etc/os-release ] && (. /etc/os-release && [ "${ID:-}" = debian ]); }

may_install() { [ "$(id -u)" -eq 0 ] && is_debian && have apt-get; }

has_systemd() { [ -d /run/systemd/system ]; }

# with_lock NAME COMMAND...: set-ups of several checkouts wait for each other; hosts without
# flock(1) go on without. The lock is fd 9: long-lived children must close it (see engine.sh).
with_lock() {
    local dir=/run/lock
    [ -w "$dir" ] || dir=${TMPDIR:-/tmp}
    local file
    file="$dir/mm-orchestrator-$1.$(id -u).lock"
    shift
    if have flock; then
        (
            flock 9
            "$@"
        ) 9>"$file"
    else
        ("$@")
    fi
}

# run_within SECONDS COMMAND...: timeout(1) where the host has it.
run_within() {
    local seconds=$1
    shift
    if have timeout; then timeout "$seconds" "$@"; else "$@"; fi
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        -o Acquire::Retries=3 "$@" </dev/null >&2
}
