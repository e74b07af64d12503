#!/bin/sh
# The server's own start, with the password from its file.
set -eu
POSTGRES_PWD=$(cat /secrets/database/password)
export POSTGRES_PWD
exec /etc/temporal/entrypoint.sh
