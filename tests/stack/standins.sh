#!/usr/bin/env bash
# standins.sh [--remove]: the images that temporal-compose.yaml names. What the engine has is used, what a registry
# gives is pulled; else a stand-in of the same name is made from package sources: the same programs, at the release that
# the tag says (Prometheus: at Debian's), on another base. Prints one line per image; stand-ins carry a label, and
# --remove removes just those.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../deploy/host/say.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../deploy/host/say.sh"

LABEL=io.moonmind.orchestrator.stand-in
BASE=python:3.13-slim
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/mm-orchestrator/go
POSTGRES=postgres:17
TOOLS=temporalio/admin-tools:1.32.1
SERVER=temporalio/server:1.32.1
UI=temporalio/ui:2.54.1
DOCKER_CLI=docker:28-cli
MINIO=mm-orchestrator/minio:20260212
SOCKET_PROXY=caddy:2.10.2-alpine
STATSD=prom/statsd-exporter:v0.28.0
PROMETHEUS=prom/prometheus:v3.5.0
COLLECTOR=otel/opentelemetry-collector:0.128.0
GRAFANA=grafana/grafana:12.2.0

if [ "${1:-}" = --remove ]; then
    mapfile -t made < <(docker image ls --filter "label=$LABEL" --format '{{.Repository}}:{{.Tag}}')
    [ "${#made[@]}" -eq 0 ] || docker image rm "${made[@]}" >/dev/null
    exit 0
fi

