"""What a registry does not have: a package of that name, or a release in that range."""

from __future__ import annotations

import re

from activities.diagnosis.node.knowledge import is_known, newest, popular_near, release
from activities.diagnosis.node.project import package_json_for, target_of
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_IN_URL = r"https?://[^/\s\"]+/((?:@[\w.-]+(?:/|%2[fF]))?[\w.-]+)"
_NO_NAME = tuple(
    re.compile(pattern)
    for pattern in (
        r"npm (?:ERR!|error) 404\s+'(@?[\w./~-]+?)@[^']*' is not in (?:this|the npm) registry",
        r"The requested resource '(@?[\w./~-]+?)@[^']*' could not be found",
        r"error Couldn't find package \"([^\"]+)\"(?: required by \S+)? on the \"npm\" registry",
        rf"error An unexpected error occurred: \"{_IN_URL}: Not found\"",
        rf"ERR_PNPM_FETCH_404\W+GET {_IN_URL}: Not Found",
        r"\bYN0035\b.*?(@?[\w./-]+)@(?:npm|\^|~|\d)",
    )
)
_NO_RELEASE = tuple(
    re.compile(pattern)
    for pattern in (
        r"No matching version found for (@?[\w./~-]+)@([^\s]+?)\.?(?= while|\s*$|\. )",
        r"Couldn't find any versions for \"([^\"]+)\" that matches \"([^\"]+)\"",
        r"\bYN0082\b.*?(@?[\w./-]+)@npm:(\S+?): No candidates found",
    )
)


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line, None where it speaks of no registry's answer."""
    text = place.line.plain
    name = next((found[1] for pattern in _NO_NAME if (found := pattern.search(text))), "")
    if name:
        return _no_such_name(re.sub("%2f", "/", name, flags=re.IGNORECASE), place, project)
    asked = next((found for pattern in _NO_RELEASE if (found := pattern.search(text))), None)
    if asked is not None and "with a date before" not in text:
        return _no_such_release(asked[1], asked[2], place, project)
    return None


def _no_such_name(name: str, place: Place, project: Project) -> Verdict:
    rule, lines = "node.no_such_package", (place.line,)
    manifest = package_json_for(project)
    near = None if name.startswith("@") else popular_near(name)
    if near is None or (manifest is not None and not manifest.declares(name)):
        reason = f"the registry has no {name}: misspelt, private or withdrawn, and which is not certain"
        return Refusal(rule, reason, lines)
    if manifest is not None and manifest.declares(near):
        return Refusal(rule, f"the registry has no {name}; {near} is declared beside it", lines)
    why = f"the registry has no {name}; the one popular package a typing slip away is {near}"
    target = target_of(project, manifest)
    kind = FindingKind.RENAME_NODE_PACKAGE
    return Need("node.misspelt", kind, (name, near), lines, why, target=target, replaces=name)


def _no_such_release(name: str, wanted: str, place: Place, project: Project) -> Verdict:
    rule, lines = "node.no_such_version", (place.line,)
    manifest, latest = package_json_for(project), newest(name)
    if manifest is not None and not manifest.declares(name):
        return Refusal(rule, f"{name}@{wanted} does not exist, and another package asks for it", lines)
    if not is_known(name) or not latest:
        return Refusal(rule, f"{name}@{wanted} does not exist, and what does is not known", lines)
    version = _nearest(wanted, latest)
    why = (
        f"{name}@{wanted} was never published or is withdrawn; {version} is the nearest range that can be met"
    )
    target = target_of(project, manifest)
    consulted = (f"node packages: {name} {latest}",)
    kind, names = FindingKind.CHANGE_NODE_VERSION_PIN, (f"{name}@{version}",)
    return Need(rule, kind, names, lines, why, version, target, consulted=consulted)


def _nearest(wanted: str, latest: str) -> str:
    """The release line that was asked for, where it can exist; else the newest release."""
    asked, last = release(wanted), release(latest)
    exists = re.search(r"\d", wanted) and 0 < asked[0] <= last[0]
    whole = exists and (asked[0] < last[0] or asked < last)
    return f"^{asked[0]}.0.0" if whole else f"^{latest}"
