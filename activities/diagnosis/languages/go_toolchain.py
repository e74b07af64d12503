"""Go's releases and commands: a Go that is too old, not there, or that links to the wrong C library."""

from __future__ import annotations

import re

from activities.diagnosis.languages.go_modules import declared_release, name_since
from activities.diagnosis.languages.line_rules import Rule, command_need, rule
from activities.diagnosis.languages.toolchain import (
    Tool,
    commands_of,
    manager_for,
    newer_image,
    release_in,
    stage_name,
    tool_image,
)
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.diagnosis.versions import number
from workflows.models.finding import FindingKind

TOOL = Tool(r"(?:^|/)(?:golang|go-toolset)\b", r"\bgo (?:build|install|get|test|mod|run|vet|generate)\b")


def _new_name(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """A name of the standard library that this Go does not have yet."""
    since = name_since(found[1])
    image = tool_image(project, TOOL)
    if not since or not image or not release_in(image) or release_in(image) >= number(since):
        return None
    reason = f"{found[1]} is in the standard library since Go {since}"
    return newer_image("go.newer_standard", image, since, (place.line,), reason)


def _needs_release(found: re.Match[str], place: Place, project: Project) -> Verdict:
    version = next((group for group in found.groups() if group), "")
    reason = f"Go {version} or newer is needed: {found[0].strip()}"
    return newer_image("go.older_go", tool_image(project, TOOL), version, (place.line,), reason)


def _go_mod_too_new(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """This Go cannot read the go line or a directive of go.mod."""
    named = re.search(r"1\.\d+", found[0])
    version = max((named[0] if named else "", declared_release(project), "1.21"), key=number)
    reason = f"this Go cannot read go.mod, which is written for Go {version}: {found[0].strip()}"
    return newer_image("go.older_go", tool_image(project, TOOL), version, (place.line,), reason)


def _old_command(found: re.Match[str], place: Place, project: Project) -> Verdict:
    version = "1.18" if "work" in found[0] else "1.16" if "@version" in found[0] else "1.11"
    version = max(version, declared_release(project) or version, key=number)
    reason = f"this Go does not know the command yet: {found[0].strip()}"
    return newer_image("go.older_go", tool_image(project, TOOL), version, (place.line,), reason)


def _dynamic(_: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """A program linked to glibc where there is none: built on Debian, run on Alpine or scratch."""
    facts = project.facts
    image = tool_image(project, TOOL)
    if facts is None or not image or "alpine" in image:
        return None
    target = facts.stages[facts.chain(facts.target)[-1]].image
    builds = [words for _, words in commands_of(project, r"\bgo build\b")]
    dynamic = not any(
        "CGO_ENABLED=0" in i.body.chars or "CGO_ENABLED 0" in i.body.chars for i in facts.instructions
    )
    if (
        len(builds) != 1
        or not dynamic
        or not re.search(r"alpine|^scratch$|distroless/static|busybox", target)
    ):
        return None
    why = f"the program is linked to the C library of {image}, and {target} has none of that kind"
    new = f"CGO_ENABLED=0 {builds[0]}"
    return command_need("go.dynamic", new, place, why, replaces=builds[0])


def _no_go(_: re.Match[str], place: Place, project: Project) -> Verdict:
    """No go command: the image is not one of Go's."""
    if tool_image(project, TOOL):
        reason = "the Go image is there, but its bin folder is not on the PATH of this step"
        return Refusal("go.no_go", reason, (place.line,))
    manager = manager_for(project, TOOL)
    package = {"apt": "golang-go", "apk": "go"}.get(manager)
    if package is None:
        return Refusal("go.no_go", "the go command is not installed in this image", (place.line,))
    why = f"the go command is not installed; {package} of {manager} brings it"
    kind, stage = FindingKind.ADD_SYSTEM_PACKAGE, stage_name(project, TOOL, place)
    return Need("build.go_command", kind, (package,), (place.line,), why, stage=stage)


RULES: tuple[Rule, ...] = (
    rule(
        r"requires go ?>= ?(1\.\d+(?:\.\d+)?) \(running go"
        r"|go\.mod file indicates go (1\.\d+), but maximum (?:supported )?version"
        r"|(?:note: )?module requires [Gg]o (1\.\d+)"
        r"|compiled with (?:an )?older.*go(1\.\d+)"
        r"|toolchain not available.*go(1\.\d+)|download go(1\.\d+)(?:\.\d+)? for .*toolchain not available",
        _needs_release,
    ),
    rule(
        r"invalid go version '[\d.]+(?:rc\d+)?': must match format"
        r"|unknown directive: (?:toolchain|godebug|tool)\b"
        r"|unknown block type: (?:godebug|tool|ignore)",
        _go_mod_too_new,
    ),
    rule(
        r"unknown (?:sub)?command \"(?:mod|work)\""
        r"|(?:can only|cannot) use path@version syntax|flag provided but not defined: -mod\b",
        _old_command,
    ),
    rule(
        r"exec:? \"?/[\w./-]+\"?: (?:stat \S+: )?no such file or directory|/bin/sh: /[\w./-]+: not found$",
        _dynamic,
    ),
    rule(r"\bundefined: (\w+\.[A-Z]\w*)$", _new_name),
    rule(r"\bgo: (?:command )?not found$|exec: \"go\": executable file not found", _no_go),
)
"""Tried in order, behind the rules about modules."""
