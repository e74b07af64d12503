"""Dockerfiles: facts, and packages added to the installs they already make.

Texts must be read and written without newline translation, so that CRLF survives (I8).
"""

from __future__ import annotations

import re

from activities.manifests.dockerfile_facts import DockerfileFacts, Installed
from activities.manifests.dockerfile_lines import Instruction, escape_character
from activities.manifests.dockerfile_reader import parse
from activities.manifests.errors import ManifestError
from activities.manifests.installers import PipInstall, SystemInstall
from activities.manifests.names import canonical, parse_requirement, spelled
from activities.manifests.node_commands import node_installs
from activities.manifests.shell_words import Word
from activities.manifests.system_runs import install_run, manager_of_image, user_of_image

__all__ = [
    "add_pip_packages",
    "add_system_packages",
    "installing_stage",
    "is_plain_base",
    "package_manager",
    "parse",
    "pip_packages",
]

_PACKAGE = re.compile(r"^[a-z0-9A-Z][A-Za-z0-9+._-]*(?:[=~<>]+[A-Za-z0-9+.:~_-]+)?$")
_SKIPPED_AFTER_FROM = frozenset(
    {"ARG", "ENV", "WORKDIR", "LABEL", "MAINTAINER", "SHELL", "EXPOSE", "STOPSIGNAL"}
)
_PREPARES_APT = re.compile(r"/etc/apt|add-apt-repository|apt-key|\bapt(?:-get)? update\b")
_ROOT = frozenset({"", "root", "0"})
_PLAIN_BASE = re.compile(r"^(?:python|pypy|debian|ubuntu|alpine|buildpack-deps|uv)?$")
_TOOLS = frozenset(
    {"pip", "setuptools", "wheel", "uv", "poetry", "pipenv", "pip-tools", "build", "virtualenv"}
)


def package_manager(facts: DockerfileFacts, stage: int) -> str | None:
    """`apt`, `apk` or `yum` of a stage: by what it and its parents install, else by the base image's name."""
    chain = facts.chain(stage)
    used = [i.what.manager for i in facts.installs if i.stage in chain and isinstance(i.what, SystemInstall)]
    if used:
        return used[-1]
    return manager_of_image(facts.stages[chain[-1]].image)


def is_plain_base(image: str) -> bool:
    """Whether the image carries an operating system or Python only, so all else comes from the Dockerfile."""
    name = image.split("@", 1)[0].rsplit("/", 1)[-1].split(":", 1)[0]
    return bool(_PLAIN_BASE.match(name))


def add_system_packages(
    text: str, packages: list[str], *, target: str | None = None, stage: str | None = None
) -> str:
    """The text with operating system packages installed in `stage` (default: the stage that is built).

    An `apt-get install` (`apk add`) that runs before the stage's first pip install is extended in its
    own style; otherwise a RUN is added before anything that could need the packages, and as root.
    Unchanged where all are installed already. Raises ManifestError where no safe place exists.
    """
    bad = [name for name in packages if not _PACKAGE.match(name)]
    if bad:
        raise ManifestError(f"{bad[0]!r} is not a valid system package name")
    facts = parse(text, target)
    index = facts.stage(stage)
    if index is None:
        raise ManifestError(
            f"the Dockerfile has no stage {stage!r}" if stage else "the Dockerfile has no FROM"
        )
    manager = package_manager(facts, index)
    if manager is None:
        raise ManifestError(f"the package manager of {facts.stages[index].image} is not known")
    missing = [p for p in dict.fromkeys(packages) if _plain(p) not in facts.system_packages(index)]
    if not missing:
        return text
    site = _install_to_extend(facts, index, manager)
    result = _extend(text, site, missing) if site else _insert_run(text, facts, index, manager, missing)
    found = parse(result, target).system_packages(index)
    if not {_plain(name) for name in missing} <= found:
        raise ManifestError("the place for the packages is not clear in this Dockerfile")
    return result


def installing_stage(text: str, target: str | None = None) -> str | None:
    """The stage that installs what the built image needs, as its number; None for the built stage itself.

    That is the stage of the first pip install, or, without any, the first that installs system packages.
    """
    facts = parse(text, target)
    reachable = facts.reachable()
    system = [i for i in facts.installs if isinstance(i.what, SystemInstall) and i.stage in reachable]
    stages = [site.stage for site in facts.pip_installs() or system]
    if not stages or set(stages) & set(facts.chain(facts.target)):
        return None
    return str(stages[0])


def pip_packages(facts: DockerfileFacts) -> set[str]:
    """Canonical names that `pip install a b` instructions name themselves."""
    words = (w.text for i in facts.pip_installs() if isinstance(i.what, PipInstall) for w in i.what.packages)
    return {canonical(re.split(r"[<>=!~;@ ]", word, maxsplit=1)[0]) for word in words if "://" not in word}


def add_pip_packages(text: str, packages: list[str], *, target: str | None = None) -> str:
    """The text with Python packages added to the last `pip install a b` of the built stages.

    A package may carry extras and a specifier (`setuptools<82`); the shell sees it quoted where it must be.
    Raises ManifestError where no such instruction exists.
    """
    requirements = [parse_requirement(package) for package in packages]
    facts = parse(text, target)
    known = pip_packages(facts)
    missing = {spelled(r): canonical(r.name) for r in requirements if canonical(r.name) not in known}
    if not missing:
        return text
    sites = [site for site in facts.pip_installs() if _names_packages(site)]
    if not sites:
        raise ManifestError("no `pip install <package>` in this Dockerfile can take a further package")
    what = sites[-1].what
    words = [_shell_word(name) for name in missing]
    result = _splice(text, list(what.packages) if isinstance(what, PipInstall) else [], None, words)
    if not set(missing.values()) <= pip_packages(parse(result, target)):
        raise ManifestError("the place for the packages is not clear in this Dockerfile")
    return result


