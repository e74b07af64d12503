"""Static scan: packages that the project's own sources import and no manifest of the image asks for."""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from activities.diagnosis.node.aliases import Aliases, aliases_of
from activities.diagnosis.node.imports import endings, imports_of
from activities.diagnosis.node.knowledge import builtin_since, is_known, is_own_name
from activities.diagnosis.node.packages import name_in
from activities.diagnosis.node.project import (
    PackageJson,
    manifest_or_dockerfile,
    package_json_paths,
    read_package_json,
)
from activities.diagnosis.project import Project
from activities.diagnosis.source_tree import ignore_rules, is_ignored, read_text

_MAX_FILES = 3000
_MAX_TRIES = 20
"""A name that so many files ask for, but never for certain, is no need."""
_NOT_SERVED = frozenset(
    {
        "node_modules", "dist", "build", "out", "coverage", "test", "tests", "__tests__", "__mocks__", "e2e",
        "cypress", "spec", "specs", "docs", "example", "examples", "stories", "scripts", "tools", "benchmark",
        "benchmarks", "public", "static", "vendor", "fixtures", "migrations",
    }
)  # fmt: skip
_TOOLING = re.compile(
    r"(?:\.(?:test|spec|stories|config|setup|e2e|cy|bench)\.[cm]?[jt]sx?|\.min\.js|^\..*"
    r"|^(?:gulpfile|Gruntfile|karma\.conf|jest\..*|setupTests|webpack\..*|rollup\..*)\.?[cm]?[jt]s)$"
)
_ASKED = re.compile(r"(?:\bfrom|\bimport|\brequire\s*\()\s*[\"']([^\"'\n]{1,120})[\"']")
_LOCKS = ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml")
_MAX_LOCK_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Imported:
    """A package with the import that shows the need of it."""

    name: str
    path: str
    """Relative to the build context."""
    line: int
    """From 1."""
    text: str


def missing_packages(project: Project, added: frozenset[str]) -> list[Imported]:
    """Packages to add to the topmost package.json, each once; none where nothing lists packages.

    `added` are names that are being added already. What a lock file installs for another package is there.
    """
    root, manifest = project.context, manifest_or_dockerfile(project)
    if root is None or manifest is None:
        return []
    present = added | _declared(root, manifest) | frozenset(manifest.dependencies)
    aliases, locked = aliases_of(root), _lock_text(root, manifest)
    found: dict[str, Imported] = {}
    tried: Counter[str] = Counter()
    for path in _sources(root, posixpath.dirname(manifest.path)):
        text = read_text(root / path) or ""
        doubtful = {n for n in _names(text, aliases) - present - found.keys() if tried[n] < _MAX_TRIES}
        wanted = {n for n in doubtful if not _is_locked(n, locked)}
        tried.update(wanted)
        for one in _proven(path, text, wanted) if wanted else ():
            found.setdefault(one.name, one)
    return list(found.values())


def _declared(root: Path, manifest: PackageJson) -> frozenset[str]:
    """Of every package.json of the project: workspaces and root find what the other installs."""
    names: set[str] = set()
    for path in package_json_paths(root):
        one = read_package_json(root, path)
        names |= {*one.dependencies, *one.dev, *one.peer, one.name} if one else set()
    # Types that are declared without their package say that only its types are used.
    types = {name.removeprefix("@types/").replace("__", "/") for name in names if name.startswith("@types/")}
    return frozenset(names | types | {manifest.name})


def _names(text: str, aliases: Aliases) -> set[str]:
    """Known packages that the text may import, by a quick look that the parser confirms."""
    requests = {found[1] for found in _ASKED.finditer(text)}
    named = {name_in(r) for r in requests if builtin_since(r) is None and not aliases.covers(r)}
    return {name for name in named if name and is_known(name) and not is_own_name(name)}


def _proven(path: str, text: str, wanted: set[str]) -> Iterator[Imported]:
    lines = text.split("\n")
    for request, line in imports_of(path, text):
        if name_in(request) in wanted:
            yield Imported(name_in(request), path, line, lines[line - 1].rstrip("\r"))


def _sources(root: Path, folder: str) -> list[str]:
    """Files below `folder` that can be part of the running service, in path order."""
    ignored = ignore_rules(root / ".dockerignore")
    found: list[str] = []
    for here, folders, names in os.walk(root / folder, followlinks=False):
        relative = Path(here).relative_to(root)
        folders[:] = sorted(name for name in folders if name not in _NOT_SERVED and not name.startswith("."))
        files = (name for name in sorted(names) if name.endswith(endings()) and not _TOOLING.search(name))
        found += [(relative / name).as_posix() for name in files]
        if len(found) > _MAX_FILES:
            break
    return [path for path in found[:_MAX_FILES] if not is_ignored(path, ignored)]


def _lock_text(root: Path, manifest: PackageJson) -> str:
    folder = root / posixpath.dirname(manifest.path)
    return next((text for name in _LOCKS if (text := read_text(folder / name, _MAX_LOCK_BYTES))), "")


def _is_locked(name: str, lock: str) -> bool:
    """Whether a lock file of any of the three tools installs it."""
    bare = ("", '"', "  '", "  /")
    marks = (f'"node_modules/{name}"', f"\n  /{name}/", *(f"\n{start}{name}@" for start in bare))
    return any(mark in lock for mark in (*marks, f'\n    "{name}": {{'))
