#!/bin/sh
# by_hand.sh DIRECTORY LINE LOGS: the repair as somebody does it who knows the cause already: edit, build, restart only that
# service, wait until it is healthy, keep the logs with their checksums.
set -eu
cd "$1"
printf '%s\n' "$2" >>api/requirements.txt
docker compose build api >"$3/build.log" 2>&1
docker compose up -d --no-deps api >"$3/up.log" 2>&1
container=$(docker compose ps -q api)
until [ "$(docker inspect -f '{{.State.Health.Status}}' "$container")" = healthy ]; do sleep 0.1; done
docker logs "$container" >"$3/service.log" 2>&1
(cd "$3" && sha256sum ./*.log >SHA256SUMS)
