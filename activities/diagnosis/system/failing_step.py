"""The command of the build step that failed, as the log echoes it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from activities.diagnosis.evidence import Phase
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.reading import Place
from activities.manifests.dockerfile_facts import DockerfileFacts
from activities.manifests.shell_words import Command, Script, commands

_LEGACY_END = re.compile(r"^The command '(?:/bin/\w+ -\w*c )?(?P<run>.*)' returned a non-zero code")
_STEP = re.compile(r"^(?:Step \d+/\d+ : |(?: > )?\[(?:[\w.-]+ +)*\d+/\d+\] )(?:RUN )(?P<run>.*?):?$")
_FAR = 4000


def failing_command(place: Place) -> str:
    """The shell text of the failing RUN, '' where the log does not echo it."""
    end = _first(_LEGACY_END, place.after(_FAR))
    return end or _first(_STEP, reversed([*place.before(_FAR), place.line]))


def step_lines(place: Place) -> list[LogLine]:
    """What the failing step printed before this line, in order, its echo left out."""
    found: list[LogLine] = []
    for line in reversed(place.before(_FAR)):
        if _STEP.match(line.plain) or line.plain.startswith("Step "):
            break
        found.append(line)
    return found[::-1]


def commands_in(text: str) -> list[Command]:
    """The simple commands of a shell text."""
    return commands(Script(text, range(len(text))))


def _first(pattern: re.Pattern[str], lines: Iterable[LogLine]) -> str:
    return next((found["run"].strip() for line in lines if (found := pattern.match(line.plain))), "")


def failing_stage(place: Place, facts: DockerfileFacts | None) -> int | None:
    """The stage of the Dockerfile that holds the failing RUN; None where it is not found."""
    run = _plain(failing_command(place)) if place.phase is Phase.BUILD and facts else ""
    if not run or facts is None:
        return None
    for stage, instruction in zip(facts.stage_of, facts.instructions, strict=True):
        if instruction.keyword == "RUN" and stage >= 0 and _plain(instruction.text).startswith(run):
            return stage
    return None


def _plain(text: str) -> str:
    """Blanks collapsed, and the end that BuildKit cuts off taken away."""
    return re.sub(r"\s+", " ", text).strip().removesuffix("...").strip()