# program MODULE@VERSION COMMAND-PATH: the path of a Go program, built once and kept.
program() {
    local module=$1 path=$2 place
    place="$CACHE/${module//\//_}/${path//\//_}"
    if [ ! -x "$place/program" ]; then
        have go || fail "no Go here to build ${module%@*} with" "Install Go 1.26, or make the images available."
        say "building ${module%@*} ${path:-.} (minutes, once)"
        mkdir -p "$place/new"
        (cd "$place" && CGO_ENABLED=0 GOFLAGS=-trimpath GOBIN="$place/new" \
            nice -n 10 go install -ldflags="-s -w" "${module%@*}${path:+/$path}@${module#*@}") >&2
        mv "$place/new"/* "$place/program"
        rmdir "$place/new"
    fi
    printf '%s\n' "$place/program"
}

module_directory() { # module_directory MODULE@VERSION
    (cd "$CACHE" && go mod download -json "$1") | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'
}

make_postgres() {
    cat >"$1/docker-entrypoint.sh" <<'SH'
#!/bin/sh
set -eu
PATH=$PATH:/usr/lib/postgresql/17/bin
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    chown postgres "$PGDATA" && chmod 0700 "$PGDATA"
    su postgres -c "PATH=$PATH initdb --username='$POSTGRES_USER' --pwfile='$POSTGRES_PASSWORD_FILE' --auth=scram-sha-256 -D '$PGDATA'"
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups postgres -D "$PGDATA" -c listen_addresses='*'
SH
    chmod +x "$1/docker-entrypoint.sh"
    cat >"$1/Dockerfile" <<DOCKERFILE
FROM $BASE
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-17 && rm -rf /var/lib/apt/lists/*
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data
RUN install -d -o postgres -m 0700 /var/lib/postgresql/data
COPY docker-entrypoint.sh /usr/local/bin/
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
DOCKERFILE
}

make_tools() {
    cp "$(program go.temporal.io/server@v1.32.1 cmd/tools/sql)" "$1/temporal-sql-tool"
    cp "$("$ROOT/.venv/bin/python" -c 'from worker.temporal_server import temporal_executable as t; print(t())')" "$1/temporal"
    cp -r "$(module_directory go.temporal.io/server@v1.32.1)/schema" "$1/schema"
    chmod -R u+w "$1/schema"
    cat >"$1/Dockerfile" <<DOCKERFILE
FROM $BASE
RUN useradd --uid 1000 temporal
COPY temporal temporal-sql-tool /usr/local/bin/
COPY schema /etc/temporal/schema
USER 1000:1000
DOCKERFILE
}

make_server() {
    cp "$(program go.temporal.io/server@v1.32.1 cmd/server)" "$1/temporal-server"
    cp "$(module_directory go.temporal.io/server@v1.32.1)/docker/scripts/sh/entrypoint.sh" "$1/"
    # Debian's sh has no pipefail, which is all that keeps the script to Alpine's.
    sed -i 's/ -o pipefail//' "$1/entrypoint.sh"
    cat >"$1/Dockerfile" <<DOCKERFILE
FROM $BASE
RUN apt-get update && apt-get install -y --no-install-recommends netcat-openbsd && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 temporal
COPY --chmod=755 temporal-server /usr/local/bin/
COPY --chmod=755 entrypoint.sh /etc/temporal/entrypoint.sh
WORKDIR /etc/temporal
USER 1000:1000
CMD ["/etc/temporal/entrypoint.sh"]
DOCKERFILE
}

make_ui() {
    cp "$(program github.com/temporalio/ui-server/v2@v2.54.1 cmd/server)" "$1/ui-server"
    cp "$(module_directory github.com/temporalio/ui-server/v2@v2.54.1)/config/docker.yaml" "$1/"
    cat >"$1/Dockerfile" <<DOCKERFILE
FROM $BASE
RUN apt-get update && apt-get install -y --no-install-recommends wget && rm -rf /var/lib/apt/lists/*
WORKDIR /home/ui-server
COPY --chmod=755 ui-server ./
COPY --chmod=644 docker.yaml config/docker.yaml
USER 1000:1000
ENTRYPOINT ["./ui-server", "--env", "docker", "start"]
DOCKERFILE
}

make_minio() {
    cp "$(program github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c "")" "$1/minio"
    cat >"$1/Dockerfile" <<DOCKERFILE
FROM $BASE
RUN apt-get update && apt-get install -y --no-install-recommends wget && rm -rf /var/lib/apt/lists/*
COPY --chmod=755 minio /usr/local/bin/
RUN mkdir -m 0777 /data
USER 1000:1000
ENTRYPOINT ["minio"]
CMD ["server", "/data", "--console-address", ":9001"]
DOCKERFILE
}

make_caddy() {
    cp "$(program github.com/caddyserver/caddy/v2@v2.10.2 cmd/caddy)" "$1/caddy"
    with_wget "$1" caddy 'CMD ["caddy"]'
}

make_statsd() {
    cp "$(program github.com/prometheus/statsd_exporter@v0.28.0 "")" "$1/statsd_exporter"
    with_wget "$1" statsd_exporter 'USER 65534:65534' 'ENTRYPOINT ["statsd_exporter"]'
}

make_prometheus() { # Debian's release: Prometheus cannot be installed as a module
    cat >"$1/Dockerfile" <<DOCKERFILE
FROM $BASE
RUN apt-get update && apt-get install -y --no-install-recommends prometheus wget && rm -rf /var/lib/apt/lists/* \
    && install -d -o 65534 -g 65534 /prometheus
USER 65534:65534
WORKDIR /prometheus
ENTRYPOINT ["prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
DOCKERFILE
}

make_collector() { # the same core, receiver, processor and exporter, put together by collector/main.go
    local place="$CACHE/otel-collector"
    if [ ! -x "$place/program" ]; then
        have go || fail "no Go here to build the collector with" "Install Go 1.26, or make the image available."
        say "building otel-collector (minutes, once)"
        mkdir -p "$place"
        cp "$(dirname "${BASH_SOURCE[0]}")/collector/main.go" "$(dirname "${BASH_SOURCE[0]}")/collector/go.mod" "$place/"
        (cd "$place" && go mod tidy && CGO_ENABLED=0 nice -n 10 go build -trimpath -ldflags="-s -w" -o program .) >&2
    fi
    cp "$place/program" "$1/otelcol"
    printf 'FROM scratch\nCOPY otelcol /otelcol\nUSER 10001:10001\nENTRYPOINT ["/otelcol"]\n' >"$1/Dockerfile"
}

with_wget() { # with_wget DIRECTORY PROGRAM [DOCKERFILE-LINE...]: the program, and wget for health checks
    {
        printf 'FROM %s\n' "$BASE"
        printf 'RUN apt-get update && apt-get install -y --no-install-recommends wget && rm -rf /var/lib/apt/lists/*\n'
        printf 'COPY --chmod=755 %s /usr/local/bin/\n' "$2"
        [ $# -lt 3 ] || printf '%s\n' "${@:3}"
    } >"$1/Dockerfile"
}

make_docker_cli() {
    local plugins
    plugins=$(dirname "$(find /usr/libexec/docker /usr/lib/docker /usr/local/lib/docker -name docker-compose 2>/dev/null | head -n 1)")
    cp "$(command -v docker)" "$plugins/docker-compose" "$plugins/docker-buildx" "$1/"
    cat >"$1/Dockerfile" <<DOCKERFILE
FROM scratch
COPY docker /usr/local/bin/docker
COPY docker-compose docker-buildx /usr/local/libexec/docker/cli-plugins/
DOCKERFILE
}

provide() { # provide IMAGE MAKER [WHENCE]; without a maker there is no stand-in
    local whence="stand-in, ${3:-from package sources}"
    if docker image inspect "$1" >/dev/null 2>&1; then
        local made
        made=$(docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$1")
        printf '%-36s %s\n' "$1" "${made:-as it is on this engine}"
        return
    fi
    if run_within 20 docker buildx imagetools inspect "$1" >/dev/null 2>&1; then
        run_within 900 docker pull --quiet "$1" >/dev/null
        printf '%-36s pulled\n' "$1"
        return
    fi
    if [ -z "$2" ]; then
        printf '%-36s not run: no registry gives it and no package source has it\n' "$1"
        return
    fi
    local work
    work=$(mktemp -d)
    "$2" "$work"
    docker build --quiet --label "$LABEL=$whence" --tag "$1" "$work" >/dev/null
    rm -rf "$work"
    printf '%-36s %s\n' "$1" "$whence"
}

mkdir -p "$CACHE"
provide "$DOCKER_CLI" make_docker_cli
provide "$POSTGRES" make_postgres
provide "$TOOLS" make_tools
provide "$SERVER" make_server
provide "$UI" make_ui
provide "$MINIO" make_minio
provide "$SOCKET_PROXY" make_caddy
provide "$STATSD" make_statsd
provide "$PROMETHEUS" make_prometheus "Debian's release"
provide "$COLLECTOR" make_collector
provide "$GRAFANA" ""
