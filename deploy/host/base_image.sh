#!/usr/bin/env bash
# base_image.sh [IMAGE]: an image that the demo, the tests and the bench build on; python:3.13-slim where
# none is named. Where the engine has it, it is used; where a registry answers, it is pulled; else it is made
# here from Debian's packages and tagged with the same name. The engine keeps it.
# base_image.sh --remove: removes those that were made here; what was pulled stays.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=say.sh
. "$(dirname "${BASH_SOURCE[0]}")/say.sh"

IMAGE=${1:-python:3.13-slim}
MADE_HERE=io.moonmind.orchestrator.base-image
CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
PROBE_SECONDS=20
PULL_SECONDS=600

# What Debian calls the same thing: suite, packages, default command. Versions are the suite's.
recipe() {
    case $IMAGE in
        python:3.13-slim) SUITE=trixie PACKAGES=python3,python3-pip,python3-venv COMMAND=python3 ;;
        python:3.11-slim) SUITE=bookworm PACKAGES=python3,python3-pip,python3-venv COMMAND=python3 ;;
        node:20-slim) SUITE=trixie PACKAGES=nodejs,npm COMMAND=node ;;
        ruby:3.3-slim) SUITE=trixie PACKAGES=ruby,ruby-bundler COMMAND=irb ;;
        golang:1.24) SUITE=trixie PACKAGES=golang-go,git COMMAND=bash ;;
        php:8.4-cli) SUITE=trixie PACKAGES=php-cli COMMAND=php ;;
        *) fail "the engine has no image $IMAGE, no registry answers, and no recipe for it is known here" \
            "Make it available once: docker pull $IMAGE, or docker load -i FILE." ;;
    esac
}

image_is_here() { docker image inspect "$IMAGE" >/dev/null 2>&1; }

# The probe is short and reads only the manifest: a host without a registry must not wait for a pull.
pull() {
    run_within "$PROBE_SECONDS" docker buildx imagetools inspect "$IMAGE" >/dev/null 2>&1 || return 1
    say "pulling $IMAGE"
    run_within "$PULL_SECONDS" docker pull --quiet "$IMAGE" >&2
}

# The archive that this host already uses, whichever source format names it.
archive_uri() {
    # shellcheck disable=SC2016 # the $(...) are apt's placeholders
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v own="$(. /etc/os-release && echo "${VERSION_CODENAME:-sid}")" \
            '$2 == own && $3 == "main" { print $1; exit }'
}

make_root_filesystem() { # make_root_filesystem TAR-FILE
    local components
    components="deb $(archive_uri) $SUITE main"
    # The host's apt options (proxy, retries, clock-related checks) matter inside as well.
    apt-config dump Acquire >"$WORK/apt.conf"
    mmdebstrap --quiet --variant=minbase --aptopt="$WORK/apt.conf" \
        --include="$PACKAGES,ca-certificates" \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        "$SUITE" "$1" "$components" >&2
}

# pip's index settings of this host go into the image: where the host needs a mirror, builds need it too.
write_pip_conf() { # write_pip_conf FILE
    "$ROOT/.venv/bin/python" -m pip config list 2>/dev/null | "$ROOT/.venv/bin/python" -c '
import ast, sys
wanted = ("index-url", "extra-index-url", "trusted-host")
found = {}
for line in sys.stdin:
    key, _, value = line.strip().partition("=")
    name = key.rpartition(".")[2]
    if name in wanted:
        found[name] = ast.literal_eval(value).replace("\n", "\n    ")
print("[global]", *(f"{k} = {v}" for k, v in found.items()), sep="\n")
' >"$1"
}

write_dockerfile() { # write_dockerfile DIRECTORY BASE
    cat >"$1/Dockerfile" <<DOCKERFILE
FROM $2
LABEL $MADE_HERE=$SUITE
COPY ca-certificates.crt $CA_BUNDLE
COPY pip.conf /etc/pip.conf
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \\
    PIP_BREAK_SYSTEM_PACKAGES=1 PIP_CERT=$CA_BUNDLE \\
    SSL_CERT_FILE=$CA_BUNDLE REQUESTS_CA_BUNDLE=$CA_BUNDLE NODE_EXTRA_CA_CERTS=$CA_BUNDLE
CMD ["$COMMAND"]
DOCKERFILE
    case $IMAGE in python:*) echo 'RUN ln -s /usr/bin/python3 /usr/local/bin/python' >>"$1/Dockerfile" ;; esac
}

build() {
    WORK=$(mktemp -d)
    IMPORTED="mm-orchestrator-import:$$"
    trap 'rm -rf "$WORK"; docker image rm "$IMPORTED" >/dev/null 2>&1 || true' EXIT
    have mmdebstrap || apt_get install -y --no-install-recommends mmdebstrap || {
        apt_get update
        apt_get install -y --no-install-recommends mmdebstrap
    }
    make_root_filesystem "$WORK/root.tar"
    docker import "$WORK/root.tar" "$IMPORTED" >/dev/null
    mkdir "$WORK/context"
    cp -L "$CA_BUNDLE" "$WORK/context/ca-certificates.crt"
    write_pip_conf "$WORK/context/pip.conf"
    write_dockerfile "$WORK/context" "$IMPORTED"
    docker build --quiet --tag "$IMAGE" "$WORK/context" >/dev/null
}

ensure_image() {
    ! image_is_here || return 0
    ! pull || return 0
    recipe
    may_install || fail "the engine has no image $IMAGE and no registry answers" \
        "Make it available once: docker pull $IMAGE, or docker load -i FILE. Then run 'make setup' again."
    say "no registry answers: making $IMAGE from Debian $SUITE's packages (takes about half a minute)"
    build
}

remove_made_here() {
    docker image ls --quiet --filter "label=$MADE_HERE" --filter dangling=false | sort -u |
        while read -r id; do
            docker image inspect --format '{{range .RepoTags}}{{println .}}{{end}}' "$id"
        done | { grep -E '^(python|node|ruby|golang|php):' || true; } | while read -r tag; do
        say "removing $tag"
        docker image rm "$tag" >/dev/null
    done
}

if [ "$IMAGE" = --remove ]; then
    remove_made_here
    exit 0
fi
if image_is_here; then exit 0; fi
with_lock image ensure_image
image_is_here || fail "the image $IMAGE could not be made"
