"""Java's releases: a JDK that is too old for what it builds or runs, or too new for the tools it carries."""

from __future__ import annotations

import re

from activities.diagnosis.evidence import Phase
from activities.diagnosis.languages.java_images import java_image, jdk_need, jdk_of
from activities.diagnosis.languages.line_rules import Rule, rule
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Refusal, Verdict


def _release(text: str) -> int:
    return int(text.removeprefix("1.").split(".")[0])


def _target_release(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """The build asks for a Java that is newer than the image's."""
    wanted = _release(next(group for group in found.groups() if group))
    image = java_image(project, building=True)
    reason = f"the build is for Java {wanted}, and the JDK of the image is older"
    if jdk_of(image) >= wanted:
        reason = f"the JDK of {image} no longer builds for Java {wanted}"
        return Refusal("java.release", reason, (place.line,))
    return jdk_need("java.older_jdk", image, wanted, place, project, reason)


def _too_new_source(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """`Source option 6 is no longer supported`: the last JDK that still compiles it."""
    level = _release(found[1])
    reason = f"Java {level} sources are no longer compiled by this JDK: {found[0].strip()}"
    release = 11 if level == 6 else 17 if level == 7 else 8
    return jdk_need("java.newer_jdk", java_image(project, building=True), release, place, project, reason)


def _class_version(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """Compiled for a newer Java than the one that runs it."""
    wanted = int(found[1]) - 44
    reason = f"the classes are compiled for Java {wanted}, which is newer than the image's"
    image = java_image(project, building=place.phase is Phase.BUILD)
    return jdk_need("java.older_runtime", image, wanted, place, project, reason)


def _class_major(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """A build tool cannot read the classes of the JDK that runs it."""
    present = int(found[1]) - 44
    return _tool_too_old(present, f"a build tool cannot read classes of Java {present}", place, project)


def _java_version(found: re.Match[str], place: Place, project: Project) -> Verdict:
    present = _release(found[1])
    return _tool_too_old(present, f"this Gradle is older than Java {present}", place, project)


def _tool_too_old(present: int, reason: str, place: Place, project: Project) -> Verdict:
    """The newest long-term release below the one that is too new."""
    release = 8 if present <= 11 else 11 if present <= 17 else 17 if present <= 21 else 21
    image = java_image(project, building=True)
    return jdk_need("java.newer_jdk", image, release, place, project, reason)


RULES: tuple[Rule, ...] = (
    rule(
        r"invalid (?:target|source) release: ((?:1\.)?\d+)|release version (\d+) not supported"
        r"|Unknown (?:target|source) release.*?(\d+)"
        r"|(?:[Tt]oolchain|Java installation).*languageVersion=(\d+)"
        r"|requires at least JVM runtime version (\d+)|requires Java (\d+) (?:or later )?to run"
        r"|compatible with Java (\d+) and the consumer needed",
        _target_release,
    ),
    rule(r"(?:Source|Target) option (\S+) is no longer supported", _too_new_source),
    rule(
        r"class file version (\d+)\.\d+\), this version of the Java Runtime only recognizes", _class_version
    ),
    rule(r"Unsupported major\.minor version (\d+)", _class_version),
    rule(r"class file has wrong version (\d+)\.\d+, should be", _class_version),
    rule(r"Unsupported class file major version (\d+)", _class_major),
    rule(r"Could not determine java version from '([\d.]+)", _java_version),
)
"""Tried in order, between the other rules of Java."""
