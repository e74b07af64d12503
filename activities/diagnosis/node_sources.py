"""Which module system a project's own sources are written in."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path

from activities.diagnosis.node_project import PackageJson
from activities.diagnosis.source_tree import read_text

_IMPORT = re.compile(
    r"^\s*(?:import\s+(?:[\w*{},$\s]+\s+from\s+)?[\"']|export\s+(?:default|const|function|class|async|let|var|\{|\*))",
    re.MULTILINE,
)
_REQUIRE = re.compile(
    r"\brequire\s*\(|\bmodule\.exports\b|^\s*exports\.\w+\s*=|\b__dirname\b|\b__filename\b", re.MULTILINE
)
_SKIPPED = frozenset(
    {"node_modules", ".git", "dist", "build", "public", "static", "coverage", "test", "tests", "__tests__"}
)
_MAX_FILES = 400
_MAX_BYTES = 256 * 1024


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
