#!/usr/bin/env bash
# A browser for the tests of the Web UI and of report.html, and for `make screenshots`. One that is
# installed is used as it is; Debian and root let us install Chromium. Nothing else needs one, so a host
# without is no error: its browser tests are named as not run.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=say.sh
. "$(dirname "${BASH_SOURCE[0]}")/say.sh"

has_browser() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
        have "$name" && return
    done
    [ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ] && return
    # what playwright has downloaded
    [ -x "$ROOT/.venv/bin/python" ] && "$ROOT/.venv/bin/python" - 2>/dev/null <<'PY'
import pathlib, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    sys.exit(not pathlib.Path(p.chromium.executable_path).exists())
PY
}

install_browser() {
    say "installing Chromium from Debian's packages, for the browser tests"
    apt_get install -y --no-install-recommends chromium && return
    apt_get update && apt_get install -y --no-install-recommends chromium
}

has_browser && exit 0
if may_install && with_lock apt install_browser; then
    exit 0
fi
say "no Chromium or Chrome: the browser tests will not run (install one, or: .venv/bin/playwright install chromium)"
