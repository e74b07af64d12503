"""Dockerfiles: an operating system package no longer installed; all else stays.

Texts must be read and written without newline translation, so that CRLF survives (I8).
"""

from __future__ import annotations

import re

from activities.manifests.dockerfile_facts import DockerfileFacts, Installed
from activities.manifests.dockerfile_reader import parse
from activities.manifests.errors import ManifestError
from activities.manifests.installers import SystemInstall
from activities.manifests.shell_words import commands

_ONLY_INSTALLS = re.compile(
    r"^(?:apt|apt-get|apk|yum|dnf|microdnf) (?:.* )?(?:update|upgrade|install|add|clean|autoremove)\b"
    r"|^rm (?:-\w+ )*(?:/var/lib/apt/lists\S*|/var/cache/(?:apk|apt|yum|dnf)\S*)(?: |$)|^set -\w+$"
)


def remove_system_package(text: str, name: str, *, target: str | None = None) -> str:
    """The text in which no install of the built stages names the package.

    An install of it alone goes with its RUN, where that RUN does nothing else.

    Raises:
        ManifestError: no install names it, or it cannot be taken out without touching something else.
    """
    facts = parse(text, target)
    spans = [span for site in facts.installs for span in _spans(text, facts, site, name)]
    if not spans:
        raise ManifestError(f"no install in this Dockerfile names {name}")
    for start, end in sorted(set(spans), reverse=True):
        text = text[:start] + text[end:]
    left = parse(text, target)
    if any(name in left.system_packages(stage) for stage in left.reachable()):
        raise ManifestError(f"the place of {name} in this Dockerfile is not clear")
    return text


def _spans(text: str, facts: DockerfileFacts, site: Installed, name: str) -> list[tuple[int, int]]:
    what = site.what
    if not isinstance(what, SystemInstall) or site.stage not in facts.reachable():
        return []
    names = [re.split(r"[=~<>@]", word.text, maxsplit=1)[0] for word in what.packages]
    hits = [index for index, one in enumerate(names) if one == name]
    if hits and len(hits) == len(names):
        return [_whole_run(facts, site, name)]
    return [_word(text, what, index) for index in hits]


def _word(text: str, what: SystemInstall, index: int) -> tuple[int, int]:
    """The word with what separates it from the one before, or, for the first, from the one behind."""
    word = what.packages[index]
    before = what.packages[index - 1] if index else what.lead
    start, end = (before.end, word.end) if index else (word.start, what.packages[1].start)
    if min(word.start, before.start) < 0 or "#" in text[start:end]:
        raise ManifestError(f"{word.text} cannot be taken out without touching a comment beside it")
    return start, end


def _whole_run(facts: DockerfileFacts, site: Installed, name: str) -> tuple[int, int]:
    instruction = facts.instructions[site.instruction]
    scripts = (instruction.body, *instruction.heredocs)
    said = [" ".join(command.texts) for script in scripts for command in commands(script)]
    if not said or not all(_ONLY_INSTALLS.search(one) for one in said):
        raise ManifestError(f"{name} is the only package of a RUN that does other things too")
    return instruction.start, instruction.end
