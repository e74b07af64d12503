#!/bin/sh
# The namespace, once the server answers; how long ended runs stay in it is MM_RETENTION.
set -eu
export TEMPORAL_ADDRESS=temporal:7233
tries=0
until temporal operator cluster health >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 90 ] || { temporal operator cluster health; exit 1; }
    sleep 1
done
temporal operator namespace describe --namespace default >/dev/null 2>&1 ||
    temporal operator namespace create --namespace default --retention "${MM_RETENTION:-90d}"
# A namespace is known everywhere only after the server's next look at its registry.
tries=0
until temporal operator search-attribute list --namespace default >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || exit 1
    sleep 1
done
