"""The Python that an image brings, and the reference of the same image with another one."""

from __future__ import annotations

import re

from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.python.releases import short
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.diagnosis.versions import number
from workflows.models.finding import FindingKind

_PYTHON_IMAGE = re.compile(
    r"^(?P<repository>(?:\S+/)?(?:python|pypy))(?::(?P<version>\d[\w.]*)?(?P<rest>[\w.-]*))?(?:@sha256:\w+)?$"
)
_DISTRIBUTION = re.compile(
    r"-(?:jessie|stretch|buster|bullseye|bookworm|trixie|wheezy)\b|(?<=alpine)\d[\d.]*"
)
_SYSTEM_PYTHON = {
    "ubuntu": (("16.04", "3.5"), ("18.04", "3.6"), ("20.04", "3.8"), ("22.04", "3.10"), ("24.04", "3.12")),
    "debian": (("9", "3.5"), ("10", "3.7"), ("11", "3.9"), ("12", "3.11"), ("13", "3.13")),
}
"""What `python3` is in the releases of a distribution."""
_SPELLED = {
    "xenial": "16.04",
    "bionic": "18.04",
    "focal": "20.04",
    "jammy": "22.04",
    "noble": "24.04",
    "stretch": "9",
    "buster": "10",
    "bullseye": "11",
    "bookworm": "12",
    "trixie": "13",
}


def with_python(image: str, python: str) -> str:
    """`image` with Python `python`, its flavour kept; '' where no such image is certain to exist.

    A release of Debian or Alpine in the tag is dropped: that pair may never have been published.
    """
    found = _PYTHON_IMAGE.match(image)
    if found:
        rest = re.sub(r"^-?rc\d*\b", "", _DISTRIBUTION.sub("", found["rest"] or ""))
        if "windows" in rest or "nanoserver" in rest:
            return ""
        rest = rest if not rest or rest.startswith("-") else f"-{rest}"
        return f"{found['repository']}:{python}{rest}"
    name, _, tag = image.partition(":")
    release = _SPELLED.get(re.split(r"-slim", tag)[0], re.split(r"-slim", tag)[0])
    for candidate, has in _SYSTEM_PYTHON.get(name.rsplit("/", 1)[-1], ()):
        if number(has) >= number(python) and number(candidate) > number(release):
            return f"{name}:{candidate}"
    return ""


def without_alpine(image: str) -> str:
    """`python:3.8-slim` for `python:3.8-alpine3.12`; '' where the image is no Python on Alpine."""
    found = _PYTHON_IMAGE.match(image)
    if not found or "alpine" not in (found["rest"] or ""):
        return ""
    return f"{found['repository']}:{found['version'] or '3'}-slim"


def other_python(rule: str, python: str, why: str, lines: tuple[LogLine, ...], project: Project) -> Verdict:
    """The verdict that the image needs another Python, or why that cannot be said in the Dockerfile."""
    image = project.base_image
    reference = with_python(image, python) if image else ""
    if not reference and not image and project.facts is None:
        reference = f"python:{python}"
    if not reference or reference == image:
        where = image or "the base image, which is not known,"
        return Refusal(
            f"python.{rule}", f"{why}; but which image takes the place of {where} is not certain", lines
        )
    reason = f"{why}; {reference} brings it"
    kind = FindingKind.CHANGE_BASE_IMAGE
    return Need(f"python.{rule}", kind, (reference,), lines, reason, replaces=image)


def running_python(project: Project, seen: str = "") -> str:
    """The Python of the image as short version: what a message states, else what the project knows."""
    return short(seen) or project.python_version
