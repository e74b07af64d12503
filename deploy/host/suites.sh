# shellcheck shell=bash
# Packages from a later Debian suite, on the archive this host already trusts. Sourced, never run.

# "URI KEYRING" of that archive, from either source format.
debian_archive() {
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-sid}")
    # shellcheck disable=SC2016 # the $(...) are apt's placeholders
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(SIGNED_BY)' 'Created-By: Packages' |
        awk -v suite="$codename" '$3 == "main" && $2 == suite { print $1, $4; exit }'
}

# add_suites NAME "SUITE PRIORITY"...: as mm-orchestrator-NAME beside the host's own sources. Priorities
# below a host's own 500: nothing but what is asked for by suite ever comes from these.
add_suites() {
    local sources=/etc/apt/sources.list.d/mm-orchestrator-$1.sources pins=/etc/apt/preferences.d/mm-orchestrator-$1
    shift
    local uri keyring own suite priority
    read -r uri keyring < <(debian_archive) || true
    [ -n "${uri:-}" ] || fail "no Debian archive found in /etc/apt" "Add a Debian source, or install it yourself."
    [ -r "${keyring:-}" ] || keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    own=$(. /etc/os-release && echo "${VERSION_CODENAME:-sid}")
    rm -f "$sources.new" "$pins.new"
    while read -r suite priority; do
        printf 'Package: *\nPin: release n=%s\nPin-Priority: %s\n\n' "$suite" "$priority" >>"$pins.new"
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' \
            "$uri" "$suite" "$keyring" >>"$sources.new"
    done < <(printf '%s\n' "$@" | grep -v "^$own ")
    [ -s "$sources.new" ] || return 0 # the host's own suite is all that was asked for
    mv "$pins.new" "$pins" # the pins first: the suites are never seen without them
    mv "$sources.new" "$sources"
}
