"""Gemfile: a gem added behind the others, in their quotes and order."""

from __future__ import annotations

import re

from activities.manifests.errors import ManifestError
from activities.manifests.toml_text import line_end

_GEM = re.compile(
    r"(?m)^(?P<indent>[ \t]*)gem(?P<open>[ \t]*\(|[ \t]+)(?P<quote>['\"])(?P<name>[\w.-]+)(?P=quote)"
    r"(?P<rest>[^\n]*)"
)
_NAME = re.compile(r"^[A-Za-z0-9_][\w.-]*$")
_VERSION = re.compile(r"^(?:[~<>=!]{1,2} ?)?\d[\w.-]*$")
_MIN_SORTED = 3


def declared(text: str) -> set[str]:
    """Names of all gems, in whatever group."""
    return {found["name"] for found in _GEM.finditer(text)}


def add(text: str, name: str, version: str = "") -> str:
    """The text with `gem "name"`, and with a version requirement where one is given.

    A gem that is there already keeps its line; a requirement replaces the one it has, if it has one alone.

    Raises:
        ManifestError: the name or requirement is not one, or the line cannot take it.
    """
    if not _NAME.match(name) or (version and not _VERSION.match(version)):
        raise ManifestError(f"{name} {version} is not a gem and requirement".replace("  ", " "))
    present = next((found for found in _GEM.finditer(text) if found["name"] == name), None)
    if present is not None:
        return _require(text, present, version) if version else text
    gems = [found for found in _GEM.finditer(text) if not found["indent"]]
    like = gems[-1] if gems else next(iter(_GEM.finditer(text)), None)
    line = _line(name, version, like)
    return _insert(text, line, name, gems)


def _line(name: str, version: str, like: re.Match[str] | None) -> str:
    quote = like["quote"] if like else '"'
    bracket = like is not None and "(" in like["open"]
    words = f"{quote}{name}{quote}" + (f", {quote}{version}{quote}" if version else "")
    return f"gem({words})" if bracket else f"gem {words}"


def _insert(text: str, line: str, name: str, gems: list[re.Match[str]]) -> str:
    """Sorted where the gems are sorted, else behind the last; before any group where there are none."""
    end = line_end(text)
    names = [found["name"] for found in gems]
    if len(gems) >= _MIN_SORTED and names == sorted(names):
        later = next((found for found in gems if found["name"] > name), None)
        if later is not None:
            return text[: later.start()] + line + end + text[later.start() :]
    if gems:
        at = _behind(text, gems[-1].start())
        return _put(text, at, line, end)
    heads = list(re.finditer(r"(?m)^(?:source|ruby|git_source|gemspec)\b[^\n]*\n?", text))
    at = heads[-1].end() if heads else 0
    return _put(text, at, line, end)


def _behind(text: str, start: int) -> int:
    """Behind the gem that starts here, with the lines that continue it."""
    at = start
    while True:
        stop = text.find("\n", at)
        stop = len(text) if stop < 0 else stop + 1
        if not text[at:stop].rstrip().endswith((",", "\\")) or stop == len(text):
            return stop
        at = stop


def _put(text: str, at: int, line: str, end: str) -> str:
    head = text[:at]
    if head and not head.endswith("\n"):
        head += end
    return head + line + end + text[at:]


def _require(text: str, found: re.Match[str], version: str) -> str:
    """The requirement in the place of the one that stands directly behind the name."""
    quote, rest = found["quote"], found["rest"]
    value = f", {quote}{version}{quote}"
    old = re.match(r",[ \t]*(['\"])[~<>=! \d][^'\"]*\1(?![ \t]*,[ \t]*['\"])", rest)
    if old is None and re.match(r"[ \t]*,[ \t]*['\"]", rest):
        raise ManifestError(f"the requirement of {found['name']} is not a single one")
    at = found.start("rest")
    return text[:at] + value + text[at + (old.end() if old else 0) :]