def _shell_word(requirement: str) -> str:
    return f"'{requirement}'" if re.search(r"[<>!*\[\]]", requirement) else requirement


def _plain(package: str) -> str:
    return re.split(r"[=~<>]", package, maxsplit=1)[0]


def _names_packages(site: Installed) -> bool:
    if not isinstance(site.what, PipInstall) or not site.what.extendable:
        return False
    words = [word for word in site.what.packages if word.start >= 0]
    return any(canonical(re.split(r"[<>=!~;\[]", w.text, maxsplit=1)[0]) not in _TOOLS for w in words)


def _install_to_extend(facts: DockerfileFacts, index: int, manager: str) -> SystemInstall | None:
    """The last fitting install before the first pip or npm install, in the stage or in those below it."""
    for stage in facts.chain(index):
        pips = [i.instruction for i in facts.installs if i.stage == stage and isinstance(i.what, PipInstall)]
        nodes = [i.instruction for i in node_installs(facts) if i.stage == stage]
        limit = min([*pips, *nodes], default=len(facts.instructions))
        fitting = [
            i.what
            for i in facts.installs
            if i.stage == stage
            and i.instruction <= limit
            and isinstance(i.what, SystemInstall)
            and i.what.manager == manager
            and i.what.extendable
            and i.what.lead.start >= 0
        ]
        if fitting:
            return fitting[-1]
    return None


def _extend(text: str, site: SystemInstall, packages: list[str]) -> str:
    return _splice(text, list(site.packages), site.lead, packages)


def _splice(text: str, words: list[Word], lead: Word | None, names: list[str]) -> str:
    """`names` put among `words`, sorted where they are sorted, separated as they are separated."""
    keys = [word.text for word in words]
    in_order = len(keys) > 1 and keys == sorted(keys)
    edits: dict[int, str] = {}
    for name in sorted(names) if in_order else names:
        smaller = [i for i, key in enumerate(keys) if key < name] if in_order else [len(keys) - 1]
        separator = _separator(text, words, lead, smaller[-1] if smaller else 0)
        at = words[smaller[-1]].end if smaller else words[0].start
        edits[at] = edits.get(at, "") + (separator + name if smaller else name + separator)
    for at in sorted(edits, reverse=True):
        text = text[:at] + edits[at] + text[at:]
    return text


def _separator(text: str, words: list[Word], lead: Word | None, index: int) -> str:
    """What stands between the words around `index`; comment lines in between are not repeated."""
    points = ([lead] if lead and len(words) < 2 else []) + words
    before = points[min(max(index - 1, 0), max(len(points) - 2, 0))]
    after = points[min(points.index(before) + 1, len(points) - 1)]
    between = text[before.end : after.start] if after.start > before.end else " "
    if between.strip(" \t") == "" and "\n" not in between:
        return " "
    lines = between.split("\n")
    return lines[0] + "\n" + lines[-1] if len(lines) > 1 and not lines[-1].strip() else " "


def _insert_run(text: str, facts: DockerfileFacts, index: int, manager: str, names: list[str]) -> str:
    anchor = _anchor(facts, index)
    end = "\r\n" if "\r\n" in text else "\n"
    image = facts.stages[facts.chain(index)[-1]].image
    run = install_run(manager, image, sorted(names), escape_character(text), end)
    user = user_of_image(image)
    if user and not _is_set_before(facts, anchor, index):
        run = f"USER root{end}{run}USER {user}{end}"
    head, tail = text[: anchor.end], text[anchor.end :]
    if not head.endswith("\n"):
        return head + end + run.removesuffix(end)
    spaced = tail.startswith(("\n", "\r\n"))
    return head + (end if spaced else "") + run + tail


def _is_set_before(facts: DockerfileFacts, anchor: Instruction, index: int) -> bool:
    """Whether a USER of the stage or of those below it stands before `anchor`."""
    chain = facts.chain(index)
    pairs = zip(facts.stage_of, facts.instructions, strict=True)
    return any(i.keyword == "USER" and s in chain and i.start <= anchor.start for s, i in pairs)


def _anchor(facts: DockerfileFacts, index: int) -> Instruction:
    """The instruction to insert behind: as early as possible, as root, after apt has been prepared."""
    parent = facts.stages[index].parent
    if parent is not None and facts.users[parent] not in _ROOT:
        return _anchor(facts, parent)
    mine = [i for i, stage in enumerate(facts.stage_of) if stage == index]
    anchor = mine[0]
    early = True
    for position in mine[1:]:
        instruction = facts.instructions[position]
        if instruction.keyword == "USER" and instruction.text.split(":")[0] not in _ROOT:
            break
        if any(i.instruction == position and isinstance(i.what, PipInstall) for i in facts.installs):
            break
        if any(i.instruction == position for i in node_installs(facts)):
            break
        early = early and instruction.keyword in _SKIPPED_AFTER_FROM
        if early or (instruction.keyword == "RUN" and _PREPARES_APT.search(instruction.body.chars)):
            anchor = position
    return facts.instructions[anchor]
