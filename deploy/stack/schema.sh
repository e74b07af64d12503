#!/bin/sh
# Temporal's two databases, made where they are missing and brought to this release's schema where they are not.
set -eu
SQL_PASSWORD=$(cat /secrets/database/password)
export SQL_PASSWORD SQL_PLUGIN=postgres12 SQL_HOST=postgresql SQL_PORT=5432 SQL_USER=temporal
SCHEMA=/etc/temporal/schema/postgresql/v12

prepare() { # prepare DATABASE DIRECTORY
    export SQL_DATABASE="$1"
    # An update alone fails where there is no database, or none of ours; then it is made from the beginning.
    if ! temporal-sql-tool update-schema --schema-dir "$2"; then
        temporal-sql-tool create-database || echo "the database $1 is there already"
        temporal-sql-tool setup-schema --version 0.0
        temporal-sql-tool update-schema --schema-dir "$2"
    fi
}

prepare temporal "$SCHEMA/temporal/versioned"
prepare temporal_visibility "$SCHEMA/visibility/versioned"
