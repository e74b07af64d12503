"""build.gradle and build.gradle.kts: a dependency added to the project's own block, in its style."""

from __future__ import annotations

import re

from activities.manifests.errors import ManifestError
from activities.manifests.pom_xml import COORDINATES, VERSION
from activities.manifests.toml_text import line_end

_CONFIGURATION = re.compile(
    r"(?m)^(?P<indent>[ \t]*)(?P<name>implementation|compile|api)(?P<open>[ \t]*\(|[ \t]+)"
    r"(?P<quote>['\"])[^\n]*"
)
_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|'''.*?'''|\"\"\".*?\"\"\"|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|[{}]", re.DOTALL
)
_OPEN = re.compile(r"[({,][ \t]*(?://[^\n]*)?\s*$")
"""A dependency that goes on in the next line."""
_BOOT = re.compile(r"org\.springframework\.boot|io\.spring\.dependency-management")
_LOMBOK = "org.projectlombok:lombok"


def add(text: str, coordinates: str, version: str = "", *, kotlin: bool = False) -> str:
    """The text with the dependency; one that is there gets the version where it states one itself.

    Raises:
        ManifestError: no dependencies block of the project, or no version that anything knows.
    """
    if COORDINATES.match(coordinates) is None or (version and not VERSION.match(version)):
        raise ManifestError(f"{coordinates} {version} is not a dependency".replace("  ", " "))
    stated = list(re.finditer(rf"(['\"]){re.escape(coordinates)}(?::(?P<version>[\w.+-]+))?\1", text))
    if stated:
        return _raised(text, stated, version)
    if not version and not _BOOT.search(text):
        raise ManifestError(f"no version is known for {coordinates}, and nothing in the build manages one")
    start, stop = _block(text)
    return _inserted(text, start, stop, f"{coordinates}:{version}".rstrip(":"), kotlin)


def _raised(text: str, stated: list[re.Match[str]], version: str) -> str:
    if not version:
        return text
    if any(found["version"] is None for found in stated):
        raise ManifestError("the dependency is there, and its version is managed elsewhere")
    for found in reversed(stated):
        text = text[: found.start("version")] + version + text[found.end("version") :]
    return text


def _block(text: str) -> tuple[int, int]:
    """Offsets inside the braces of the outermost `dependencies`."""
    depth, start = 0, -1
    for token in _TOKEN.finditer(text):
        if token[0] == "{":
            if depth == 0 and re.search(r"(?:^|[\s;}])dependencies\s*$", text[: token.start()]):
                start = token.end()
            depth += 1
        elif token[0] == "}":
            depth -= 1
            if start >= 0 and depth == 0:
                return start, token.start()
    raise ManifestError("the build file has no dependencies block of its own")


def _inserted(text: str, start: int, stop: int, entry: str, kotlin: bool) -> str:
    """Behind the last dependency of the same kind, else at the end of the block."""
    end = line_end(text)
    entries = list(_CONFIGURATION.finditer(text, start, stop))
    like = entries[-1] if entries else None
    indent, name = (like["indent"], like["name"]) if like else ("    ", "implementation")
    quote = like["quote"] if like else ('"' if kotlin else "'")
    bracket = kotlin or (like is not None and "(" in like["open"])
    names = ["compileOnly", "annotationProcessor"] if entry.startswith(_LOMBOK) else [name]
    word = f"{quote}{entry}{quote}"
    lines = [f"{indent}{one}({word})" if bracket else f"{indent}{one} {word}" for one in names]
    if like is not None and not _OPEN.search(like[0]):
        at = like.end() - (1 if like[0].endswith("\r") else 0)
        return text[:at] + "".join(end + line for line in lines) + text[at:]
    head = text[:stop].rstrip(" \t")
    gap = "" if head.endswith("\n") else end
    return head + gap + "".join(line + end for line in lines) + text[stop:]
