"""Images that carry a JDK: which one they state, and the same image with another."""

from __future__ import annotations

import re

from activities.diagnosis.evidence import Phase
from activities.diagnosis.languages.toolchain import Tool, manager_for, stage_name, tag_of, tool_image
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_COMMANDS = r"(?:\./)?\b(?:mvnw?|gradlew?|javac|ant|sbt)\b"
_BUILD = Tool(r"(?:^|/)(?:maven|gradle)(?::|@|$)", _COMMANDS)
_IMAGES = (
    r"(?:^|/)(?:maven|gradle|openjdk|adoptopenjdk|eclipse-temurin|amazoncorretto|ibm-semeru-runtimes|java"
    r"|zulu-openjdk(?:-\w+)?|liberica-\w+|sapmachine|oracle-java\d*|tomcat|jetty)(?::|@|$)"
)
TOOL = Tool(_IMAGES, _COMMANDS)
_JDK = re.compile(r"((?:jdk|openjdk|temurin|corretto|ibmjava|sapmachine|jre|java)-?)(\d+)")
_PLAIN = re.compile(r"(?:^|/)(?:openjdk|adoptopenjdk|eclipse-temurin|amazoncorretto|sapmachine|java)$")


def jdk_of(image: str) -> int:
    """The Java release that an image's tag states; 0 where it states none."""
    tag = tag_of(image)
    found = _JDK.search(tag)
    if found:
        return int(found[2])
    leading = re.match(r"(?:1\.)?(\d+)", tag) if _PLAIN.search(image.rsplit(":", 1)[0]) else None
    return int(leading[1]) if leading else 0


def with_jdk(image: str, release: int) -> str:
    """`image` with another Java release; '' where the reference does not say how."""
    path = image.split("@", maxsplit=1)[0].rsplit(":", 1)[0] if ":" in image.rsplit("/", 1)[-1] else image
    tag, name = tag_of(image), path.rsplit("/", 1)[-1]
    if "$" in image:
        return ""
    if name == "maven":
        version = re.match(r"\d+(?:\.\d+)*", tag)
        alpine = "-alpine" if "alpine" in tag else ""
        return f"{path}:{version[0] if version else '3'}-eclipse-temurin-{release}{alpine}"
    if name == "gradle":
        return f"{path}:{_JDK.sub(rf'jdk{release}', tag) if _JDK.search(tag) else f'jdk{release}'}"
    if not _PLAIN.search(path):
        return ""
    kind = "jre" if "jre" in tag else "jdk"
    if name in ("openjdk", "java", "adoptopenjdk"):
        return _openjdk(path, tag, kind, release)
    rest = [
        word for word in tag.split("-")[1:] if word in ("jdk", "jre", "alpine", "al2023", "focal", "jammy")
    ]
    return f"{path}:{'-'.join([str(release), *rest])}"


def _openjdk(path: str, tag: str, kind: str, release: int) -> str:
    """Docker's openjdk has no JRE from 12 on and hardly an Alpine one; Temurin has both."""
    alpine = "-alpine" if "alpine" in tag else ""
    if (alpine and release > 8) or (kind == "jre" and release > 11) or not path.endswith("openjdk"):
        return f"eclipse-temurin:{release}-{kind}{alpine}"
    slim = "-slim" if "slim" in tag else ""
    return f"openjdk:{release}-{kind}{slim}{alpine}"


def java_image(project: Project, *, building: bool) -> str:
    """The image whose Java builds, or runs, the program; '' where none is known."""
    return (tool_image(project, _BUILD) if building else "") or tool_image(project, TOOL, building=building)


def jdk_need(identity: str, image: str, release: int, place: Place, project: Project, reason: str) -> Verdict:
    """The need of another Java release; a refusal where the image has it or cannot be rewritten."""
    lines = (place.line,)
    if not image:
        return _system_jdk(identity, release, place, project, reason)
    reference = with_jdk(image, release)
    if not reference or reference == image or jdk_of(image) == release:
        return Refusal(identity, f"{reason}; but Java {release} cannot be had by changing {image}", lines)
    why = f"{reason}; {reference} has Java {release}"
    return Need(identity, FindingKind.CHANGE_BASE_IMAGE, (reference,), lines, why, replaces=image)


def _system_jdk(identity: str, release: int, place: Place, project: Project, reason: str) -> Verdict:
    """Without an image of Java's own, Java is one of the distribution's packages."""
    manager = manager_for(project, TOOL, building=place.phase is Phase.BUILD)
    form = {"apt": f"openjdk-{release}-jdk", "apk": f"openjdk{release}"}.get(manager)
    if form is None or not (project.facts or project.base_image):
        why = f"{reason}; but which image brings Java is not known"
        return Refusal(identity, why, (place.line,))
    prefix = "build" if place.phase is Phase.BUILD else "system"
    why = f"{reason}; {form} of {manager} brings it"
    kind = FindingKind.ADD_SYSTEM_PACKAGE
    stage = stage_name(project, TOOL, place)
    return Need(f"{prefix}.java_release", kind, (form,), (place.line,), why, stage=stage)
