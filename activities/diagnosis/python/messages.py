"""Messages about releases that do not fit each other, missing extras and look-alike distributions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from packaging.requirements import Requirement

from activities.diagnosis.data_files import data_file
from activities.diagnosis.knowledge import known_distribution
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.project import Project
from activities.diagnosis.python.tracebacks import Frame
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.diagnosis.versions import number
from workflows.models.finding import FindingKind

_MAX_TEXT = 1_500


@dataclass(frozen=True)
class _Message:
    """One entry of the table."""

    id: str
    pattern: re.Pattern[str]
    kind: FindingKind
    names: tuple[str, ...]
    frame: re.Pattern[str] | None
    newest_python: str


def known_pair(
    text: str, lines: tuple[LogLine, ...], frames: Sequence[Frame], project: Project
) -> Verdict | None:
    """The verdict on an error's text that is on record, None where it is not."""
    text = text[:_MAX_TEXT]
    for message in _messages():
        found = message.pattern.search(text)
        if found is None or (message.frame and not any(message.frame.search(frame.file) for frame in frames)):
            continue
        verdict = _need(message, found, lines, project)
        if verdict is not None:
            return verdict
    return None


def _need(
    message: _Message, found: re.Match[str], lines: tuple[LogLine, ...], project: Project
) -> Verdict | None:
    rule = f"python.{message.id}"
    texts = tuple(_filled(name, found) for name in message.names)
    requirements = [Requirement(text) for text in texts]
    if found.groups() and not all(known_distribution(one.name) for one in requirements):
        return None
    running = project.python_version
    said = " ".join(found[0].split())[:160]
    if message.newest_python and running and number(running) > number(message.newest_python):
        why = f"the log says {said!r}; {texts[0]} would cure it but does not run on Python {running}"
        return Refusal(rule, why, lines)
    why = f"the log says {said!r}, which {' -> '.join(texts)} cures"
    if message.kind is FindingKind.CHANGE_PYTHON_VERSION_PIN:
        one = requirements[0]
        return Need(rule, message.kind, (one.name,), lines, why, str(one.specifier))
    replaces = texts[0] if message.kind is FindingKind.REPLACE_PYTHON_PACKAGE else ""
    return Need(rule, message.kind, texts, lines, why, replaces=replaces)


def _filled(name: str, found: re.Match[str]) -> str:
    return re.sub(r"\{(\d)\}", lambda place: str(found[int(place[1])]), name)


@cache
def _messages() -> tuple[_Message, ...]:
    entries = data_file("python_messages.json")["messages"]
    return tuple(
        _Message(
            entry["id"],
            re.compile(entry["pattern"]),
            FindingKind(entry["kind"]),
            tuple(entry["names"]),
            re.compile(entry["frame"]) if entry.get("frame") else None,
            entry.get("newest_python", ""),
        )
        for entry in entries
    )
