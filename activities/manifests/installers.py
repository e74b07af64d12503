"""What a shell command installs: pip, apt, apk and others recognised in their everyday spellings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from posixpath import basename

from activities.manifests.shell_words import Command, Word

_PIP = re.compile(r"^pip(?:\d(?:\.\d+)?)?$")
_PYTHON = re.compile(r"^(?:python|pypy)(?:\d(?:\.\d+)?)?$")
_LOCAL_FILE = re.compile(r"\.(?:whl|zip|tar\.gz|tgz)$")
_SYSTEM = {"apt-get": "apt", "apt": "apt", "apk": "apk", "yum": "yum", "dnf": "yum", "microdnf": "yum"}
_LOCKED = {"poetry": "poetry", "pipenv": "pipenv", "pdm": "pdm", "conda": "conda", "mamba": "conda"}
_PIP_VALUE = re.compile(
    r"^(?:-[ifpt]|--(?:index-url|extra-index-url|find-links|target|prefix|root|timeout|retries|cache-dir"
    r"|trusted-host|platform|python-version|python|no-binary|only-binary|upgrade-strategy|src|progress-bar|proxy"
    r"|cert|client-cert|log|implementation|abi|config-settings|global-option|exists-action|root-user-action"
    r"|resolution|index|default-index|report|use-feature))$"
)
_SYSTEM_VALUE = re.compile(r"^(?:-[tocXp]|--(?:target-release|option|config-file|virtual|repository|root))$")
_UNFIT = re.compile(
    r"^(?:-[tsdX]|--(?:target-release|simulate|dry-run|download-only|only-upgrade|virtual|root))$"
)


@dataclass(frozen=True)
class SystemInstall:
    """One `apt-get install` (or apk, yum) with its package words."""

    manager: str
    packages: tuple[Word, ...]
    lead: Word
    """The last word before the packages."""
    extendable: bool
    """False where a further package would mean something else (`-t`, `--virtual`, a branch)."""
    lasting: bool = True
    """False where the packages may not be in the image (`--virtual`, a branch)."""


@dataclass(frozen=True)
class PipInstall:
    """One `pip install` (or `uv pip install`)."""

    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    """Local paths: `.`, `./lib[extra]`, a wheel."""
    packages: tuple[Word, ...] = ()
    require_hashes: bool = False
    extendable: bool = True


@dataclass(frozen=True)
class LockedInstall:
    """An installer that obeys a lock file: poetry, uv, pipenv, pdm, conda."""

    tool: str


Install = SystemInstall | PipInstall | LockedInstall


def install_of(command: Command) -> Install | None:
    """What `command` installs, or None."""
    words = list(command.words)
    tool = basename(words[0].text)
    if tool in _SYSTEM:
        return _system(_SYSTEM[tool], words, command.conditional)
    rest = _behind_pip(words)
    if rest is not None:
        return _pip(rest, command.conditional)
    texts = command.texts[1:]
    if tool == "uv" and "sync" in texts[:3]:
        return LockedInstall("uv")
    if tool in _LOCKED and {"install", "sync", "create", "update"} & set(texts[:3]):
        return LockedInstall(_LOCKED[tool])
    return None


def _behind_pip(words: list[Word]) -> list[Word] | None:
    """The arguments behind `pip install`, however pip is called."""
    tool = basename(words[0].text)
    rest = words[1:]
    if _PYTHON.match(tool):
        texts = [word.text for word in rest]
        if "-m" not in texts or texts.index("-m") + 1 >= len(texts):
            return None
        module = texts.index("-m") + 1
        tool, rest = texts[module], rest[module + 1 :]
    if tool == "uv" and rest and rest[0].text == "pip":
        tool, rest = "pip", rest[1:]
    if not _PIP.match(tool):
        return None
    while rest and rest[0].text.startswith("-"):
        rest = rest[2:] if _PIP_VALUE.match(rest[0].text) else rest[1:]
    return rest[1:] if rest and rest[0].text == "install" else None


def _pip(words: list[Word], conditional: bool) -> PipInstall:
    requirements: list[str] = []
    constraints: list[str] = []
    projects: list[str] = []
    packages: list[Word] = []
    hashes = False
    index = 0
    while index < len(words):
        option, value, index = _option(words, index)
        if option in ("-r", "--requirement", "--requirements"):
            requirements.append(value)
        elif option in ("-c", "--constraint", "--constraints"):
            constraints.append(value)
        elif option in ("-e", "--editable"):
            projects.append(value)
        elif option:
            hashes = hashes or option == "--require-hashes"
        elif _is_local(value):
            projects.append(value)
        else:
            packages.append(words[index - 1])
    return PipInstall(
        tuple(requirements), tuple(constraints), tuple(projects), tuple(packages), hashes, not conditional
    )


def _option(words: list[Word], index: int) -> tuple[str, str, int]:
    """(option, value, next index); an argument has an empty option."""
    text = words[index].text
    if not text.startswith("-") or text == "-":
        return "", text, index + 1
    joined = re.match(r"^(--[\w-]+)=(.*)$", text) or re.match(r"^(-[rce])(.+)$", text)
    if joined:
        return joined[1], joined[2], index + 1
    takes_value = (
        bool(_PIP_VALUE.match(text))
        or text in {"-r", "-c", "-e"}
        or text
        in {
            "--requirement",
            "--requirements",
            "--constraint",
            "--constraints",
            "--editable",
        }
    )
    if takes_value and index + 1 < len(words):
        return text, words[index + 1].text, index + 2
    return text, "", index + 1


def _is_local(text: str) -> bool:
    if "://" in text or "@" in text:
        return False
    return text.startswith((".", "/")) or "/" in text or bool(_LOCAL_FILE.search(text.split("[", 1)[0]))


def _system(manager: str, words: list[Word], conditional: bool) -> SystemInstall | None:
    verb = "add" if manager == "apk" else "install"
    arguments, options = _arguments(words[1:])
    if not arguments or arguments[0].text != verb:
        return None
    packages = tuple(arguments[1:])
    fit = bool(packages) and not conditional and not any(map(_UNFIT.match, options))
    lead = words[words.index(packages[0]) - 1] if packages else arguments[0]
    passing = conditional or (manager == "apk" and bool(options & {"-t", "--virtual"}))
    return SystemInstall(manager, packages, lead, extendable=fit, lasting=not passing)


def _arguments(words: list[Word]) -> tuple[list[Word], set[str]]:
    """The words that are neither options nor values of options, and the names of the options."""
    arguments: list[Word] = []
    options: set[str] = set()
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.text.startswith("-"):
            options.add(word.text.split("=", 1)[0])
            skip = bool(_SYSTEM_VALUE.match(word.text))
        else:
            arguments.append(word)
    return arguments, options
