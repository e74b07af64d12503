"""Cargo.toml: a crate added to `[dependencies]`, order, comments and line ends kept."""

from __future__ import annotations

import re
from collections.abc import MutableMapping

from activities.manifests.errors import ManifestError
from activities.manifests.toml_text import line_end, lookup, parse

_NAME = re.compile(r"^[A-Za-z][\w-]*$")
_VERSION = re.compile(r"^[\^~=<>* ]*[\d*][\w.*, <>=+-]*$")
_HEADER = re.compile(r"(?m)^[ \t]*\[dependencies\][ \t]*(?:#[^\n]*)?\r?\n?")
_NEXT = re.compile(r"(?m)^[ \t]*\[")
_ENTRY = re.compile(r"(?m)^(?P<indent>[ \t]*)\"?(?P<name>[\w-]+)\"?(?:\.[\w-]+)?[ \t]*=")


def declared(text: str) -> set[str]:
    """Names in `[dependencies]`."""
    section = lookup(parse(text), ("dependencies",))
    return {str(name) for name in section} if isinstance(section, MutableMapping) else set()


def add(text: str, crate: str, version: str = "") -> str:
    """The text with `crate = "version"`; unchanged where it is named already.

    Raises:
        ManifestError: not a package's manifest, or the name or version is not one.
    """
    version = version or "*"
    if not _NAME.match(crate) or not _VERSION.match(version):
        raise ManifestError(f"{crate} {version} is not a crate and version")
    if lookup(parse(text), ("package",)) is None:
        raise ManifestError("Cargo.toml describes a workspace, not a package that could take a crate")
    if crate in declared(text):
        return text
    result = _added(text, f'{crate} = "{version}"', crate)
    if crate not in declared(result):
        raise ManifestError("the place for the crate is not clear in this file")
    return result


def _added(text: str, entry: str, crate: str) -> str:
    end = line_end(text)
    header = _HEADER.search(text)
    if header is None:
        return f"{text.rstrip()}{end}{end}[dependencies]{end}{entry}{end}"
    following = _NEXT.search(text, header.end())
    stop = following.start() if following else len(text)
    body = text[header.end() : stop]
    entries = [found for found in _ENTRY.finditer(body) if not found["indent"]]
    names = [found["name"] for found in entries]
    later = [found for found in entries if found["name"] > crate]
    if later and names == sorted(names):
        at = header.end() + later[0].start()
        return text[:at] + entry + end + text[at:]
    at = header.end() + len(_own_lines(body, followed=following is not None))
    head = text[:at]
    if not head.endswith("\n"):
        head += end
    return head + entry + end + text[at:]


def _own_lines(body: str, *, followed: bool) -> str:
    """The section without the blank and comment lines that introduce the next one."""
    lines = body.splitlines(keepends=True)
    while lines and (not lines[-1].strip() or (followed and lines[-1].lstrip().startswith("#"))):
        lines.pop()
    return "".join(lines)
