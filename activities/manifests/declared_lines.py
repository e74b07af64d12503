"""Gemfile, go.mod and Gradle scripts: a dependency taken out, or its version changed; all else stays.

These are programs or lists of lines: what is more than one plain line is left alone, and said to be so.
Texts must be read and written without newline translation, so that CRLF survives (I8).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from activities.manifests.errors import ManifestError

_GEM = r"(?m)^[ \t]*gem[ \t]*\(?[ \t]*(?P<q>['\"]){name}(?P=q)(?P<rest>[^\r\n]*)\r?\n?"
_GEM_VERSIONS = re.compile(r"^(?:[ \t]*,[ \t]*(['\"])(?:[~<>=!]{1,2} ?)?\d[\w.-]*\1)+")
_GO = r"(?m)^(?P<head>[ \t]*(?:require[ \t]+)?){name}[ \t]+(?P<version>v[^\s]+)(?P<tail>[ \t]*(?://[^\r\n]*)?)\r?\n?"
_GRADLE = r"(?m)^[ \t]*\w+[ \t]*\(?[ \t]*(?P<q>['\"]){name}(?::(?P<version>[^'\":@]*))?(?P=q)[ \t]*\)?[ \t]*(?://[^\r\n]*)?\r?\n?"
_VERSION = re.compile(r"^[~<>=!^]{0,2} ?v?\d[\w.+-]*$")


def remove_gem(text: str, name: str) -> str:
    """The Gemfile without the gem, in whatever group it stands.

    Raises:
        ManifestError: it has no such line, or the line goes on in the next one or opens a block.
    """
    return _removed(text, name, _GEM, _whole_gem)


def pin_gem(text: str, name: str, version: str) -> str:
    """The Gemfile with this requirement in place of those the gem has; its options stay.

    Raises:
        ManifestError: as for `remove_gem`, or the requirement is none.
    """
    found = _one(text, name, _GEM, _whole_gem)
    stated = _GEM_VERSIONS.match(found["rest"])
    start = found.start("rest")
    new = f", {found['q']}{_checked(version)}{found['q']}"
    return text[:start] + new + text[start + (stated.end() if stated else 0) :]


def remove_go_module(text: str, name: str) -> str:
    """The go.mod without the requirement; go.sum may keep its lines.

    Raises:
        ManifestError: it does not require the module.
    """
    return _removed(text, name, _GO, _always)


def pin_go_module(text: str, name: str, version: str) -> str:
    """The go.mod with another version of the module.

    Raises:
        ManifestError: it does not require the module, or replaces it.
    """
    if re.search(rf"(?m)^[ \t]*(?:replace[ \t]+)?{re.escape(name)}(?:[ \t]+\S+)?[ \t]*=>", text):
        raise ManifestError(f"go.mod replaces {name}, so its required version does not count")
    found = _one(text, name, _GO, _always)
    return text[: found.start("version")] + _checked(version) + text[found.end("version") :]


def remove_gradle_dependency(text: str, coordinates: str) -> str:
    """The build script without the lines that name the dependency.

    Raises:
        ManifestError: no line names it and nothing else.
    """
    return _removed(text, coordinates, _GRADLE, _always)


def pin_gradle_dependency(text: str, coordinates: str, version: str) -> str:
    """The build script with another version of the dependency.

    Raises:
        ManifestError: no line names it with a version of its own.
    """
    found = _one(text, coordinates, _GRADLE, _always)
    if not found["version"] or "$" in found["version"]:
        raise ManifestError(f"the version of {coordinates} is not written where it is named")
    return text[: found.start("version")] + _checked(version) + text[found.end("version") :]


def _removed(text: str, name: str, pattern: str, whole: Callable[[re.Match[str]], bool]) -> str:
    for found in reversed(_found(text, name, pattern, whole)):
        text = text[: found.start()] + text[found.end() :]
    return text


def _one(text: str, name: str, pattern: str, whole: Callable[[re.Match[str]], bool]) -> re.Match[str]:
    found = _found(text, name, pattern, whole)
    if len(found) > 1:
        raise ManifestError(f"{name} is named {len(found)} times; which version is meant is not clear")
    return found[0]


def _found(text: str, name: str, pattern: str, whole: Callable[[re.Match[str]], bool]) -> list[re.Match[str]]:
    found = list(re.finditer(pattern.replace("{name}", re.escape(name)), text))
    if not found:
        raise ManifestError(f"no line names {name} and nothing else")
    if not all(whole(one) for one in found):
        raise ManifestError(f"the line that names {name} is more than one plain line")
    return found


def _whole_gem(found: re.Match[str]) -> bool:
    rest = found["rest"].split("#", 1)[0].rstrip()
    return not rest.endswith((",", "\\", "{", "do")) and rest.count("(") <= rest.count(")")


def _always(_: re.Match[str]) -> bool:
    return True


def _checked(version: str) -> str:
    if not _VERSION.match(version):
        raise ManifestError(f"{version!r} is not a version that can be written here")
    return version
