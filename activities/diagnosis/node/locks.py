"""Lock files: missing, out of step with package.json, of another format, or with wrong checksums."""

from __future__ import annotations

import posixpath
import re

from activities.diagnosis.node.project import (
    lock_file,
    lock_in_image,
    package_json_for,
    project_installs,
    target_of,
    tool,
)
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_LOCK_OF = {"npm": "package-lock.json", "yarn": "yarn.lock", "pnpm": "pnpm-lock.yaml"}
_NO_LOCK = re.compile(
    r"can only install (?:packages )?with an existing package-lock\.json or|ERR_PNPM_NO_LOCKFILE"
)
_NPM_OUT_OF_STEP = re.compile(
    r"can only install packages when your package\.json and package-lock\.json"
    r"|package\.json and package-lock\.json are not in sync|npm-shrinkwrap\.json are not in sync"
    r"|Missing: \S+@\S+ from lock file|Invalid: lock file's \S+ does not satisfy"
)
_YARN_OUT_OF_STEP = re.compile(
    r"Your lockfile needs to be updated, but yarn was run with|\bYN0028\b"
    r"|The lockfile would have been (?:modified|created) by this install"
)
_PNPM_OUT_OF_STEP = re.compile(
    r"ERR_PNPM_OUTDATED_LOCKFILE|ERR_PNPM_LOCKFILE_CONFIG_MISMATCH|pnpm-lock\.yaml is not up[ -]to[ -]date"
)
_OUT_OF_STEP = (
    (_NPM_OUT_OF_STEP, "package-lock.json"),
    (_YARN_OUT_OF_STEP, "yarn.lock"),
    (_PNPM_OUT_OF_STEP, "pnpm-lock.yaml"),
)
_FOOTER = re.compile(r"Run \"npm help ci\" for more info")
"""All that is left of npm's message where a log was cut to its end."""
_INTEGRITY = re.compile(
    r"npm (?:ERR!|error) (?:code )?EINTEGRITY|integrity checksum failed when using"
    r"|Integrity check failed for|computed integrity doesn't match|ERR_PNPM_TARBALL_INTEGRITY"
)
_BROKEN = re.compile(
    r"Failed to parse package(?:-lock)?\.json|ERR_PNPM_BROKEN_LOCKFILE|Merge conflict tokens in"
    r"|Invalid value type \d+:\d+ in .*yarn\.lock"
)
_OTHER_FORMAT = re.compile(
    r"ERR_PNPM_LOCKFILE_BREAKING_CHANGE|ERR_PNPM_FROZEN_LOCKFILE_WITH_OUTDATED_LOCKFILE"
    r"|Ignoring not compatible lockfile"
)
_USAGE_LINES = 260


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line, None where it speaks of no lock file."""
    text = place.line.plain
    stale = next((lock for pattern, lock in _OUT_OF_STEP if pattern.search(text)), "")
    if stale:
        return _resolve(stale, "out_of_step", f"{stale} is out of step with package.json", place, project)
    return _missing(text, place, project) or _unfit(text, place, project)


def _missing(text: str, place: Place, project: Project) -> Verdict | None:
    if _NO_LOCK.search(text):
        return _no_lock(text, place, project)
    if _FOOTER.search(text):
        return _footer(place, project)
    return None


def _unfit(text: str, place: Place, project: Project) -> Verdict | None:
    """Read, and not usable."""
    if _INTEGRITY.search(text):
        lock = _LOCK_OF.get(tool(project), "package-lock.json")
        why = f"what the registry delivers has other checksums than {lock} records"
        return _resolve(lock, "integrity", why, place, project)
    if _OTHER_FORMAT.search(text):
        why = "pnpm-lock.yaml is of a format that this pnpm does not install from"
        return _resolve("pnpm-lock.yaml", "format", why, place, project)
    return _broken(place)


def _broken(place: Place) -> Refusal | None:
    if not _BROKEN.search(place.line.plain):
        return None
    return Refusal("node.lock_broken", "package.json or the lock file is not well-formed", (place.line,))


def _footer(place: Place, project: Project) -> Verdict | None:
    """npm prints how to use `npm ci` below what is wrong; above it stands which of the two causes it is."""
    for index in range(place.index - 1, max(-1, place.index - _USAGE_LINES), -1):
        text = place.lines[index].plain
        if _NPM_OUT_OF_STEP.search(text) or _NO_LOCK.search(text):
            return of_line(Place(place.lines, index, place.phase), project)
    why = "`npm ci` found package-lock.json missing or out of step with package.json"
    return _resolve("package-lock.json", "out_of_step", why, place, project)


def _resolve(lock: str, what: str, why: str, place: Place, project: Project) -> Need:
    manifest = package_json_for(project)
    target = posixpath.join(posixpath.dirname(target_of(project, manifest)), lock)
    reason = f"{why}: its own tool must resolve it again"
    kind = FindingKind.CHANGE_LOCKFILE
    return Need(f"node.lock_{what}", kind, (lock,), (place.line,), reason, target=target)


def _no_lock(text: str, place: Place, project: Project) -> Verdict:
    """A frozen install without a lock file: an ordinary one resolves anew."""
    installs = project_installs(project)
    if "PNPM" in text:
        new, old = "pnpm install --no-frozen-lockfile", "pnpm install --frozen-lockfile"
        used = next((" ".join(w.text for w in one.words) for one in installs if one.tool == "pnpm"), old)
    else:
        new = "npm install"
        used = next(
            (one.text for one in installs if one.text.split()[-1] in ("ci", "clean-install")), "npm ci"
        )
    why = f"`{used}` needs a lock file, and there is none where it runs"
    if lock_in_image(project):
        why = f"`{used}` needs a lock file; {lock_file(project)} exists but is not copied before it"
    target = project.dockerfile_target()
    kind = FindingKind.EDIT_RUN_COMMAND
    return Need("node.no_lock", kind, (new,), (place.line,), why, target=target, replaces=used)
