"""What apt, apk, yum and dnf say of packages that they do not find, and of releases that are gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from activities.diagnosis.evidence import Phase
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.system.base_images import (
    alpine_with,
    code_names,
    older_release,
    release_with,
    served_instead,
)
from activities.diagnosis.system.failing_step import failing_command, step_lines
from activities.diagnosis.system.files import in_debian
from activities.diagnosis.system.needs import Site, site_of
from activities.diagnosis.system.renames import is_python2, successor
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_APT_MISSING = re.compile(
    r"E: Unable to locate package (?P<a>\S+)|E: Package '(?P<b>[^']+)' has no installation candidate"
    r"|E: Couldn't find any package by (?:glob|regex) '(?P<c>[^']+)'"
)
_APT_VERSION = re.compile(r"E: Version '(?P<version>[^']+)' for '(?P<name>[^']+)' was not found")
_SUITE = rf"(?P<suite>{'|'.join(code_names())})"
_APT_GONE = re.compile(
    rf"(?:[EW]: |Err).*://[^/\s]+/(?:debian|debian-security|ubuntu)/?(?:dists/|\s){_SUITE}\b.*"
    r"(?:404 +Not Found|(?:no longer has|does not have) a Release file|Release$)"
)
_APT_POOL = re.compile(r"E: Failed to fetch \S+/pool/\S+")
_APT_INDEX_LOST = re.compile(rf"{_APT_GONE.pattern}|^E: Some index files failed to download")
_APK_ROW = re.compile(r"^\s*(?P<name>[\w.+-]+) \((?:missing|no such package)\):")
_APK_PIN = re.compile(r"breaks: (?:world|[\w.-]+)\[(?P<name>[\w.+-]+)(?P<pin>[=~<>]+[^\]]+)\]")
_APK_ERROR = re.compile(r"(?:unable to select packages|unsatisfiable constraints):")
_YUM_MISSING = re.compile(
    r"(?:No package (?P<a>\S+) available|No match for argument: (?P<b>\S+)|Unable to find a match: (?P<c>.+)"
    r"|No package matches '(?P<d>[^']+)')\.?$"
)
_YUM_GONE = re.compile(
    r"Could not retrieve mirrorlist|No URLs in mirrorlist|Cannot find a valid baseurl for repo"
    r"|Cannot prepare internal mirrorlist|Failed to download metadata for repo '(?:appstream|base|updates)"
)
_VERSIONED = re.compile(
    r"openjdk-\d|python\d\.\d|php\d|g(?:cc|\+\+)-\d|postgresql-(?:client-)?\d|clang-\d|ruby\d"
)
"""Where the release's own version was asked for, an older base keeps what another version would change."""
_SPEAKS = re.compile(
    r"(?:^|\s)[EW]: |(?:^|\s)Err|unable to select packages|unsatisfiable constraints|No package |No match for"
    r"|Unable to find a match|mirrorlist|valid baseurl|metadata for repo|Failed to fetch"
)
_NO_NETWORK = re.compile(
    r"Temporary failure resolving|Could not (?:resolve|connect)|Unable to connect|temporary error|DNS lookup"
    r"|network (?:error|unreachable)|Connection (?:timed out|refused|failed)|unable to access|I/O error"
    r"|TLS: (?:server|unspecified)"
)
"""The index could not be fetched, so nothing is known of what it holds."""
_FETCHED = re.compile(r"^(?:Get|Hit):\d+ ")
_UPDATE = re.compile(r"\bapt(?:-get)?\s+(?:-\S+\s+)*update\b|\bapt(?:-get)?\s+update\b")
_INSTALL = re.compile(r"\bapt(?:-get)?\s+(?:-\S+\s+)*install\b")


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on a line of a package manager."""
    if place.phase is not Phase.BUILD:
        return None
    text = place.line.plain
    if not _SPEAKS.search(text):
        return None
    rule = next((rule for pattern, rule in _RULES if pattern.search(text)), None)
    unreached = [line for line in step_lines(place) if _NO_NETWORK.search(line.plain)] if rule else []
    if unreached:
        reason = "the package index could not be reached, so what it holds is not known"
        return Refusal("decline.network", reason, (place.line, unreached[-1]))
    return rule(place, project, site_of(place, project)) if rule else None


def _apt_missing(place: Place, project: Project, site: Site) -> Verdict:
    lines = [*(line for line in step_lines(place) if _APT_MISSING.search(line.plain)), place.line]
    missing = _names(_APT_MISSING, lines)
    release = site.release
    quoted = tuple(lines[::-1])
    if _lacks_update(place, project) and all(in_debian(name, release) for name in missing):
        why = f"{missing[0]} is an ordinary package: the step that installs it reads no fresh index"
        names = ("apt-get update", "apt-get install")
        return Need("build.apt_update", FindingKind.EDIT_RUN_COMMAND, names, quoted, why)
    if any(is_python2(name) for name in missing):
        older = older_release(site.image)
        if older:
            why = f"{', '.join(missing)} went away with Python 2, and the image's tag moves; {older} has it"
            return _other_base("build.python2_package", older, quoted, why, site)
    new = [(name, successor(name, "apt", release)) for name in missing]
    image = release_with(missing, site.image)
    renamed = all(replacement for _, replacement in new)
    if renamed and not (image and any(_VERSIONED.match(name) for name in missing)):
        return _replacement(new, quoted, release)
    if image:
        why = f"{', '.join(missing)} is not in this release; {image} still has it"
        return _other_base("build.apt_release", image, quoted, why, site)
    unknown = next(name for name, replacement in new if not replacement)
    reason = f"the distribution has no package {unknown} (any more), and what takes its place is not certain"
    return Refusal("decline.apt_package", reason, quoted[:3])


def _replacement(new: Iterable[tuple[str, str | None]], lines: tuple[LogLine, ...], release: str) -> Need:
    pairs = [(old, name) for old, name in new if name]
    names = tuple(word for pair in pairs for word in pair)
    said = ", ".join(f"{old} -> {name}" for old, name in pairs)
    why = f"the package is called otherwise in this release ({release or 'not stated'}): {said}"
    return Need(
        "build.renamed_package", FindingKind.REPLACE_SYSTEM_PACKAGE, names, lines, why, replaces=pairs[0][0]
    )


def _apt_pins(place: Place, _: Project, __: Site) -> Need:
    lines = [*(line for line in step_lines(place) if _APT_VERSION.search(line.plain)), place.line]
    found = [m for line in lines if (m := _APT_VERSION.search(line.plain))]
    names = tuple(m["name"] for m in found)
    said = ", ".join(f"{m['name']}={m['version']}" for m in found)
    why = f"the archive holds only the newest build of a package; the pinned one is gone: {said}"
    rule = "build.apt_version"
    return Need(rule, FindingKind.CHANGE_SYSTEM_PACKAGE_PIN, names, tuple(lines[::-1]), why)


def _apt_stale(place: Place, _: Project, __: Site) -> Verdict | None:
    """A list of packages from an older layer names files that the archive has replaced since."""
    run = failing_command(place)
    if "404" not in place.line.plain or not run or _UPDATE.search(run):
        return None
    why = (
        "the list of packages comes from an older, cached layer: `apt-get update` belongs into the same step"
    )
    names = ("apt-get update", "apt-get install")
    return Need("build.apt_stale", FindingKind.EDIT_RUN_COMMAND, names, (place.line,), why)


def _lacks_update(place: Place, project: Project) -> bool:
    """Whether the install reads no index, or one of an earlier, cached layer."""
    run = failing_command(place)
    if not run or not _INSTALL.search(run) or _UPDATE.search(run) or project.facts is None:
        return False
    return not any(_FETCHED.match(line.plain) for line in place.before(2000))


def _apk(place: Place, _: Project, site: Site) -> Verdict:
    rows = [*place.before(20), *place.after(60)]
    lines = tuple(line for line in rows if _APK_ROW.search(line.plain))
    missing = [m["name"] for line in lines if (m := _APK_ROW.search(line.plain))]
    pins = {m["name"]: m["pin"] for line in rows if (m := _APK_PIN.search(line.plain))}
    quoted = (place.line, *lines)
    if missing:
        new = [(name, successor(name, "apk")) for name in missing]
        if all(replacement for _, replacement in new):
            return _replacement(new, quoted, "Alpine")
        image = alpine_with(missing, site.image)
        if image:
            why = f"{', '.join(missing)} is not in this release of Alpine any more; {image} still has it"
            return Need(
                "build.apk_release", FindingKind.CHANGE_BASE_IMAGE, (image,), quoted, why, replaces=site.image
            )
        unknown = next(name for name, replacement in new if not replacement)
        reason = f"Alpine has no package {unknown} in this release, and what takes its place is not certain"
        return Refusal("decline.apk_package", reason, quoted)
    if pins:
        said = ", ".join(f"{name}{pin}" for name, pin in pins.items())
        why = f"Alpine keeps only the newest build of a package; the pinned one is gone: {said}"
        broken = tuple(line for line in rows if _APK_PIN.search(line.plain))
        kind = FindingKind.CHANGE_SYSTEM_PACKAGE_PIN
        return Need("build.apk_version", kind, tuple(pins), (place.line, *broken), why)
    if _apk_conflict(rows):
        return _replacement([("openssl-dev", "libressl-dev")], quoted, "Alpine")
    return Refusal("decline.apk_package", "apk cannot satisfy what is asked for", quoted)


def _apk_conflict(rows: Iterable[LogLine]) -> bool:
    """OpenSSL's headers beside LibreSSL's, which another package of that time brings along."""
    text = "\n".join(line.plain for line in rows)
    return "conflicts" in text and "libressl-dev" in text and "world[openssl-dev]" in text


def _yum(place: Place, _: Project, site: Site) -> Verdict:
    lines = [*(line for line in step_lines(place) if _YUM_MISSING.search(line.plain)), place.line]
    missing = list(dict.fromkeys(word for name in _names(_YUM_MISSING, lines) for word in name.split()))
    new = [(name, successor(name, "yum")) for name in missing]
    if site.manager == "yum" and all(replacement for _, replacement in new):
        return _replacement(new, tuple(lines[::-1]), site.image)
    reason = f"the repositories of this image have no package {missing[0]}"
    return Refusal("decline.yum_package", reason, (place.line,))


def _yum_gone(place: Place, _: Project, site: Site) -> Verdict:
    return _left_the_mirrors("", site, (place.line,))


def _apt_gone(place: Place, _: Project, site: Site) -> Verdict | None:
    proof = [line for line in step_lines(place) if _APT_GONE.search(line.plain)]
    found = next((m for line in [place.line, *proof[::-1]] if (m := _APT_GONE.search(line.plain))), None)
    if found is None:
        return None
    return _left_the_mirrors(found["suite"], site, (place.line, *proof[-2:]))


def _left_the_mirrors(release: str, site: Site, lines: tuple[LogLine, ...]) -> Verdict:
    image = served_instead(site.image, release)
    if image:
        why = f"the packages of {release or site.image} have left the mirrors; {image} is still served"
        return _other_base("build.retired_release", image, lines, why, site)
    reason = f"the packages of {release or site.image or 'this release'} are not on the mirrors"
    return Refusal("decline.apt_package", reason, lines)


def _other_base(rule: str, image: str, lines: tuple[LogLine, ...], why: str, site: Site) -> Need:
    return Need(rule, FindingKind.CHANGE_BASE_IMAGE, (image,), lines, why, replaces=site.image)


def _names(pattern: re.Pattern[str], lines: Iterable[LogLine]) -> list[str]:
    found = (m for line in lines if (m := pattern.search(line.plain)))
    return list(dict.fromkeys(next(value for value in m.groups() if value) for m in found))


_RULES: tuple[tuple[re.Pattern[str], Callable[[Place, Project, Site], Verdict | None]], ...] = (
    (_APT_VERSION, _apt_pins),
    (_APT_MISSING, _apt_missing),
    (_APK_ERROR, _apk),
    (_YUM_GONE, _yum_gone),
    (_YUM_MISSING, _yum),
    (_APT_POOL, _apt_stale),
    (_APT_INDEX_LOST, _apt_gone),
)
"""The first pattern that the line matches decides who judges it."""
