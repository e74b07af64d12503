"""Files of the build context in any language: which there are, and which of them say something."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from activities.diagnosis.project import Project
from activities.diagnosis.source_tree import read_text

_NEVER = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "node_modules",
        "vendor",
        "target",
        "build",
        "dist",
        ".gradle",
        ".bundle",
        ".idea",
    }
)
_MAX_FILES = 4000
_MAX_DEPTH = 12


def context_files(project: Project, *suffixes: str) -> list[str]:
    """POSIX paths below the context whose names end so, sorted; bounded, never through links."""
    return [path for path in _listing(project.context) if path.endswith(suffixes)] if project.context else []


def _listing(root: Path) -> tuple[str, ...]:
    found: list[str] = []
    for folder, folders, names in os.walk(root, followlinks=False):
        relative = Path(folder).relative_to(root)
        deep = len(relative.parts) >= _MAX_DEPTH
        folders[:] = sorted(name for name in folders if name not in _NEVER and not deep)
        found += [(relative / name).as_posix() for name in sorted(names)]
        if len(found) > _MAX_FILES:
            break
    return tuple(sorted(found[:_MAX_FILES]))


def context_text(project: Project, path: str) -> str | None:
    """A file of the context, None where it is missing or not text."""
    return read_text(project.context / path) if project.context else None


def says(project: Project, pattern: str, *suffixes: str) -> str:
    """Path of the first file of these kinds that matches `pattern`; '' for none."""
    return next((path for path, _ in _matching(project, pattern, suffixes)), "")


def _matching(
    project: Project, pattern: str, suffixes: tuple[str, ...]
) -> Iterator[tuple[str, re.Match[str]]]:
    wanted = re.compile(pattern, re.MULTILINE)
    for path in context_files(project, *suffixes):
        found = wanted.search(context_text(project, path) or "")
        if found:
            yield path, found


def knows_sources(project: Project, *suffixes: str) -> bool:
    """Whether the context holds any source of these kinds, so that absence means something."""
    return bool(context_files(project, *suffixes))


def nearest(project: Project, name: str) -> str:
    """Path of the file `name` that stands highest in the context; '' where there is none."""
    found = [path for path in context_files(project, name) if path.rsplit("/", 1)[-1] == name]
    return min(found, key=lambda path: (path.count("/"), path), default="")


def target_of(project: Project, name: str) -> str:
    """The manifest `name` as a target: relative to the workspace; by its usual name where none is known."""
    path = nearest(project, name)
    if project.context is None:
        return name
    return project.relative(project.context / (path or name)) or name
