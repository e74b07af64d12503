"""The stage in which a language's tool runs, its package manager, and a newer release of its image."""

from __future__ import annotations

import re
from dataclasses import dataclass

from activities.diagnosis.evidence import Phase
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.manifests import dockerfile
from workflows.models.finding import FindingKind

_REFERENCE = re.compile(r"^(?P<path>[^\s@]+?)(?::(?P<tag>[\w][\w.-]*))?(?:@sha256:[0-9a-f]+)?$")
_LANGUAGES = re.compile(
    r"(?:^|/)(?:golang|ruby|php|python|pypy|node|rust|maven|gradle|openjdk|eclipse-temurin|composer)(?::|@|$)"
)
_VARIANTS = frozenset(
    {
        "bullseye",
        "bookworm",
        "trixie",
        "alpine",
        "slim",
        "fpm",
        "apache",
        "cli",
        "zts",
        "jdk",
        "jre",
        "temurin",
        "openjdk",
    }
)


@dataclass(frozen=True)
class Tool:
    """A language's tools: the images that carry them, and the commands that call them."""

    images: str
    """Pattern of the image's name."""
    commands: str
    """Pattern of a command in a RUN."""


def tool_stage(project: Project, tool: Tool, *, building: bool = True) -> int | None:
    """The stage where the tool builds, or where what it built runs; None where no stage carries it."""
    facts = project.facts
    if facts is None or not facts.stages:
        return None
    reachable = facts.reachable()
    fitting = {i for i in reachable if re.search(tool.images, facts.stages[facts.chain(i)[-1]].image)}
    if not building and facts.target in fitting:
        return facts.target
    running = {facts.stage_of[i] for i, _ in commands_of(project, tool.commands)} & reachable
    for found in (running & fitting, fitting, running):
        if found:
            return max(found)
    return None


def commands_of(project: Project, pattern: str) -> list[tuple[int, str]]:
    """Where RUN instructions call a command that matches: the instruction's index, and the words."""
    facts = project.facts
    return [
        (index, match[0].strip())
        for index, instruction in enumerate(facts.instructions if facts else ())
        if instruction.keyword == "RUN"
        for match in re.finditer(pattern, instruction.body.chars)
    ]


def first_command(project: Project, pattern: str) -> str:
    """The first such call, as written; '' where the Dockerfile has none."""
    return next((words for _, words in commands_of(project, pattern)), "")


def stage_name(project: Project, tool: Tool, place: Place) -> str:
    """The stage that lacks what the build needs, as a number; '' for the one that is built in the end."""
    stage = tool_stage(project, tool) if place.phase is Phase.BUILD else None
    facts = project.facts
    return "" if stage is None or facts is None or stage in facts.chain(facts.target) else str(stage)


def tool_image(project: Project, tool: Tool, *, building: bool = True) -> str:
    """The image that carries the tool, '' where neither Dockerfile nor evidence name one."""
    stage = tool_stage(project, tool, building=building)
    if stage is not None and project.facts is not None:
        image = project.facts.stages[project.facts.chain(stage)[-1]].image
        if re.search(tool.images, image):
            return image
    return project.base_image if re.search(tool.images, project.base_image) else ""


def manager_for(project: Project, tool: Tool, *, building: bool = True) -> str:
    """The package manager of the stage that runs the tool; Debian's where nothing at all is known."""
    stage = tool_stage(project, tool, building=building)
    if stage is not None and project.facts is not None:
        found = dockerfile.package_manager(project.facts, stage)
        if found:
            return found
    unknown = project.facts is None and not project.base_image
    return project.package_manager or ("apt" if unknown else "")


def is_foreign(project: Project, tool: Tool) -> bool:
    """Whether the service stands on another language's image and on none of these."""
    facts = project.facts
    stages = (
        [facts.stages[facts.chain(i)[-1]].image for i in facts.reachable()] if facts and facts.stages else []
    )
    stated = [*stages, project.base_image]
    return not any(re.search(tool.images, image) for image in stated) and any(map(_LANGUAGES.search, stated))


def tag_of(image: str) -> str:
    """The tag of an image reference, '' for none."""
    found = _REFERENCE.match(image)
    return (found["tag"] or "") if found else ""


def release_in(image: str) -> tuple[int, ...]:
    """The version a tag begins with (`golang:1.19-alpine` -> (1, 19)); () where it has none."""
    found = re.match(r"(?:[a-z]+-)?v?(\d+(?:\.\d+)*)", tag_of(image))
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def with_release(image: str, version: str) -> str:
    """`image` at `version`, of the same variant; '' for a reference that cannot be rewritten.

    A variant that names an Alpine release or an archived Debian one (`-alpine3.10`, `-buster`) loses that
    part, since newer versions are not published for it.
    """
    found = _REFERENCE.match(image)
    if found is None or "$" in image:
        return ""
    words = re.split(r"-", found["tag"] or "")
    kept = [re.sub(r"^alpine[\d.]+$", "alpine", word) for word in words]
    kept = [word for word in kept if word in _VARIANTS]
    return f"{found['path']}:{'-'.join([version, *kept])}"


def newer_image(identity: str, image: str, version: str, lines: tuple[LogLine, ...], reason: str) -> Verdict:
    """The need of a newer image of the tool; a refusal where the present one is unknown or new enough.

    Of a version the patch release counts only where the image states one of the same minor release.
    """
    if not image:
        return Refusal(identity, f"{reason}; but which image brings the tool is not known", lines[:1])
    wanted = tuple(int(part) for part in version.split("."))
    present = release_in(image)
    if present[:2] != wanted[:2] or len(present) < 3:
        wanted = wanted[:2]
    version = ".".join(map(str, wanted))
    if present and present[: len(wanted)] >= wanted:
        return Refusal(identity, f"{reason}; but {image} is not older than {version}", lines[:1])
    return other_image(identity, image, version, lines, reason)


def other_image(identity: str, image: str, version: str, lines: tuple[LogLine, ...], reason: str) -> Verdict:
    """The need of the tool's image at `version`, newer or older; a refusal where it cannot be named."""
    reference = with_release(image, version)
    if not reference or reference == image:
        stated = image or "the base image"
        return Refusal(identity, f"{reason}; but {stated} has no tag that can be changed", lines[:1])
    why = f"{reason}; {reference} carries it"
    return Need(identity, FindingKind.CHANGE_BASE_IMAGE, (reference,), lines, why, replaces=image)
