#!/bin/sh
# env.sh DIRECTORY: the settings of temporal-compose.yaml for the Compose project in DIRECTORY, for a .env file:
#   deploy/stack/env.sh /srv/shop >.env
set -eu
directory=$(cd "$1" && pwd -P)
socket=${DOCKER_SOCKET:-/var/run/docker.sock}
cat <<ENV
MM_WORKSPACE=$directory
MM_UID=$(stat -c %u "$directory")
MM_GID=$(stat -c %g "$directory")
MM_DOCKER_SOCKET=$socket
MM_DOCKER_GID=$(stat -c %g "$socket")
ENV
