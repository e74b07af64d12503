"""A command added to a Dockerfile as a RUN of its own, at the place where what it does is needed."""

from __future__ import annotations

import re

from activities.manifests.dockerfile_facts import DockerfileFacts
from activities.manifests.dockerfile_lines import Instruction
from activities.manifests.dockerfile_reader import parse
from activities.manifests.errors import ManifestError
from activities.manifests.toml_text import line_end

_CONTROL = re.compile(r"[\r\n\x00]")
_ENDS = frozenset({"CMD", "ENTRYPOINT", "USER", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "VOLUME"})


def insert_command(text: str, command: str, ahead_of: str = "", *, target: str | None = None) -> str:
    """The text with `RUN command` before the RUN that calls `ahead_of`.

    Without one it follows the last COPY of the built stage, or, where that copies nothing, stands at its end.

    Raises:
        ManifestError: no command on one line, or no such place.
    """
    if not command.strip() or _CONTROL.search(command):
        raise ManifestError(f"{command!r} is not a command on one line")
    facts = parse(text, target)
    if not facts.stages:
        raise ManifestError("the Dockerfile has no FROM")
    end = line_end(text)
    line = f"RUN {command}{end}"
    before = _caller(facts, ahead_of) if ahead_of else None
    if before is not None:
        return text[: before.start] + line + text[before.start :]
    place = _last(facts)
    head = text[: place.end]
    return head + ("" if head.endswith("\n") else end) + line + text[place.end :]


def _caller(facts: DockerfileFacts, call: str) -> Instruction:
    words = re.compile(r"\s+".join(map(re.escape, call.split())))
    reachable = facts.reachable()
    for stage, instruction in zip(facts.stage_of, facts.instructions, strict=True):
        scripts = (instruction.body, *instruction.heredocs)
        if (
            stage in reachable
            and instruction.keyword == "RUN"
            and any(words.search(s.chars) for s in scripts)
        ):
            return instruction
    raise ManifestError(f"no RUN of this Dockerfile calls `{call}`")


def _last(facts: DockerfileFacts) -> Instruction:
    """What the command follows in the built stage."""
    mine = [i for stage, i in zip(facts.stage_of, facts.instructions, strict=True) if stage == facts.target]
    copies = [instruction for instruction in mine if instruction.keyword in ("COPY", "ADD")]
    if copies:
        return copies[-1]
    last = mine[0]
    for instruction in mine[1:]:
        if instruction.keyword in _ENDS:
            break
        last = instruction
    return last
