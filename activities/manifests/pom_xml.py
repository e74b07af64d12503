"""pom.xml: a dependency added to the project's own, or its version raised; nothing else moves."""

from __future__ import annotations

import re
from dataclasses import dataclass

from activities.manifests.errors import ManifestError
from activities.manifests.toml_text import indent_of, line_end, line_start

_PART = r"[A-Za-z0-9_][\w.-]*"
COORDINATES = re.compile(rf"^({_PART}):({_PART})$")
VERSION = re.compile(r"^\d[\w.+-]*$")
_TAG = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<(/?)([\w:.-]+)[^<>]*?(/?)>", re.DOTALL)
_BOOT = re.compile(r"<artifactId>\s*spring-boot-(?:starter-parent|dependencies)\s*</artifactId>")


@dataclass(frozen=True)
class _Element:
    """Offsets of an element: its start tag, its content, and the end of its end tag."""

    path: tuple[str, ...]
    start: int
    inner: int
    inner_end: int
    end: int


def add(text: str, coordinates: str, version: str = "") -> str:
    """The text with the dependency `group:artifact`; one that is there gets the version.

    Raises:
        ManifestError: no version and none managed, or the pom cannot be edited safely.
    """
    found = COORDINATES.match(coordinates)
    if found is None or (version and not VERSION.match(version)):
        raise ManifestError(f"{coordinates} {version} is not a dependency".replace("  ", " "))
    elements = _elements(text)
    present = _dependency(text, elements, found[1], found[2])
    if present is not None:
        return _raised(text, elements, present, version)
    if not version and not _BOOT.search(text):
        raise ManifestError(f"no version is known for {coordinates}, and nothing in the pom manages one")
    return _inserted(text, elements, _lines(found[1], found[2], version))


def _elements(text: str) -> list[_Element]:
    """All elements, in the order in which they end."""
    found: list[_Element] = []
    stack: list[tuple[str, int, int]] = []
    for tag in _TAG.finditer(text):
        if tag[2] is None or tag[3]:
            continue
        if not tag[1]:
            stack.append((tag[2], tag.start(), tag.end()))
        elif stack and stack[-1][0] == tag[2]:
            path = tuple(name for name, _, _ in stack)
            _, start, inner = stack.pop()
            found.append(_Element(path, start, inner, tag.start(), tag.end()))
        else:
            raise ManifestError("pom.xml is not well-formed")
    if stack or not any(element.path == ("project",) for element in found):
        raise ManifestError("pom.xml is not well-formed")
    return found


def _dependency(text: str, elements: list[_Element], group: str, artifact: str) -> _Element | None:
    for element in elements:
        if element.path == ("project", "dependencies", "dependency"):
            body = text[element.inner : element.inner_end]
            if _value(body, "groupId") == group and _value(body, "artifactId") == artifact:
                return element
    return None


def _value(body: str, name: str) -> str:
    found = re.search(rf"<{name}>\s*([^<]*?)\s*</{name}>", body)
    return found[1] if found else ""


def _raised(text: str, elements: list[_Element], dependency: _Element, version: str) -> str:
    """The version in the dependency, or in the property that it names."""
    stated = _value(text[dependency.inner : dependency.inner_end], "version")
    if not version or stated == version:
        return text
    if not stated:
        raise ManifestError("the dependency is there, and its version is managed elsewhere")
    path: tuple[str, ...] = ("project", "dependencies", "dependency", "version")
    span = (dependency.inner, dependency.inner_end)
    if stated.startswith("${"):
        path, span = ("project", "properties", stated[2:-1]), (0, len(text))
    places = [e for e in elements if e.path == path and span[0] <= e.start < span[1]]
    if len(places) != 1:
        raise ManifestError("where the version of the dependency is stated is not clear")
    return text[: places[0].inner] + version + text[places[0].inner_end :]


def _lines(group: str, artifact: str, version: str) -> list[str]:
    lines: list[str] = [
        "<dependency>",
        f"\t<groupId>{group}</groupId>",
        f"\t<artifactId>{artifact}</artifactId>",
    ]
    lines += [f"\t<version>{version}</version>"] if version else []
    return [*lines, "</dependency>"]


def _inserted(text: str, elements: list[_Element], lines: list[str]) -> str:
    end = line_end(text)
    section = next((e for e in elements if e.path == ("project", "dependencies")), None)
    if section is None:
        project = next(e for e in elements if e.path == ("project",))
        step = _step(text, elements)
        whole = [f"{step}<dependencies>", *_indented(lines, step * 2, step), f"{step}</dependencies>"]
        at = line_start(text, project.inner_end)
        return text[:at] + "".join(line + end for line in whole) + text[at:]
    inside = [e for e in elements if e.path == ("project", "dependencies", "dependency")]
    outer = indent_of(text, section.start) or ""
    step = _step(text, elements)
    indent = (indent_of(text, inside[-1].start) if inside else None) or outer + step
    block = "".join(end + line for line in _indented(lines, indent, step))
    if inside:
        return text[: inside[-1].end] + block + text[inside[-1].end :]
    return text[: section.inner] + block + end + outer + text[section.inner_end :].lstrip()


def _step(text: str, elements: list[_Element]) -> str:
    """One step of indentation, as the children of the project have it."""
    children = (indent_of(text, e.start) for e in elements if len(e.path) == 2)
    return next((indent for indent in children if indent), "    ")


def _indented(lines: list[str], indent: str, step: str) -> list[str]:
    return [indent + line.replace("\t", step) for line in lines]
