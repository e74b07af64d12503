"""Messages whose cure is another base image: a Python too old, a reference that is not there."""

from __future__ import annotations

import re

from activities.diagnosis.evidence import Phase
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.system.base_images import moved, python_image, suite_exists
from activities.diagnosis.system.needs import site_of
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_PYTHON = re.compile(
    r"requires (?:a different )?Python:? ['\"]?(?P<a>[<>=!~\d., *]+)['\"]? but the running Python is"
    r"|requires a different Python: [\d.]+ not in ['\"](?P<b>[^'\"]+)['\"]"
    r"|(?:[Rr]equires|need) Python (?P<c>\d\.\d+)(?:\.\d+)?(?: or (?:later|newer|above|higher)|\+)"
    r"|Python (?P<d>\d\.\d+)(?:\.\d+)? or (?:later|newer|above|higher) is required"
)
_NOT_THERE = re.compile(
    r"manifest for (?P<a>\S+?) not found|pull access denied for (?P<b>[^\s,]+)"
    r"|(?P<c>[\w./-]+:[\w.-]+|[\w./-]+): (?:failed to resolve source metadata|not found|pull access denied)"
    r"|failed to resolve source metadata for (?P<d>\S+?): \S*(?:not found|denied|does not exist)?"
    r"|(?P<e>\S+): failed to resolve"
)
_REGISTRY = re.compile(r"^(?:docker\.io/)?(?:library/)?")


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line that asks for another base image."""
    if place.phase is not Phase.BUILD:
        return None
    return _too_old(place, project) or _not_there(place, project)


def _too_old(place: Place, project: Project) -> Verdict | None:
    found = _PYTHON.search(place.line.plain)
    if found is None:
        return None
    wanted = found["a"] or found["b"] or f">={found['c'] or found['d']}"
    image = site_of(place, project).image
    newer = python_image(image, wanted.strip().rstrip(","))
    if newer is None:
        return None
    why = f"a package needs Python {wanted.strip()}; {newer} is the image of the same kind that has it"
    kind = FindingKind.CHANGE_BASE_IMAGE
    return Need("build.python_too_old", kind, (newer,), (place.line,), why, replaces=image)


def _not_there(place: Place, project: Project) -> Verdict | None:
    found = _NOT_THERE.search(place.line.plain)
    if found is None:
        return None
    named = _REGISTRY.sub("", next((value for value in found.groups() if value), ""))
    facts = project.facts
    written = [s.image for s in facts.stages if s.parent is None] if facts else [project.base_image]
    image = next((i for i in written if named in (i, f"{i}:latest", _REGISTRY.sub("", i))), "")
    if not image:
        return None
    other = moved(image) or suite_exists(image)
    if other is None:
        return Refusal("decline.base_image", f"the base image {image} cannot be pulled", (place.line,))
    why = f"there is no image {image}; {other} is what it is called"
    kind = FindingKind.CHANGE_BASE_IMAGE
    return Need("build.no_such_image", kind, (other,), (place.line,), why, replaces=image)
