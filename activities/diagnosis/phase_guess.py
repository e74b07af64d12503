"""Whether a log that comes without its story was written by a build or by a running service."""

from __future__ import annotations

import re

from activities.diagnosis.evidence import Phase

_BUILD = re.compile(
    "|".join(
        (
            # docker build: BuildKit, and the builder before it
            r"^#\d+ (?:\[|DONE|ERROR|CACHED|CANCELED|sha256:|transferring|resolve |extracting|\d+\.\d+ )",
            r"^(?:=> |\[\+\] Building |Step \d+/\d+ : |Sending build context| ---> |Dockerfile:\d+$)",
            r"^ *> \[[^]]*\d+/\d+\] |failed to solve|executor failed running",
            r"did not complete successfully|failed to compute cache key",
            r"^(?:The command '.*' returned a non-zero code|Removing intermediate container )",
            r"^(?:COPY|ADD) failed:|pull access denied|^manifest for \S+ not found",
            r"^\d{1,4}\.\d{1,4} +\S|failed to build: The command|Dockerfile parse error",
            r"^/bin/(?:ba|a|da)?sh: (?:(?:line )?\d+: )?(?:mvn|gradle|wget|curl|git|g?make|cmake|gcc|unzip"
            r"|pip3?|npm|yarn|cargo|go|bundle|gem|composer|apt-get|apk|yum|dnf): (?:command )?not found",
            r"recipe for target '|requires a different Python|externally-managed-environment",
            # the system's package managers
            r"^(?:\d+\.\d+ )?E: |^W: (?:Failed to fetch|GPG error|The repository)|^(?:Get|Hit|Err|Ign):\d+ ",
            r"^Reading package lists\.\.\.|^(?:Unpacking|Setting up|Selecting previously unselected) ",
            r"^\(\d+/\d+\) (?:Installing|Upgrading|Purging) |^fetch \S+APKINDEX|unable to select packages",
            r"unsatisfiable constraints|^No package \S+ available|^Error: Unable to find a match",
            r"Failed to download metadata for repo|No URLs in mirrorlist|valid baseurl for repo",
            # Python
            r"^ *(?:Collecting|Downloading|Building wheels? for|Preparing metadata) ",
            r"^ *Installing build dependencies|Could not find a version that satisfies",
            r"No matching distribution found|ResolutionImpossible|errored out with exit status",
            r"subprocess-exited-with-error|metadata-generation-failed|python setup\.py (?:egg_info|bdist)",
            r"error: command '\S*(?:gcc|cc|g\+\+|clang)\S*' failed|Cannot find command 'git'",
            r"version solving failed|No solution found when resolving",
            # Node
            r"^npm (?:ERR!|error) (?:code )?(?:E40\d|ETARGET|ERESOLVE|EUSAGE|EBADENGINE|404|notarget)",
            r"^npm (?:WARN|warn) (?:deprecated|EBADENGINE|ERESOLVE)|^npm (?:ERR!|error) gyp ",
            r"^npm (?:ERR!|error) Run \"npm help (?:ci|install)\"|`npm ci` can only install",
            r"^gyp (?:ERR!|verb)|node-pre-gyp|^\[\d/\d\] (?:Resolving|Fetching|Linking|Building) |ERR_PNPM_",
            r"error TS\d+:|Module not found: Error: Can't resolve|^error .*The engine \"node\"",
            r"The lockfile would have been modified|yarnpkg\.com/en/docs/cli/(?:install|add)",
            r"Failed to compile\.$|Type error: (?:Could not find a declaration|Cannot find module)",
            # other languages
            r"^The dependencies in your gemfile changed|trying a newer version of Cargo",
            r"^failed to select a version for |Fatal error compiling:|there may be a typo in the package",
            r"missing go\.sum entry|no required module provides package|is not in (?:GOROOT|std)\b",
            r"^go: |\S\.go:\d+:\d+: |^cgo: |^# runtime/cgo|cannot find package \"|checksum mismatch$",
            r"^Fetching gem metadata|version solving has failed|greater with this lockfile",
            r"extconf\.rb failed|^ERROR: +Error installing |^checking for .*\.\.\. no$",
            r"^pecl/|ext-\w+ \*|requires? php [\^~<>=]|not present in the lock file|/usr/src/php/ext/",
            r"An error occurred while installing|Failed to build gem native extension",
            r"Your requirements could not be resolved|^\[ERROR\] Failed to execute goal|BUILD FAILURE",
            r"^\[ERROR\] |\.java:(?:\d+: error: |\[\d+,\d+\] )|^error: linker `|^error: rustc ",
            r"failed to run custom build command|no matching package named|--(?:locked|frozen) was passed",
            r"/build\.rs:\d+|^error: failed to (?:parse|select|load|compile)|build script which panicked",
            r"^FAILURE: Build failed|^error\[E\d+\]:|could not compile `|^ +Compiling \S+ v\d",
            # C
            r"fatal error: \S+: No such file or directory|^make(?:\[\d+\])?: \*\*\*",
            r"^CMake Error|^configure: error|: cannot find -l\S|^error: linker ",
            r"not found in the pkg-config search path|^pkg-config: exit status|No package '\S+' found",
        )
    )
)
_RUNNING = re.compile(
    r"^[\w.-]+-\d+ +\| |^Attaching to |^Error response from daemon: |failed to create task for container"
    r"|(?i:listening (?:at|on)|started server|booting worker|uvicorn running|running on http)"
)
_PREFIX = re.compile(r"^(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z |\x1b\[[0-9;?]*[A-Za-z])+")
_LINES = 2_000
"""Looked at, from the end."""
_LINE_CHARACTERS = 500


def guess_phase(text: str) -> Phase:
    """What speaks last decides: a tool that only builds use, or a service that has begun."""
    for raw in reversed(text.rsplit("\n", _LINES)[-_LINES:]):
        line = _PREFIX.sub("", raw[:_LINE_CHARACTERS])
        if _BUILD.search(line):
            return Phase.BUILD
        if _RUNNING.search(line):
            return Phase.RUN
    return Phase.RUN
