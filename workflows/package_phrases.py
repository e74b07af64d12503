"""The part of a sentence that names a package: ``the npm package express``, ``libpq5 with apt`` (FR-002)."""

import re
from dataclasses import dataclass

from workflows.ecosystem_names import ecosystem_by_shape, package_of
from workflows.errors import OrchestratorError
from workflows.models.request import Ecosystem
from workflows.package_names import PackageSpec, system_package

_E = Ecosystem
_WORDS = {
    _E.PYTHON: ("python", "pip", "pip3", "pypi"),
    _E.NODE: ("npm", "node", "nodejs", "node.js", "yarn", "pnpm", "javascript"),
    _E.RUBY: ("ruby", "gem", "bundler"),
    _E.GO: ("go", "golang"),
    _E.PHP: ("php", "composer"),
    _E.JAVA: ("java", "maven", "gradle"),
    _E.RUST: ("rust", "cargo"),
    _E.APT: ("apt", "apt-get", "debian", "deb", "ubuntu"),
    _E.APK: ("apk", "alpine"),
    _E.YUM: ("yum", "dnf", "rpm"),
}
_SAID = {word: ecosystem for ecosystem, words in _WORDS.items() for word in words}
_LONGEST = 300
"""Characters; longer than any name with its version."""
_SYSTEM_WORDS = frozenset({"system", "os", "native"})
_OWN_NOUNS = {"gem": _E.RUBY, "gems": _E.RUBY, "crate": _E.RUST, "artifact": _E.JAVA}
_NOUN = r"(?:package|dependency|library|module|requirement|gem|crate|artifact)"
_KIND = "|".join(sorted((re.escape(word) for word in [*_SAID, *_SYSTEM_WORDS]), key=len, reverse=True))
_BEFORE = re.compile(
    rf"(?:(?P<kind>{_KIND}) )?(?P<noun>{_NOUN}) (?:called |named )?(?P<rest>.+)", re.IGNORECASE
)
_AFTER = re.compile(rf"(?P<rest>.+?) (?:(?P<kind>{_KIND}) )?(?P<noun>{_NOUN})", re.IGNORECASE)
_WITH = re.compile(rf"(?P<rest>.+?) (?:with|via|using|from|through) (?P<kind>{_KIND})", re.IGNORECASE)
_KIND_ONLY = re.compile(r"(?P<kind>system|os|native|apt|debian) (?P<rest>\S+)", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|a|an|missing|new|required|latest|newest)\s+", re.IGNORECASE)
_NO_NAMES = frozenset(
    {
        "package", "packages", "dependency", "dependencies", "module", "modules", "library", "libraries",
        "requirement", "requirements", "it", "them", "this", "that", "gem", "gems", "crate", "crates",
        "artifact", "everything", "all", "something", "anything", "nothing", "stuff",
    }
)  # fmt: skip
_NO_BARE_NAMES = frozenset(
    {
        "data", "database", "databases", "db", "volume", "volumes", "container", "containers", "image",
        "images", "service", "services", "file", "files", "log", "logs", "table", "tables", "user",
        "users", "code", "tests", "line", "lines", "function", "branch", "network", "host", "server",
        "stack", "project", "feature", "support", "logging", "monitoring", "dockerfile", "compose",
        "script", "scripts", "directory", "folder",
    }
)  # fmt: skip
"""Things a sentence without the word "package" rather means by themselves."""
_TOOL_WORDS = {
    _E.PYTHON: ("pip", "pip3"),
    _E.NODE: ("npm", "yarn", "pnpm"),
    _E.RUBY: ("gem", "bundle", "bundler"),
    _E.GO: ("go",),
    _E.PHP: ("composer",),
    _E.RUST: ("cargo",),
    _E.APT: ("apt", "apt-get"),
    _E.APK: ("apk",),
    _E.YUM: ("yum", "dnf"),
}
TOOLS = {word: ecosystem for ecosystem, words in _TOOL_WORDS.items() for word in words}
"""Tools a sentence may begin with as if it were a command: ``npm install express in web``."""


@dataclass(frozen=True, slots=True)
class Package:
    """What a phrase names: one package, whose it is where that was said, and whether the system's."""

    spec: PackageSpec
    ecosystem: Ecosystem | None = None
    system: bool = False
    said: bool = False
    """Whether a word such as "package" stood beside it."""


def read_package(phrase: str, tool: str = "") -> Package:
    """The one package that a phrase names.

    Args:
        phrase: without verb and without place.
        tool: the tool the sentence began with, '' for none.

    Raises:
        OrchestratorError: ``unsupported_instruction``.
    """
    if len(phrase) > _LONGEST:
        raise unsupported(f"{shown(phrase)} is not the name of one package")
    rest, kinds, nouns = _stripped(without_article(phrase))
    ecosystems = {_SAID[kind] for kind in kinds if kind in _SAID} | {
        _OWN_NOUNS[n] for n in nouns if n in _OWN_NOUNS
    }
    ecosystems |= {TOOLS[tool]} if tool else set()
    if len(ecosystems) > 1:
        raise unsupported(f"{shown(phrase)} names two kinds of packages")
    ecosystem = next(iter(ecosystems), None)
    system = bool(_SYSTEM_WORDS & kinds) or ecosystem in {_E.APT, _E.APK, _E.YUM}
    if system and ecosystem not in {None, _E.APT, _E.APK, _E.YUM}:
        raise unsupported(f"{shown(phrase)} names two kinds of packages")
    spec, ecosystem = _spec(rest, ecosystem, system=system)
    said = bool(nouns or kinds or tool)
    if spec is None or not _is_name(spec.name.lower(), phrase, said=said):
        raise unsupported(f"{shown(phrase)} is not the name of one package")
    return Package(spec, ecosystem, system, said)


def _is_name(name: str, phrase: str, *, said: bool) -> bool:
    """Whether a word is meant as a name, not as the thing it is the word for."""
    if name in _NO_NAMES or (name in _NO_BARE_NAMES and not said):
        return False
    return name not in _SAID or bool(_BEFORE.fullmatch(without_article(phrase)))


def without_article(phrase: str) -> str:
    """The phrase from its first word with a meaning on."""
    shorter = _ARTICLE.sub("", phrase)
    return shorter if shorter == phrase else without_article(shorter)


def shown(text: str) -> str:
    """A piece of the sentence as a refusal quotes it."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def unsupported(detail: str) -> OrchestratorError:
    """The refusal of what is not understood for certain."""
    return OrchestratorError("unsupported_instruction", detail=detail)


def _stripped(phrase: str) -> tuple[str, set[str], set[str]]:
    """(name and version, words that say whose package it is, nouns that say that it is one)."""
    kinds, nouns = set[str](), set[str]()
    for pattern in (_WITH, _BEFORE, _AFTER, _KIND_ONLY):
        match = pattern.fullmatch(phrase)
        if match is None:
            continue
        said = match.groupdict()
        phrase = said["rest"]
        kinds |= {said["kind"].lower()} if said["kind"] else set()
        nouns |= {said["noun"].lower()} if said.get("noun") else set()
    return phrase, kinds, nouns


def _spec(
    text: str, ecosystem: Ecosystem | None, *, system: bool
) -> tuple[PackageSpec | None, Ecosystem | None]:
    if system:
        return system_package(text), ecosystem
    if ecosystem is not None:
        return package_of(text, ecosystem), ecosystem
    if spec := package_of(text, _E.PYTHON):
        return spec, None
    shaped = ecosystem_by_shape(text)
    return (package_of(text, shaped), shaped) if shaped else (None, None)
