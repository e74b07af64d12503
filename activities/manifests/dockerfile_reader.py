"""Reads a Dockerfile from top to bottom into facts."""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass, field, replace

from activities.manifests.dockerfile_facts import CopySource, DockerfileFacts, Installed, Stage
from activities.manifests.dockerfile_lines import Instruction, instructions
from activities.manifests.installers import install_of
from activities.manifests.shell_words import Command, Script, Word, commands, plain_words

_FROM = re.compile(r"^(?:--\S+\s+)*(?P<image>[^\s-]\S*)(?:\s+as\s+(?P<name>\S+))?\s*$", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh"})


@dataclass
class _State:
    """What is in effect while the file is read from top to bottom."""

    stage: int = -1
    arguments: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""


def parse(text: str, target: str | None = None) -> DockerfileFacts:
    """The facts of a Dockerfile; `target` names the stage that is built, the last one by default.

    Never raises: what cannot be read is left out.
    """
    return _Reader(text).read(target)


class _Reader:
    def __init__(self, text: str) -> None:
        self.instructions = instructions(text)
        self.state = _State()
        self.stage_of: list[int] = []
        self.stages: list[Stage] = []
        self.ends: list[_State] = []
        self.copies: list[CopySource] = []
        self.installs: list[Installed] = []

    def read(self, target: str | None) -> DockerfileFacts:
        for index, instruction in enumerate(self.instructions):
            if instruction.keyword == "FROM":
                self._from(instruction)
            self.stage_of.append(self.state.stage)
            self._one(index, instruction)
        facts = DockerfileFacts(
            tuple(self.instructions),
            tuple(self.stage_of),
            tuple(self.stages),
            len(self.stages) - 1,
            tuple(end.user for end in self.ends),
            tuple(end.workdir for end in self.ends),
            tuple(self.copies),
            tuple(self.installs),
        )
        wanted = facts.stage(target or None)
        if wanted is None or wanted < 0:
            return facts
        return replace(facts, target=wanted, environment=self.ends[wanted].environment)

    def _from(self, instruction: Instruction) -> None:
        found = _FROM.match(instruction.text)
        image = self._expand(found["image"], self.state.arguments) if found else instruction.text
        parent = next((s.index for s in reversed(self.stages) if s.name and s.name == image.lower()), None)
        index = len(self.stages)
        self.stages.append(Stage(index, (found["name"] or "").lower() if found else "", image, parent))
        base = self.ends[parent] if parent is not None else _State()
        self.state = _State(index, self.state.arguments, dict(base.environment), base.workdir, base.user)
        self.ends.append(self.state)

    def _one(self, index: int, instruction: Instruction) -> None:
        state = self.state
        if instruction.keyword in ("ARG", "ENV"):
            self._assign(instruction)
        elif instruction.keyword == "WORKDIR":
            state.workdir = self._absolute(instruction.text)
        elif instruction.keyword == "USER":
            state.user = self._expand(instruction.text, state.environment).split(":", 1)[0]
        elif instruction.keyword in ("COPY", "ADD"):
            self._copy(instruction)
        elif instruction.keyword == "RUN" and state.stage >= 0:
            self._run(index, instruction)

    def _assign(self, instruction: Instruction) -> None:
        """`ARG a=1`, `ENV a=1 b=2` and the old `ENV a 1`; an ARG before FROM serves FROM lines only."""
        words = plain_words(instruction.text)
        values = self.state.environment if self.state.stage >= 0 else self.state.arguments
        if instruction.keyword == "ENV" and len(words) > 1 and "=" not in words[0]:
            values[words[0]] = self._expand(" ".join(words[1:]), values)
            return
        for word in words:
            name, equals, value = word.partition("=")
            if equals:
                values[name] = self._expand(value, values)
            elif name in self.state.arguments and self.state.stage >= 0:
                values[name] = self.state.arguments[name]

    def _copy(self, instruction: Instruction) -> None:
        words = _words(instruction)
        options = [w for w in words if w.startswith("--")]
        paths = [self._expand(w, self.state.environment) for w in words if not w.startswith("--")]
        if len(paths) < 2 or instruction.heredocs:
            return
        origin = next((o.split("=", 1)[1] for o in options if o.startswith("--from=")), "")
        directory = len(paths) > 2 or paths[-1].endswith("/") or paths[-1] in (".", "./")
        destination = self._absolute(paths[-1]).rstrip("/") + ("/" if directory else "")
        self.copies.append(
            CopySource(self.state.stage, instruction.line, tuple(paths[:-1]), destination, origin)
        )

    def _run(self, index: int, instruction: Instruction) -> None:
        state = self.state
        self.copies.extend(self._mounts(instruction))
        for command in run_commands(instruction):
            what = install_of(command)
            if what:
                self.installs.append(
                    Installed(state.stage, instruction.line, index, what, state.workdir, state.user)
                )

    def _mounts(self, instruction: Instruction) -> list[CopySource]:
        found = []
        for mount in re.findall(r"--mount=(\S+)", instruction.body.chars):
            parts = dict(part.partition("=")[::2] for part in mount.split(","))
            source = parts.get("source") or parts.get("src")
            place = parts.get("target") or parts.get("dst") or parts.get("destination")
            if parts.get("type", "bind") == "bind" and source and place and "from" not in parts:
                found.append(CopySource(self.state.stage, instruction.line, (source,), self._absolute(place)))
        return found

    def _absolute(self, path: str) -> str:
        plain = self._expand(path.strip().strip("\"'"), self.state.environment)
        return posixpath.normpath(posixpath.join(self.state.workdir, plain))

    @staticmethod
    def _expand(text: str, values: dict[str, str]) -> str:
        def value(found: re.Match[str]) -> str:
            return values.get(found[1] or found[3]) or found[2] or found[0]

        return _VARIABLE.sub(value, text)


def run_commands(instruction: Instruction) -> list[Command]:
    """The simple commands of a RUN: shell form, exec form or heredoc script."""
    words = _words(instruction)
    if instruction.text.startswith("["):
        return [Command(tuple(Word(w, -1, -1) for w in words))] if words else []
    plain = commands(_without_flags(instruction.body))
    first = [posixpath.basename(text) for text in plain[0].texts if not text.startswith("-")] if plain else []
    if instruction.heredocs and (not first or first[0] in _SHELLS):
        return [command for script in instruction.heredocs for command in commands(script)]
    return plain


def _words(instruction: Instruction) -> list[str]:
    """Words of the body; the items of a JSON array where it is one."""
    text = re.sub(r"^(?:--\S+\s+)*", "", instruction.text)
    if text.startswith("["):
        try:
            items = json.loads(text)
            flags = instruction.text[: len(instruction.text) - len(text)].split()
            return flags + [str(item) for item in items]
        except (ValueError, RecursionError):
            return []
    return plain_words(instruction.text)


def _without_flags(body: Script) -> Script:
    """Without `--mount=...` and the like at its start; their place is blanked, so offsets stay."""
    flags = re.match(r"\s*(?:--\w+\S*\s+)*", body.chars)
    size = flags.end() if flags else 0
    return Script(" " * size + body.chars[size:], body.offsets)
