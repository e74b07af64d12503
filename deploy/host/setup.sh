#!/usr/bin/env bash
# Everything that a run, the demo and the tests need: .venv, a Docker engine with Compose, the base
# image, a browser. Each part looks first and does nothing where its result is already there.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

"$HERE/venv.sh"
"$HERE/engine.sh"
"$HERE/base_image.sh"
"$HERE/browser.sh"
