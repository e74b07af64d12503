#!/usr/bin/env bash
# A Docker engine with Compose and Buildx. One that answers is used as it is. Where none answers,
# Debian and root let us install and start one; anywhere else we say what to install.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=say.sh
. "$(dirname "${BASH_SOURCE[0]}")/say.sh"
# shellcheck source-path=SCRIPTDIR source=suites.sh
. "$(dirname "${BASH_SOURCE[0]}")/suites.sh"

COMPOSE_MINIMUM=2.30
SOURCES=/etc/apt/sources.list.d/mm-orchestrator-engine.sources
LOG=/var/log/mm-orchestrator-dockerd.log
SOCKET=/var/run/docker.sock
OURS=/var/cache/mm-orchestrator/engine # we installed the engine, and may add to it
START_SECONDS=60

daemon_answers() {
    have docker && run_within 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# The operator pointed the client elsewhere: then a local engine is not what they asked for.
endpoint_is_elsewhere() {
    [ -n "${DOCKER_HOST:-}" ] && [ "$DOCKER_HOST" != "unix://$SOCKET" ] && return 0
    local context=${DOCKER_CONTEXT:-}
    [ -n "$context" ] || { have docker && context=$(docker context show 2>/dev/null); }
    [ -n "$context" ] && [ "$context" != default ]
}

# A daemon may be there although its client is missing; a second one must not be started beside it.
socket_accepts() {
    [ -S "$SOCKET" ] && "$ROOT/.venv/bin/python" - "$SOCKET" 2>/dev/null <<'PY'
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(5)
    s.connect(sys.argv[1])
PY
}

version_at_least() { # version_at_least MINIMUM ACTUAL
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

compose_version() { docker compose version --short 2>/dev/null | sed 's/^v//'; }

compose_is_enough() {
    local actual
    actual=$(compose_version) && [ -n "$actual" ] && version_at_least "$COMPOSE_MINIMUM" "$actual" &&
        docker buildx version >/dev/null 2>&1
}

# install_packages PACKAGE...: with the two suites, which stay configured but pinned low.
install_packages() {
    [ -s "$SOURCES" ] || add_suites engine "trixie 100" "sid 50"
    apt_get update || say "apt-get update reported errors; going on with what it has"
    apt_get install -y --no-install-recommends "$@"
}

# remove_stale_pidfile FILE NAME: dockerd refuses to start while FILE names any process, even one
# that took over the number after a crash, or a zombie that nobody collected.
remove_stale_pidfile() {
    [ -s "$1" ] || return 0
    local status
    status="/proc/$(cat "$1")/status"
    if ! grep -qsx "Name:[[:space:]]$2" "$status" || grep -qs '^State:[[:space:]]Z' "$status"; then rm -f "$1"; fi
}

start_daemon() {
    local started=''
    if has_systemd; then
        say "starting the Docker engine (systemctl start docker)"
        systemctl start docker
    else
        say "starting the Docker engine (dockerd, no systemd here; log: $LOG); it keeps running after set-up"
        remove_stale_pidfile /var/run/docker.pid dockerd
        remove_stale_pidfile /var/run/docker/containerd/containerd.pid containerd
        # fd 9 is the set-up lock: a service must not hold it for ever.
        setsid nohup dockerd >>"$LOG" 2>&1 </dev/null 9>&- &
        started=$!
    fi
    wait_for_daemon "$started"
}

wait_for_daemon() { # wait_for_daemon [PID-OF-DOCKERD]
    local deadline=$((SECONDS + START_SECONDS))
    until daemon_answers; do
        if [ $SECONDS -ge $deadline ] || { [ -n "${1:-}" ] && ! kill -0 "$1" 2>/dev/null; }; then
            [ ! -r "$LOG" ] || tail -n 5 "$LOG" >&2
            fail "the Docker engine did not start" "See $LOG or 'systemctl status docker'."
        fi
        sleep 0.2
    done
}

install_client() {
    say "a Docker engine answers on $SOCKET, its client is missing: installing docker-cli, Compose and Buildx"
    install_packages docker-cli/trixie docker-compose/sid docker-buildx/sid
}

install_engine() {
    say "no Docker engine answers here: installing docker.io, Compose and Buildx from Debian (takes about a minute)"
    install_packages docker.io/trixie docker-cli/trixie docker-compose/sid docker-buildx/sid iptables
    mkdir -p "$(dirname "$OURS")"
    touch "$OURS"
}

install_compose() {
    say "Docker Compose >= $COMPOSE_MINIMUM and Buildx are missing beside the engine that we installed: installing them"
    install_packages docker-compose/sid docker-buildx/sid
}

say_what_to_install() {
    if [ -S "$SOCKET" ] && [ ! -w "$SOCKET" ]; then
        fail "your user may not use $SOCKET" "Join the group 'docker' (sudo usermod -aG docker \$USER), log in again, run 'make setup' again."
    fi
    fail "no Docker engine answers, and only root on Debian lets this script install one" \
        "macOS:  install and start Docker Desktop, OrbStack or Colima (with docker-compose and docker-buildx)." \
        "Linux:  install Docker Engine with the Compose (>= $COMPOSE_MINIMUM) and Buildx plugins from your distribution," \
        "        start it, and let your user reach it (group 'docker')." \
        "Check with 'docker info' and 'docker compose version', then run 'make setup' again."
}

ensure_daemon() {
    daemon_answers && return
    ! endpoint_is_elsewhere || fail "the Docker engine that DOCKER_HOST or the current context names does not answer" \
        "Start it, or unset DOCKER_HOST / run 'docker context use default'."
    may_install || say_what_to_install
    if socket_accepts; then install_client; elif ! have dockerd; then install_engine; fi
    daemon_answers || start_daemon
}

ensure_compose() {
    compose_is_enough && return
    if may_install && [ -e "$OURS" ]; then install_compose; fi
    compose_is_enough || fail "Docker Compose >= $COMPOSE_MINIMUM with Buildx is needed; found Compose '$(compose_version)'" \
        "Install the plugins 'docker-compose' and 'docker-buildx' beside your Docker client, for instance" \
        "from your distribution or from Docker's own packages (docker-compose-plugin docker-buildx-plugin)."
}

ensure_engine() {
    ensure_daemon
    ensure_compose
}

if daemon_answers && compose_is_enough; then exit 0; fi
with_lock engine ensure_engine
