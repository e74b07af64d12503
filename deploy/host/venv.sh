#!/usr/bin/env bash
# The virtual environment .venv: exactly requirements-dev.lock (hashes checked), then this project,
# editable. A stamp inside .venv says what it was made from; as long as that holds nothing is done.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=say.sh
. "$(dirname "${BASH_SOURCE[0]}")/say.sh"

VENV="$ROOT/.venv"
STAMP="$VENV/.made-from"

checksum() { if have sha256sum; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

# Scripts in .venv hold the checkout's path, so the path is part of what it was made from.
made_from() {
    printf '%s\n' "$ROOT"
    (cd "$ROOT" && checksum requirements-dev.lock pyproject.toml)
}

is_current() {
    [ -x "$VENV/bin/mm-orchestrator" ] && [ -r "$STAMP" ] && [ "$(made_from)" = "$(cat "$STAMP")" ] &&
        "$VENV/bin/python" -c '' 2>/dev/null
}

is_usable() { # is_usable PYTHON: new enough, and able to make a virtual environment with pip
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 python3.14 /usr/bin/python3; do
        if have "$candidate" && is_usable "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

install_python() {
    may_install || fail "no Python >= 3.11 with venv found" \
        "Install one (python3 and python3-venv, or PYTHON=/path/to/python3.x make setup)."
    say "no usable Python >= 3.11 found: installing python3 and python3-venv from Debian"
    apt_get update || say "apt-get update reported errors; going on with what it has"
    apt_get install -y --no-install-recommends python3 python3-venv ca-certificates
}

make_venv() {
    ! is_current || return 0
    local python
    python=$(find_python) || { install_python && python=$(find_python); } ||
        fail "Debian's python3 is older than 3.11" "Install a newer one and run PYTHON=/path/to/it make setup."
    if ! is_usable "$VENV/bin/python" || [ "$(head -n 1 "$STAMP" 2>/dev/null)" != "$ROOT" ]; then
        say "making .venv with $("$python" --version)"
        "$python" -m venv --clear "$VENV"
    fi
    fill_venv
    made_from >"$STAMP"
}

fill_venv() {
    local pip=("$VENV/bin/python" -m pip --disable-pip-version-check --quiet install)
    say "installing the locked packages into .venv"
    # The venv's own pip decides; a host-wide "pip --user" or "--target" setting must not.
    PIP_USER=0 "${pip[@]}" --require-hashes --requirement "$ROOT/requirements-dev.lock" >&2
    PIP_USER=0 "${pip[@]}" --no-deps --no-build-isolation --editable "$ROOT" >&2
}

if is_current; then exit 0; fi
with_lock "venv-$(printf '%s' "$ROOT" | cksum | cut -d' ' -f1)" make_venv
