"""composer.json: a package added to `require`, indentation, order and line ends kept."""

from __future__ import annotations

import json
import re

from activities.manifests.errors import ManifestError
from activities.manifests.toml_text import line_end

_NAME = re.compile(r"^(?:[a-z0-9][a-z0-9_.-]*/[a-z0-9][a-z0-9_.-]*|ext-[a-z0-9_-]+)$")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def declared(text: str) -> set[str]:
    """Packages of `require` and `require-dev`."""
    document = _parse(text)
    sections = (document.get("require"), document.get("require-dev"))
    return {str(name) for section in sections if isinstance(section, dict) for name in section}


def add(text: str, package: str, constraint: str = "") -> str:
    """The text with `package` required; unchanged where it is already.

    Raises:
        ManifestError: the text is not a JSON object, or the name is no package.
    """
    if not _NAME.match(package):
        raise ManifestError(f"{package} is not a package name")
    section = _parse(text).get("require")
    if package in declared(text):
        return text
    entry = f"{json.dumps(package)}: {json.dumps(constraint or '*')}"
    if section is None:
        result = _new_section(text, entry)
    elif isinstance(section, dict):
        result = _into(text, entry, package, list(section))
    else:
        raise ManifestError("`require` is not an object")
    if package not in declared(result):
        raise ManifestError("the place for the package is not clear in this file")
    return result


def _parse(text: str) -> dict[str, object]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise ManifestError("not a JSON object")
    return document


def _section(text: str) -> tuple[int, int]:
    """Offsets inside the braces of the top-level `require`."""
    depth, at, start = 0, 0, -1
    while at < len(text):
        if text[at] == '"':
            string = _STRING.match(text, at)
            at = string.end() if string else len(text)
            is_key = depth == 1 and string is not None and string[0] == '"require"'
            opening = re.compile(r"\s*:\s*\{").match(text, at) if is_key else None
            if opening:
                start, depth, at = opening.end(), depth + 1, opening.end()
            continue
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(text[at], 0)
        if start >= 0 and depth == 1:
            return start, at
        at += 1
    raise ManifestError("the place for the package is not clear in this file")


def _into(text: str, entry: str, package: str, names: list[str]) -> str:
    start, stop = _section(text)
    body = text[start:stop]
    if not names:
        end, base = line_end(text), _indent(text)
        return f"{text[:start]}{end}{base * 2}{entry}{end}{base}{text[stop:]}"
    keys = [found for found in _STRING.finditer(body) if re.compile(r"\s*:").match(body, found.end())]
    packages = [name for name in names if "/" in name]
    later = [key for key in keys if "/" in key[0] and key[0].strip('"') > package]
    if later and packages == sorted(packages):
        at = start + later[0].start()
        return text[:at] + entry + "," + _between(body, keys) + text[at:]
    last = start + len(body.rstrip())
    return text[:last] + "," + _between(body, keys) + entry + text[last:]


def _between(body: str, keys: list[re.Match[str]]) -> str:
    """What stands before a key: its line break and indentation."""
    head = body[: keys[-1].start()]
    return head[len(head.rstrip(" \t\r\n")) :] or " "


def _indent(text: str) -> str:
    found = re.search(r"\n([ \t]+)\"", text)
    return found[1] if found else "    "


def _new_section(text: str, entry: str) -> str:
    end, base = line_end(text), _indent(text)
    brace = text.index("{") + 1
    comma = "," if text[brace:].strip() != "}" else ""
    block = f'{end}{base}"require": {{{end}{base * 2}{entry}{end}{base}}}{comma}'
    return text[:brace] + block + (text[brace:] if comma else end + text[brace:].lstrip())
