#!/usr/bin/env bash
# The image python:3.13-slim, which the demo and the tests build on. Where the engine has it, it is
# used; where a registry answers, it is pulled; else it is made here from Debian's packages (which
# are Python 3.13 in trixie) and tagged with the same name.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=say.sh
. "$(dirname "${BASH_SOURCE[0]}")/say.sh"

IMAGE=python:3.13-slim
SUITE=trixie
CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
PROBE_SECONDS=20
PULL_SECONDS=600

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
        --include=python3,python3-pip,python3-venv,ca-certificates \
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
COPY ca-certificates.crt $CA_BUNDLE
COPY pip.conf /etc/pip.conf
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \\
    PIP_BREAK_SYSTEM_PACKAGES=1 PIP_CERT=$CA_BUNDLE \\
    SSL_CERT_FILE=$CA_BUNDLE REQUESTS_CA_BUNDLE=$CA_BUNDLE NODE_EXTRA_CA_CERTS=$CA_BUNDLE
RUN ln -s /usr/bin/python3 /usr/local/bin/python
CMD ["python3"]
DOCKERFILE
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
    may_install || fail "the engine has no image $IMAGE and no registry answers" \
        "Make it available once: docker pull $IMAGE, or docker load -i FILE. Then run 'make setup' again."
    say "no registry answers: making $IMAGE from Debian $SUITE's packages (takes about half a minute)"
    build
}

if image_is_here; then exit 0; fi
with_lock image ensure_image
image_is_here || fail "the image $IMAGE could not be made"
