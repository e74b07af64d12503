# shellcheck shell=bash
# Newer packages of Debian than this host's own release has, pinned low: only what is asked for by suite
# ever comes from them. Sourced after say.sh, never run.

SOURCES=/etc/apt/sources.list.d/mm-orchestrator-engine.sources
PINS=/etc/apt/preferences.d/mm-orchestrator-engine

# "URI KEYRING" of the Debian archive this host already trusts, from either source format.
debian_archive() {
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-sid}")
    # shellcheck disable=SC2016 # the $(...) are apt's placeholders
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(SIGNED_BY)' 'Created-By: Packages' |
        awk -v suite="$codename" '$3 == "main" && $2 == suite { print $1, $4; exit }'
}

add_suites() {
    local uri keyring own suite
    read -r uri keyring < <(debian_archive) || true
    [ -n "${uri:-}" ] || fail "no Debian archive found in /etc/apt" "Add a Debian source, or install Docker yourself."
    [ -r "${keyring:-}" ] || keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    own=$(. /etc/os-release && echo "${VERSION_CODENAME:-sid}")
    rm -f "$SOURCES.new" "$PINS.new"
    # Below a host's own 500: nothing but what is asked for by suite ever comes from these.
    while read -r suite priority; do
        printf 'Package: *\nPin: release n=%s\nPin-Priority: %s\n\n' "$suite" "$priority" >>"$PINS.new"
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' \
            "$uri" "$suite" "$keyring" >>"$SOURCES.new"
    done < <(printf '%s\n' "trixie 100" "sid 50" | grep -v "^$own ")
    mv "$PINS.new" "$PINS" # the pins first: the suites are never seen without them
    mv "$SOURCES.new" "$SOURCES"
}

# install_packages PACKAGE...: with the two suites, which stay configured but pinned low.
install_packages() {
    [ -s "$SOURCES" ] || add_suites
    apt_get update || say "apt-get update reported errors; going on with what it has"
    apt_get install -y --no-install-recommends "$@"
}
