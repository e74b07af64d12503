"""go.mod: a module added to its require directives, blocks and `// indirect` lines left as they are."""

from __future__ import annotations

import re

from activities.manifests.errors import ManifestError
from activities.manifests.toml_text import line_end

_MODULE = re.compile(r"^[A-Za-z0-9][\w.~-]*(?:/[\w.~-]+)*$")
_VERSION = re.compile(r"^(?:v\d[\w.+-]*|latest)$")
_BLOCK = re.compile(r"(?ms)^require[ \t]*\([ \t]*\r?\n(?P<body>.*?)^[ \t]*\)")
_SINGLE = re.compile(r"(?m)^require[ \t]+(?!\()(?P<path>\S+)[ \t]+\S+[^\n]*\n?")
LATEST = "latest"
"""A version query; `go mod tidy`, which has to follow for go.sum anyway, puts the real version there."""


def required(text: str) -> set[str]:
    """Paths of all required modules."""
    lines = [line for block in _BLOCK.finditer(text) for line in block["body"].splitlines()]
    found = {line.split()[0].strip('"') for line in lines if line.strip() and not _is_comment(line)}
    return found | {single["path"].strip('"') for single in _SINGLE.finditer(text)}


def add(text: str, module: str, version: str = "") -> str:
    """The text with `module` required; unchanged where it is already.

    Raises:
        ManifestError: the text is no go.mod, or the path or version is not one.
    """
    version = version or LATEST
    if not _MODULE.match(module) or not _VERSION.match(version):
        raise ManifestError(f"{module} {version} is not a module and version")
    if not re.search(r"(?m)^module[ \t]+\S", text):
        raise ManifestError("go.mod does not name its module")
    if module in required(text):
        return text
    block = next((found for found in _BLOCK.finditer(text) if _is_direct(found["body"])), None)
    if block is not None:
        return _into_block(text, block.start("body"), block["body"], f"{module} {version}")
    return _as_line(text, f"require {module} {version}")


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("//")


def _is_direct(body: str) -> bool:
    """Go keeps what the sources import apart from what only other modules need."""
    lines = [line for line in body.splitlines() if line.strip() and not _is_comment(line)]
    return not lines or any("// indirect" not in line for line in lines)


def _into_block(text: str, start: int, body: str, entry: str) -> str:
    """Before the first greater path where the block is sorted, else at its end."""
    lines = body.splitlines(keepends=True)
    places = [(i, line.split()[0]) for i, line in enumerate(lines) if line.strip() and not _is_comment(line)]
    paths = [path for _, path in places]
    at = places[-1][0] + 1 if places else 0
    if paths == sorted(paths):
        at = next((i for i, path in places if path > entry.split(maxsplit=1)[0]), at)
    indent = re.match(r"[ \t]*", lines[places[0][0]])[0] if places else "\t"  # type: ignore[index]
    lines.insert(at, f"{indent}{entry}{line_end(text)}")
    return text[:start] + "".join(lines) + text[start + len(body) :]


def _as_line(text: str, entry: str) -> str:
    """Behind the last single require line, else at the end."""
    end = line_end(text)
    singles = [found for found in _SINGLE.finditer(text) if "// indirect" not in found[0]]
    if singles:
        head, tail = text[: singles[-1].end()], text[singles[-1].end() :]
        return f"{head}{'' if head.endswith(chr(10)) else end}{entry}{end}{tail}"
    return f"{text.rstrip()}{end}{end}{entry}{end}"
