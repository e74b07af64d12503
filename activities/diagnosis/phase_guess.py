"""Whether a log that comes without its story was written by a build or by a running service."""

from __future__ import annotations

import re

from activities.diagnosis.evidence import Phase
from activities.diagnosis.log_lines import SHIPPED

_BUILD = re.compile(
    "|".join(
        (
            # docker build: BuildKit, and the builder before it
            r"^#\d+ (?:\[|DONE|ERROR|CACHED|CANCELED|sha256:|transferring|resolve |extracting|\d+\.\d+ )",
            r"^(?:=> |\[\+\] Building |Step \d+(?:/\d+)? : |Sending build context| ---> |Dockerfile:\d+$)",
            r"^ *> \[[^]]*\d+/\d+\] |failed to solve|executor failed running",
            r"did not complete successfully|failed to compute cache key|^\d{1,4}\.\d{1,4} +\S",
            r"^(?:The command '.*' returned a non-zero code|Removing intermediate container )",
            r"Dockerfile parse error|'[^']*' failed to build: |^(?:COPY|ADD) failed:",
            r"pull access denied|^manifest for \S+ not found",
            # the system's package managers
            r"^E: |^W: (?:Failed to fetch|GPG error|The repository)|^(?:Get|Hit|Err|Ign):\d+ ",
            r"^Reading package lists\.\.\.|^(?:Unpacking|Setting up|Selecting previously unselected) ",
            r"^\(\d+/\d+\) (?:Installing|Upgrading|Purging) |^fetch \S+APKINDEX|unable to select packages",
            r"unsatisfiable constraints|^No package \S+ available|^Error: Unable to find a match",
            # Python
            r"^ *(?:Collecting|Downloading|Building wheels? for|Preparing metadata) ",
            r"^ *Installing build dependencies|Could not find a version that satisfies",
            r"No matching distribution found|ResolutionImpossible|errored out with exit status",
            r"subprocess-exited-with-error|metadata-generation-failed|python setup\.py (?:egg_info|bdist)",
            r"error: command '\S*(?:gcc|cc|g\+\+|clang)\S*' failed|Cannot find command 'git'",
            r"^ERROR: (?:Could not install packages|Package \S+ requires a different Python)",
            r"version solving failed|No solution found when resolving",
            # Node
            r"^npm (?:ERR!|error) (?:code )?(?:E40\d|ETARGET|ERESOLVE|EUSAGE|EBADENGINE|404|gyp )",
            r"^npm (?:ERR!|error) (?:code EJSONPARSE|JSON\.parse|Run \"npm help (?:ci|install)\")",
            r"^npm (?:WARN|warn) (?:deprecated|EBADENGINE|ERESOLVE)|(?:`npm ci`|cipm) can only install",
            r"^gyp (?:ERR!|verb)|node-pre-gyp|^\[\d/\d\] (?:Resolving|Fetching|Linking|Building) |ERR_PNPM_",
            r"Failed to compile\.|implicitly has an 'any' type|Creating an optimized production build",
            r"error TS\d+:|Module not found: Error: Can't resolve|^error .*The engine \"node\"",
            r"^(?:ERROR +)?error during build:|\[vite\]: |^Node Sass (?:does not|could not)|npm run build",
            r"node_modules/(?:webpack|rollup|node-sass|gulp)/",
            r"^> (?:\S+ )?(?:gulp|webpack|tsc|vite build|ng build)",
            # Go
            r"missing go\.sum entry|no required module provides package|is not in (?:std|GOROOT)",
            r"^go: |^\S+\.go:\d+:\d+: |^note: module requires Go|go mod (?:tidy|vendor)$",
            r"^/go/pkg/mod/\S+:\d+:\d+: |recorded in go\.sum",
            # Ruby
            r"^Fetching gem metadata|An error occurred while installing|Failed to build gem native extension",
            r"^ERROR:  Error installing|^rake aborted!|^Your bundle only supports platforms",
            r"requires ruby version|frozen (?:mode|lockfile)|^You have added to the Gemfile",
            # PHP
            r"Your requirements could not be resolved|^ *Problem \d+$",
            r"^ *- \S.* requires? (?:ext-|php )|composer\.json",
            r"your php version|^pecl/|/usr/src/php|docker-php-ext-|^Script @php ",
            r"^ *- (?:Syncing|Installing) ",
            # Java
            r"^\[ERROR\] (?:Failed to execute goal|COMPILATION ERROR|No compiler|\S+\.java:)|pom\.xml",
            r"BUILD FAILURE|^FAILURE: Build failed|^\* What went wrong|^\S+\.java:\d+: error:",
            r"mvnw?: (?:not found|Permission denied)|gradlew?: (?:not found|Permission denied)",
            # Rust
            r"^error\[E\d+\]:|^error: (?:could not compile|failed to (?:run custom build|parse|get|select))",
            r"^error: (?:linker|no matching package|cannot create the lock|rustc \d|package `)",
            r"^ +Compiling \S+ v\d|-sys` crate|build crate cannot|Cargo\.(?:toml|lock)|Cargo feature",
            # what compilers and extensions of these say
            r"^cgo: |^# runtime/cgo|cannot find package \"|checksum mismatch$|\.java:\[\d+,\d+\] ",
            r"extconf\.rb failed|^checking for .*\.\.\. no$|greater with this lockfile",
            r"requires? php [\^~<>=]|not present in the lock file|/build\.rs:\d+|build script which panicked",
            r"failed to run custom build command|--(?:locked|frozen) was passed",
            r"Failed to download metadata for repo|No URLs in mirrorlist|valid baseurl for repo",
            r"^/bin/(?:ba|a|da)?sh: (?:(?:line )?\d+: )?(?:mvn|gradle|wget|curl|git|g?make|cmake|gcc|unzip"
            r"|pip3?|npm|yarn|cargo|go|bundle|gem|composer|apt-get|apk|yum|dnf): (?:command )?not found",
            r"recipe for target '|requires a different Python|externally-managed-environment",
            r"The lockfile would have been modified|Type error: Cannot find module",
            r"^The dependencies in your gemfile changed|trying a newer version of Cargo",
            r"^failed to select a version for |Fatal error compiling:|there may be a typo in the package",
            # C
            r": cannot find -l\S|not found in the pkg-config search path|No package '\S+' found",
            r"fatal error: \S+: No such file or directory|^make(?:\[\d+\])?: \*\*\*",
            r"^ *CMake Error|^configure: error|^ *make: \*\*\*|pkg-config search path",
            r"^pkg-config: exit status|^YN\d{4}: ",
        )
    )
)
_RUNNING = re.compile(
    r"^[\w.-]+[-_]\d+ +\| |^\{\"log\":\"|^Attaching to "
    r"|^Error response from daemon: |failed to create task for container"
    r"|(?i:listening (?:at|on)|started server|booting worker|uvicorn running|running on http)"
)
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LINES = 2_000
"""Looked at, from the end."""
_LINE_CHARACTERS = 500


def guess_phase(text: str) -> Phase:
    """What speaks last decides: a tool that only builds use, or a service that has begun."""
    for raw in reversed(text.rsplit("\n", _LINES)[-_LINES:]):
        line = SHIPPED.sub("", _COLOUR.sub("", raw[:_LINE_CHARACTERS]))
        if _BUILD.search(line):
            return Phase.BUILD
        if _RUNNING.search(line):
            return Phase.RUN
    return Phase.RUN
