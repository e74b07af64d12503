"""Dockerfiles: packages exchanged, pins loosened, base images changed, commands edited; all else stays.

Texts must be read and written without newline translation, so that CRLF survives (I8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from activities.manifests.dockerfile_facts import DockerfileFacts, Stage
from activities.manifests.dockerfile_lines import Instruction
from activities.manifests.dockerfile_reader import parse
from activities.manifests.errors import ManifestError
from activities.manifests.installers import SystemInstall
from activities.manifests.shell_words import Script

_PACKAGE = re.compile(r"^[a-z0-9A-Z][A-Za-z0-9+._-]*$")
_IMAGE = re.compile(r"^[a-z0-9][\w.-]*(?::\d+)?(?:/[\w.-]+)*(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$")
_FROM_IMAGE = re.compile(r"^\s*(?:--\S+\s+)*(?P<image>[^\s-]\S*)")
_VARIABLE = re.compile(r"\$(?:\{(?P<a>\w+)(?::?-[^}]*)?\}|(?P<b>\w+))")
_ENDS = frozenset({"CMD", "ENTRYPOINT", "USER", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "VOLUME"})
_APT_UPDATE = re.compile(r"\bapt(?:-get)?\s+(?:-\S+\s+)*update\b")
_APT_INSTALL = re.compile(r"(?P<sudo>sudo\s+)?\bapt(?:-get)?\s+(?:-\S+\s+)*install\b")
_RUNS_COMMANDS = frozenset({"RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"})
_CONTROL = re.compile(r"[\r\n\x00]")
Span = tuple[int, int, str]
"""Offsets of a stretch of the text, and what takes its place."""


def replace_system_packages(text: str, pairs: Mapping[str, str], *, target: str | None = None) -> str:
    """The text with every install of a package (key) turned into one of another (value), its pin dropped.

    Raises ManifestError where a name is not valid or no install in the built stages names the package.
    """
    _check(_PACKAGE, "package name", *pairs.values())
    edits: list[Span] = []
    for old, new in pairs.items():
        found = [edit for site in _installs(text, target) for edit in _exchange(site, old, new)]
        if not found:
            raise ManifestError(f"no install in this Dockerfile names {old}")
        edits += found
    return _apply(text, edits)


def pin_system_packages(text: str, pins: Mapping[str, str], *, target: str | None = None) -> str:
    """The text with the pins of packages changed (`=1.2*`), or taken away for ''.

    Raises ManifestError where no install in the built stages pins the package.
    """
    edits: list[Span] = []
    for name, pin in pins.items():
        words = [word for site in _installs(text, target) for word in site.packages if word.start >= 0]
        pinned = [word for word in words if re.match(rf"{re.escape(name)}[=~<>@]", word.text)]
        if not pinned:
            raise ManifestError(f"no install in this Dockerfile pins {name}")
        edits += [(word.start, word.end, name + pin) for word in pinned]
    return _apply(text, edits)


def change_base_image(text: str, new: str, old: str | None = None, *, target: str | None = None) -> str:
    """The text with the stages that stand on `old` (default: the built one) put on `new`.

    Options, stage names and comments stay; where the reference is put together from build arguments whose
    defaults can say the new one, those defaults change. Raises ManifestError where no stage stands on `old`.
    """
    _check(_IMAGE, "image reference", new)
    facts = parse(text, target)
    if not facts.stages:
        raise ManifestError("the Dockerfile has no FROM")
    wanted = old or facts.base_image
    stages = [stage for stage in facts.stages if stage.parent is None and stage.image == wanted]
    if not stages:
        raise ManifestError(f"no stage of this Dockerfile is built on {wanted}")
    edits = dict.fromkeys(edit for stage in stages for edit in _from_edits(facts, stage, new))
    result = _apply(text, list(edits))
    now = parse(result, target).stages
    others = [s.index for s in facts.stages if s not in stages]
    if any(now[s.index].image != new for s in stages) or any(now[i] != facts.stages[i] for i in others):
        raise ManifestError(f"the build arguments of this Dockerfile leave no clear place for {new}")
    return result


def replace_command(text: str, old: str, new: str, *, target: str | None = None) -> str:
    """The text with the one place that runs `old` running `new`.

    Raises ManifestError where no place, or more than one, of the built stages runs it.
    """
    _check_command(new)
    words = r"(?:\s+)".join(map(re.escape, old.split()))
    pattern = re.compile(rf"(?<![\w./-]){words}(?![\w./-])")
    found = [
        _span(script, m.start(), m.end(), new)
        for instruction in _instructions(text, target, _RUNS_COMMANDS)
        for script in (instruction.body, *instruction.heredocs)
        for m in pattern.finditer(script.chars)
    ]
    if len(found) != 1:
        raise ManifestError(f"{len(found)} places in this Dockerfile run `{old}`")
    return _apply(text, found)


def insert_command(text: str, command: str, ahead_of: str = "", *, target: str | None = None) -> str:
    """The text with `command` run before the RUN that calls `ahead_of`; without one, after the last COPY,
    or, where nothing is copied, at the end of what builds the stage.

    `apt-get update` goes into the same RUN, because a layer of its own would be cached. Raises ManifestError
    where there is no such place.
    """
    _check_command(command)
    if _APT_UPDATE.search(command):
        return _insert_update(text, command, target)
    place = _place(text, ahead_of, target)
    end = "\r\n" if "\r\n" in text else "\n"
    line = f"RUN {command}{end}"
    if ahead_of:
        return text[: place.start] + line + text[place.start :]
    head = text[: place.end]
    return head + ("" if head.endswith("\n") else end) + line + text[place.end :]


def _place(text: str, ahead_of: str, target: str | None) -> Instruction:
    if ahead_of:
        words = re.compile(r"\s+".join(map(re.escape, ahead_of.split())))
        runs = _instructions(text, target, frozenset({"RUN"}))
        found = [i for i in runs if any(words.search(s.chars) for s in (i.body, *i.heredocs))]
        if not found:
            raise ManifestError(f"no RUN of this Dockerfile calls `{ahead_of}`")
        return found[0]
    copies = list(_instructions(text, target, frozenset({"COPY", "ADD"})))
    return copies[-1] if copies else _last_of_the_build(parse(text, target))


def _last_of_the_build(facts: DockerfileFacts) -> Instruction:
    """Of a stage that copies nothing: what stands before its user, its ports and its command."""
    mine = [i for stage, i in zip(facts.stage_of, facts.instructions, strict=True) if stage == facts.target]
    if not facts.stages or not mine:
        raise ManifestError("the Dockerfile has no FROM")
    last = mine[0]
    for instruction in mine[1:]:
        if instruction.keyword in _ENDS:
            break
        last = instruction
    return last


def _insert_update(text: str, command: str, target: str | None) -> str:
    for instruction in _instructions(text, target, frozenset({"RUN"})):
        for script in (instruction.body, *instruction.heredocs):
            install = _APT_INSTALL.search(script.chars)
            if install and not _APT_UPDATE.search(script.chars[: install.start()]):
                at = script.offsets[install.start()]
                words = f"{'sudo ' if install['sudo'] else ''}{command} && "
                return text[:at] + words + text[at:]
    raise ManifestError("every install of this Dockerfile has an `apt-get update` before it")


def _from_edits(facts: DockerfileFacts, stage: Stage, new: str) -> list[Span]:
    position = facts.stage_of.index(stage.index)
    body = facts.instructions[position].body
    found = _FROM_IMAGE.match(body.chars)
    if found is None:
        raise ManifestError("this FROM has no image")
    written = found["image"]
    values = _solved(written, new)
    defaults = [_default(facts, position, name, value) for name, value in values.items()]
    if not values or None in defaults:
        return [_span(body, found.start("image"), found.end("image"), new)]
    return [edit for edit in defaults if edit]


def _solved(written: str, new: str) -> dict[str, str]:
    """Values of the build arguments in `written` that make it `new`; empty where it has not just one."""
    names, pattern, at = list[str](), "", 0
    for variable in _VARIABLE.finditer(written):
        pattern += re.escape(written[at : variable.start()]) + r"([\w./-]+)"
        names.append(variable["a"] or variable["b"])
        at = variable.end()
    found = re.fullmatch(pattern + re.escape(written[at:]), new)
    return dict(zip(names, found.groups(), strict=True)) if found and len(names) == 1 else {}


def _default(facts: DockerfileFacts, before: int, name: str, value: str) -> Span | None:
    """The edit that gives a build argument its new default; None where it has none to change."""
    for instruction in facts.instructions[:before]:
        found = re.match(rf"\s*{name}=(?P<q>[\"']?)(?P<value>[^\"'\s]+)(?P=q)\s*$", instruction.body.chars)
        if instruction.keyword == "ARG" and found:
            return _span(instruction.body, found.start("value"), found.end("value"), value)
    return None


def _exchange(site: SystemInstall, old: str, new: str) -> Iterator[Span]:
    names = [re.split(r"[=~<>@]", word.text, maxsplit=1)[0] for word in site.packages]
    for index, (word, name) in enumerate(zip(site.packages, names, strict=True)):
        if name != old or word.start < 0:
            continue
        before = site.packages[index - 1] if index else site.lead
        if new in names and new != old and before.start >= 0:
            yield before.end, word.end, ""
        else:
            yield word.start, word.end, new


def _installs(text: str, target: str | None) -> list[SystemInstall]:
    facts = parse(text, target)
    stages = facts.reachable()
    found = (i.what for i in facts.installs if i.stage in stages)
    return [what for what in found if isinstance(what, SystemInstall)]


def _instructions(text: str, target: str | None, keywords: frozenset[str]) -> Iterator[Instruction]:
    """Of the stages that the target needs, in file order."""
    facts = parse(text, target)
    stages = facts.reachable()
    for stage, instruction in zip(facts.stage_of, facts.instructions, strict=True):
        if stage in stages and instruction.keyword in keywords:
            yield instruction


def _span(script: Script, start: int, end: int, new: str) -> Span:
    return script.offsets[start], script.offsets[end - 1] + 1, new


def _apply(text: str, edits: list[Span]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _check(pattern: re.Pattern[str], what: str, *values: str) -> None:
    bad = [value for value in values if not pattern.match(value)]
    if bad:
        raise ManifestError(f"{bad[0]!r} is not a valid {what}")


def _check_command(command: str) -> None:
    if not command.strip() or _CONTROL.search(command):
        raise ManifestError(f"{command!r} is not a command on one line")
