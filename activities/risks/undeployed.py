"""Files of a build context that the running image cannot have: they are newer than it is."""

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from activities.diagnosis.source_tree import ignore_rules, is_ignored
from activities.risks.sharing import ignore_file
from workflows.models.target import BuildSpec

MAX_FILES = 20_000
MAX_FOUND = 50
_NOT_SOURCES = frozenset({".git", ".hg", ".svn", "__pycache__"})

Contents = Mapping[str, Collection[str]]
"""Absolute path -> SHA-256 of contents that runs wrote or put back: their time stamps mean nothing."""


def newer_files(build: BuildSpec, than: datetime, ours: Contents) -> tuple[str, ...]:
    """Paths relative to the context; one that starts with ``…`` says that the search was cut. Blocking."""
    context = Path(build.context)
    found: list[str] = []
    rules = ignore_rules(ignore_file(context, Path(build.dockerfile)))
    for seen, path in enumerate(_files(context)):
        if seen >= MAX_FILES or len(found) >= MAX_FOUND:
            found.append(f"… (the search ended after {seen} files)")
            break
        inside = path.relative_to(context).as_posix()
        if _newer(path, than) and not is_ignored(inside, rules) and not _is_ours(path, ours):
            found.append(inside)
    return tuple(found)


def _files(context: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(context, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in _NOT_SOURCES)
        yield from (Path(folder) / name for name in sorted(names))


def _newer(path: Path, than: datetime) -> bool:
    try:
        return path.lstat().st_mtime > than.timestamp()
    except OSError:  # gone meanwhile
        return False


def _is_ours(path: Path, ours: Contents) -> bool:
    known = ours.get(os.path.realpath(path))
    if not known:
        return False
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() in known
    except OSError:
        return False
