#!/usr/bin/env bash
# Writes requirements.lock and requirements-dev.lock anew from pyproject.toml: exact versions with
# hashes, for every platform, naming no package index. Versions already locked are kept unless
# --upgrade is given.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=say.sh
. "$(dirname "${BASH_SOURCE[0]}")/say.sh"

cd "$ROOT"
UV_HOME=$(mktemp -d)
trap 'rm -rf "$UV_HOME"' EXIT
say "fetching uv into a throwaway virtual environment"
.venv/bin/python -m venv "$UV_HOME"
"$UV_HOME/bin/python" -m pip install --quiet uv

# compile LOCK-FILE OPTION...
compile() {
    local lock=$1
    shift
    say "resolving $lock"
    "$UV_HOME/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
        --output-file "$lock" "$@" pyproject.toml
    if grep -n '://' "$lock" >&2; then fail "$lock names a host (lines above); it must not"; fi
}

compile requirements.lock "$@"
# The runtime versions are the same in both: what is tested is what is shipped.
compile requirements-dev.lock --extra dev --constraint requirements.lock "$@"
