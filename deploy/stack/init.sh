#!/bin/sh
# What the stack needs before anything else starts, made once: passwords, each in the volume of those who need it,
# and the owner of the state directory. Runs as root, ends, and starts nothing.
set -eu

secret() { # secret FILE [FILE...]: one random value, the same in each file; what is there stays
    if [ ! -s "$1" ]; then
        head -c 24 /dev/urandom | base64 | tr -d '\n/+=' >"$1.new"
        chmod 0444 "$1.new"
        mv "$1.new" "$1"
    fi
    for copy in "$@"; do
        [ "$copy" = "$1" ] || { cp "$1" "$copy" && chmod 0444 "$copy"; }
    done
}

secret /secrets/database/password
secret /secrets/store/password /secrets/worker/TEMPORAL_ARTIFACT_S3_SECRET_ACCESS_KEY
secret /secrets/grafana/password
chown "$MM_UID:$MM_GID" /state
chmod 0700 /state
