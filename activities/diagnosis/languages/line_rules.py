"""Rules that are told by one line: a pattern, and what it means.

What a message means without a look at the project stands in the language's data file (``from_table``);
what needs one is a function beside its pattern. Both are tried in order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from activities.diagnosis.data_files import data_file
from activities.diagnosis.evidence import Phase
from activities.diagnosis.languages.context_files import target_of
from activities.diagnosis.languages.literals import needed_words
from activities.diagnosis.languages.toolchain import Tool, first_command, is_foreign, manager_for, stage_name
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

Judge = Callable[[re.Match[str], Place, Project], Verdict | None]
_MAX_SAID = 160


@dataclass(frozen=True)
class Rule:
    """A message and its meaning; a judge that answers None leaves the line to the next rule."""

    pattern: re.Pattern[str]
    judge: Judge
    words: tuple[str, ...] = ()
    """The pattern is tried only on lines that hold one of these; on all where there are none."""

    def search(self, text: str) -> re.Match[str] | None:
        """The message in a line."""
        if self.words and not any(word in text for word in self.words):
            return None
        return self.pattern.search(text)


def rule(pattern: str, judge: Judge) -> Rule:
    """A rule from the text of its pattern."""
    return Rule(re.compile(pattern), judge, needed_words(pattern))


def judged(rules: Sequence[Rule], place: Place, project: Project) -> Verdict | None:
    """The first verdict that any rule has on the line."""
    for one in rules:
        found = one.search(place.line.plain)
        verdict = one.judge(found, place, project) if found else None
        if verdict is not None:
            return verdict
    return None


def from_table(language: str, tool: Tool) -> tuple[Rule, ...]:
    """The messages of ``<language>.json``; packages go to the stage of `tool`."""
    entries = data_file(f"{language}.json")["messages"]
    return tuple(rule(entry["pattern"], _meaning(language, tool, entry)) for entry in entries)


def _meaning(language: str, tool: Tool, entry: dict[str, Any]) -> Judge:
    """An entry's keys: `id pattern reason kind`; `names version before`, or `apt apk`; `build weak`.

    `build`: only builds of this language print it, whatever the phase is thought to be.
    """
    identity = f"{language}.{entry['id']}"
    kind, build_only = FindingKind(entry["kind"]), bool(entry.get("build"))

    def judge(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
        if build_only and is_foreign(project, tool):
            return None
        if build_only:
            place = replace(place, phase=Phase.BUILD)
        said = found[0].strip()[:_MAX_SAID]
        reason = found.expand(entry["reason"]) if found.groups() else str(entry["reason"])
        if kind is FindingKind.DECLINE:
            return Refusal(identity, reason, (place.line,), generic=bool(entry.get("weak")))
        if kind is FindingKind.ADD_SYSTEM_PACKAGE:
            return system_need(identity, entry, place, project, tool)
        names = tuple(found.expand(name) for name in entry["names"])
        if kind is FindingKind.EDIT_RUN_COMMAND:
            ahead = first_command(project, entry["before"]) if "before" in entry else ""
            return command_need(identity, names[0], place, reason, ahead_of=ahead)
        target = target_of(project, names[0]) if kind is FindingKind.CHANGE_LOCKFILE else ""
        why = f"{reason} (the log says {said!r})"
        version = str(entry.get("version", ""))
        return Need(identity, kind, names, (place.line,), why, version=version, target=target)

    return judge


def system_need(identity: str, entry: dict[str, Any], place: Place, project: Project, tool: Tool) -> Verdict:
    """The system packages of `entry` for the stage that runs the tool; a refusal where none is known."""
    manager = manager_for(project, tool, building=place.phase is Phase.BUILD)
    wanted = tuple(entry.get(manager, ()))
    if not wanted:
        where = manager or "the package manager of this image, which is not known"
        return Refusal(identity, f"{entry['reason']}; the package for {where} is not known", (place.line,))
    prefix = "build" if place.phase is Phase.BUILD else "system"
    why = f"{entry['reason']}; {', '.join(wanted)} of {manager} bring it"
    name = f"{prefix}.{identity.replace('.', '_')}"
    stage = stage_name(project, tool, place)
    return Need(name, FindingKind.ADD_SYSTEM_PACKAGE, wanted, (place.line,), why, stage=stage)


def command_need(
    identity: str, command: str, place: Place, reason: str, *, ahead_of: str = "", replaces: str = ""
) -> Need:
    """A command for the Dockerfile: in the place of `replaces`, or ahead of the RUN that calls `ahead_of`."""
    names = (command, ahead_of) if ahead_of and not replaces else (command,)
    kind = FindingKind.EDIT_RUN_COMMAND
    return Need(identity, kind, names, (place.line,), reason, replaces=replaces)
