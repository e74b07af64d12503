"""What a project's own JavaScript says: its module system, and the line that Node could not read."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path

from activities.diagnosis.node.project import PackageJson
from activities.diagnosis.reading import Place
from activities.diagnosis.source_tree import read_text

_IMPORT = re.compile(
    r"^\s*(?:import\s+(?:[\w*{},$\s]+\s+from\s+)?[\"']|export\s+(?:default|const|function|class|async|let|var|\{|\*))",
    re.MULTILINE,
)
_REQUIRE = re.compile(
    r"\brequire\s*\(|\bmodule\.exports\b|^\s*exports\.\w+\s*=|\b__dirname\b|\b__filename\b", re.MULTILINE
)
_FILE_OF_CODE = re.compile(r"^(?:file://)?(/[^:()]+):\d+$")
_SKIPPED = frozenset(
    {"node_modules", ".git", "dist", "build", "public", "static", "coverage", "test", "tests", "__tests__"}
)
_MAX_FILES = 400
_MAX_BYTES = 256 * 1024


def code_above(place: Place) -> tuple[str, str]:
    """(file, line of code) that Node prints above a SyntaxError; '' where it printed none."""
    lines = place.before(8)
    for index in range(len(lines) - 1, -1, -1):
        found = _FILE_OF_CODE.match(lines[index].plain.strip())
        if found:
            return found[1], lines[index + 1].plain if index + 1 < len(lines) else ""
    return "", ""


def module_style(root: Path, manifest: PackageJson) -> str:
    """`module`, `commonjs`, `mixed`, or '' where no source says: of the `.js` files below package.json."""
    found: set[str] = set()
    folder = root / posixpath.dirname(manifest.path)
    for path in _javascript(folder):
        text = read_text(path, _MAX_BYTES) or ""
        if _REQUIRE.search(text):
            found.add("commonjs")
        if _IMPORT.search(text):
            found.add("module")
    return "mixed" if len(found) > 1 else next(iter(found), "")


def _javascript(folder: Path) -> list[Path]:
    found: list[Path] = []
    for here, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        found += [Path(here) / name for name in sorted(names) if name.endswith(".js")]
        if len(found) > _MAX_FILES:
            break
    return found[:_MAX_FILES]
