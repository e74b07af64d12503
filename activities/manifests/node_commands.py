"""What a Dockerfile's RUN instructions do with npm, yarn and pnpm, and edits of those commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from posixpath import basename

from activities.manifests.dockerfile_facts import DockerfileFacts
from activities.manifests.dockerfile_lines import Instruction
from activities.manifests.dockerfile_reader import parse, run_commands
from activities.manifests.errors import ManifestError
from activities.manifests.shell_words import Command, Word

_TOOLS = frozenset({"npm", "yarn", "pnpm", "yarnpkg", "bun"})
_INSTALLS = frozenset({"install", "i", "ci", "clean-install", "add", "in", "isntall", "install-clean"})
_VALUE = frozenset(
    {"--prefix", "--cwd", "--registry", "-C", "--dir", "--filter", "--loglevel", "--cache", "-w"}
)
_SKIPS_DEV = re.compile(r"^(?:--production(?:=true)?|--prod|-P|--only=prod(?:uction)?|--omit=dev)$")
_KEEPS_DEV = re.compile(r"^(?:--production=false|--include=dev|--only=dev(?:elopment)?|--prod=false|-D)$")
_PRODUCTION = re.compile(r"\bNODE_ENV\s*[= ]\s*[\"']?(?:\$\{NODE_ENV:-)?production\b")
_PACKAGE_WORD = re.compile(r"^(?:@[\w.~-]+/)?[A-Za-z0-9~][\w.~-]*(?:@[\w.^~<>=*|-]+)?$")


@dataclass(frozen=True)
class NodeInstall:
    """One `npm install`, `yarn`, `pnpm add` and the like."""

    stage: int
    instruction: int
    tool: str
    text: str
    """Tool and verb as written: `npm ci`, `yarn`, `yarn install`."""
    words: tuple[Word, ...]
    packages: tuple[Word, ...] = ()
    """Packages named in the command; empty where it installs what package.json asks for."""
    is_global: bool = False
    skips_dev: bool = False
    """True where development dependencies stay out: by option, or by NODE_ENV before it."""
    dev_option: str = ""
    """The option that keeps them out, '' for none."""
    by_environment: bool = False
    """True where NODE_ENV keeps them out."""


def node_installs(facts: DockerfileFacts) -> list[NodeInstall]:
    """Every install of the file, in order, whichever stage it is in."""
    found = []
    for index, instruction in enumerate(facts.instructions):
        if instruction.keyword != "RUN" or facts.stage_of[index] < 0:
            continue
        production = _is_production(facts, index)
        for command in run_commands(instruction):
            install = _install(command, facts.stage_of[index], index, production)
            found += [install] if install else []
    return found


def installing_stage(text: str, target: str | None = None) -> str | None:
    """The number of the first stage that installs with npm, yarn or pnpm; None where none does."""
    facts = parse(text, target)
    reachable = facts.reachable()
    stages = [install.stage for install in node_installs(facts) if install.stage in reachable]
    return str(stages[0]) if stages else None


def replace_command(text: str, old: str, new: str) -> str:
    """The text with the command words `old` of every RUN replaced; `npm ci` leaves `npm cite` alone.

    Raises ManifestError where no RUN has the command.
    """
    places = []
    for instruction in parse(text).instructions:
        if instruction.keyword != "RUN":
            continue
        for command in run_commands(instruction):
            place = _place_of(command, old.split())
            places += [place] if place else []
    if not places:
        raise ManifestError(f"no RUN of this Dockerfile calls {old!r}")
    for start, end in sorted(places, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def insert_command(text: str, command: str, target: str | None = None) -> str:
    """The text with `RUN command` put before the first RUN that needs it, in the stages of `target`.

    An install goes behind the COPY that brings package.json; a tool goes before its first use. Raises
    ManifestError where no such place is clear.
    """
    facts = parse(text, target)
    anchor = _place_for(facts, command)
    if anchor is None:
        raise ManifestError(f"the place for `RUN {command}` is not clear in this Dockerfile")
    end = "\r\n" if "\r\n" in text else "\n"
    at = facts.instructions[anchor].start
    return f"{text[:at]}RUN {command}{end}{text[at:]}"


def add_packages(text: str, names: list[str], target: str | None = None) -> str:
    """The text with packages added to the last `npm install a b` (or yarn add, pnpm add) that names some.

    Raises ManifestError where no such command exists.
    """
    facts = parse(text, target)
    reachable = facts.reachable()
    installs = [i for i in node_installs(facts) if i.stage in reachable and i.packages]
    known = {package_name(w.text) for i in installs for w in i.packages}
    missing = [name for name in names if package_name(name) not in known]
    sites = [i for i in installs if i.packages[-1].start >= 0 and not i.is_global] or [
        i for i in installs if i.packages[-1].start >= 0
    ]
    if not missing:
        return text
    if not sites:
        raise ManifestError("no `npm install <package>` in this Dockerfile can take a further package")
    at = sites[-1].packages[-1].end
    return text[:at] + "".join(f" {_quoted(name)}" for name in missing) + text[at:]


def package_name(spec: str) -> str:
    """The name in `@scope/x@^1.2`."""
    at = spec.find("@", 1)
    return spec if at < 0 else spec[:at]


def _quoted(spec: str) -> str:
    return f"'{spec}'" if re.search(r"[<>^*| ]", spec) else spec


def _install(command: Command, stage: int, index: int, production: bool) -> NodeInstall | None:
    texts = command.texts
    tool = basename(texts[0])
    if tool not in _TOOLS:
        return None
    options, arguments = _split(command.words[1:])
    names = [word.text for word in arguments]
    is_global = bool({"-g", "--global"} & set(options)) or names[:1] == ["global"]
    arguments = arguments[1:] if names[:1] == ["global"] else arguments
    verb = arguments[0].text if arguments else ""
    plain_yarn = tool == "yarn" and not verb and not {"--version", "-v", "--help"} & set(options)
    if not plain_yarn and verb not in _INSTALLS:
        return None
    packages = tuple(word for word in arguments[1:] if _PACKAGE_WORD.match(word.text))
    dropped = next((o for o in options if _SKIPS_DEV.match(o)), "")
    keeps = any(_KEEPS_DEV.match(option) for option in options)
    said = f"{texts[0]} {verb}".strip()
    skips = not keeps and (bool(dropped) or production)
    return NodeInstall(
        stage, index, tool, said, command.words, packages, is_global, skips, dropped, production
    )


def _split(words: tuple[Word, ...]) -> tuple[list[str], list[Word]]:
    """(options, arguments); the values of options that take one are left out; `--only prod` is joined."""
    options: list[str] = []
    arguments: list[Word] = []
    skip = False
    for word in words:
        if skip:
            options[-1] += f"={word.text}"
            skip = False
        elif word.text.startswith("-"):
            options.append(word.text)
            skip = word.text in _VALUE or word.text in ("--only", "--omit", "--include")
        else:
            arguments.append(word)
    return options, arguments


def _is_production(facts: DockerfileFacts, index: int) -> bool:
    """Whether NODE_ENV is `production` when the instruction runs."""
    chain = facts.chain(facts.stage_of[index])
    before = [
        instruction
        for position, instruction in enumerate(facts.instructions[:index])
        if facts.stage_of[position] in chain and instruction.keyword in ("ENV", "ARG")
    ]
    said = [i.body.chars for i in before if "NODE_ENV" in i.body.chars]
    own = facts.instructions[index].body.chars
    if re.search(r"\bNODE_ENV=", own):
        return bool(_PRODUCTION.search(own))
    values = [text for text in said if not re.search(r"\$\{?NODE_ENV\}?\s*$", text)]
    return bool(values) and bool(_PRODUCTION.search(values[-1]))


def _place_of(command: Command, old: list[str]) -> tuple[int, int] | None:
    words = command.words
    if len(words) < len(old) or [word.text for word in words[: len(old)]] != old or words[0].start < 0:
        return None
    return words[0].start, words[len(old) - 1].end


def _place_for(facts: DockerfileFacts, command: str) -> int | None:
    """The index of the instruction to put `RUN command` before; None where there is no clear one."""
    tool = _served_tool(command)
    reachable = facts.reachable()
    mine = [n for n, i in enumerate(facts.instructions) if facts.stage_of[n] in reachable]
    after = -1
    if command.startswith("npx "):
        after = max((one.instruction for one in node_installs(facts) if one.stage in reachable), default=-1)
    for position in (n for n in mine if n > after):
        instruction = facts.instructions[position]
        if instruction.keyword in ("RUN", "CMD", "ENTRYPOINT") and _calls(instruction, tool):
            return position
    commands = ("CMD", "ENTRYPOINT")
    return next((n for n in mine if facts.instructions[n].keyword in commands), None)


def _served_tool(command: str) -> str:
    """A pattern of the commands that `command` must come before."""
    words = command.split()
    if words[0] == "corepack":
        return r"(?:yarn|pnpm)"
    if "-g" in words or "--global" in words:
        name = package_name(words[-1])
        return {"@angular/cli": "ng", "corepack": r"(?:corepack|yarn|pnpm)"}.get(name, re.escape(name))
    return r"(?:npm|npx|yarn|pnpm|node|ng|next|vite)"


def _calls(instruction: Instruction, tool: str) -> bool:
    return bool(re.search(rf"(?:^|[\s;&|\[\"'(])(?:\S*/)?{tool}(?=[\s\"';&|)]|$)", instruction.body.chars))
