#!/usr/bin/env bash
# The real `mc` command (Debian calls it minio-client), for the stack's test: evidence is read by a client that is not ours.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=say.sh
. "$(dirname "${BASH_SOURCE[0]}")/say.sh"

if have minio-client; then exit 0; fi
may_install || fail "no minio-client found" "Install MinIO's client under that name."
say "installing minio-client from Debian"
# shellcheck source-path=SCRIPTDIR source=suites.sh
. "$(dirname "${BASH_SOURCE[0]}")/suites.sh"
add_suites minio-client "trixie 100"
apt_get update || say "apt-get update reported errors; going on with what it has"
apt_get install -y --no-install-recommends minio-client/trixie
