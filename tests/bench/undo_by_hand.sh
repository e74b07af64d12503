#!/bin/sh
# undo_by_hand.sh DIRECTORY SAVED IMAGE TAG: the way back as somebody goes it who kept file and image: the file, the tag, the
# container, and the wait until it is healthy.
set -eu
cd "$1"
cp "$2" api/app.py
docker tag "$3" "$4"
docker compose up -d --no-deps --no-build api >/dev/null 2>&1
container=$(docker compose ps -q api)
until [ "$(docker inspect -f '{{.State.Health.Status}}' "$container")" = healthy ]; do sleep 0.1; done
