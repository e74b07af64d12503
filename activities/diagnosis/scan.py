"""Static scan: imports of the project's own code that no manifest of the image asks for.

Only what an import of the module is certain to execute counts: imports in functions, behind
conditions, under TYPE_CHECKING or guarded against ImportError are no needs.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeGuard

from activities.diagnosis.knowledge import (
    Distribution,
    brought_along_by,
    distribution_of,
    is_standard,
    is_trusted,
)
from activities.diagnosis.source_tree import SourceTree, read_text
from activities.manifests.names import canonical

_GUARDS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


@dataclass(frozen=True)
class Imported:
    """One unconditional import of something that is neither standard nor the project's own."""

    module: str
    path: str
    """Relative to the tree's root."""
    line: int
    """From 1."""
    text: str


@dataclass(frozen=True)
class Missing:
    """A distribution the code needs and no manifest asks for, with the import that shows it."""

    distribution: Distribution
    imported: Imported


def missing_distributions(
    tree: SourceTree, entries: Iterable[str], declared: set[str], python: str
) -> list[Missing]:
    """Distributions to add, each once, in the order their imports are met.

    `entries` are files of tracebacks: where one is found in the tree, only code reachable from
    them is read. `declared` are canonical names that are installed or being added already.
    """
    present = declared | brought_along_by(declared)
    found: dict[str, Missing] = {}
    for imported in third_party_imports(tree, entries, python):
        distribution = distribution_of(imported.module)
        if distribution is None or not is_trusted(distribution):
            continue
        if canonical(distribution.name) not in present:
            found.setdefault(canonical(distribution.name), Missing(distribution, imported))
    implied = brought_along_by(set(found))
    return [missing for name, missing in found.items() if name not in implied]


def third_party_imports(tree: SourceTree, entries: Iterable[str], python: str) -> list[Imported]:
    """All imports that count, of reachable files in path order."""
    start = sorted({path for entry in entries if (path := file_in_tree(tree, entry))})
    files = _reachable(tree, start) if start else {path: _read(tree, path) for path in tree.scannable()}
    own = tree.root_modules() | tree.root_folders()
    found: list[Imported] = []
    for path, file in sorted(files.items()):
        for name, line, text in file.certain:
            top = name.split(".", 1)[0]
            if top not in own and not is_standard(top, python) and not _is_sibling(tree, path, top):
                found.append(Imported(name, path, line, text))
    return found


def file_in_tree(tree: SourceTree, file: str) -> str | None:
    """The file of the tree that a path inside the image most likely is: the longest common tail."""
    parts = file.strip("/").split("/")
    tails = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((tail for tail in tails if tree.has(tail)), None)


@dataclass(frozen=True)
class _File:
    """What one file imports; the parsed file itself is not kept."""

    certain: tuple[tuple[str, int, str], ...] = ()
    """(module, line, text of the line) of imports that run whenever the module is imported."""
    local: frozenset[str] = frozenset()
    """Dotted names that any of its imports may mean, relative ones resolved."""


def _reachable(tree: SourceTree, start: list[str]) -> dict[str, _File]:
    """The files that importing `start` can execute, by following imports inside the tree."""
    found: dict[str, _File] = {}
    todo = list(start)
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found[path] = _read(tree, path)
        targets = (target for name in found[path].local for target in tree.find(name))
        todo += [target for target in targets if target not in found and target in tree.in_image]
    return found


def _read(tree: SourceTree, path: str) -> _File:
    text = read_text(tree.root / path)
    try:
        module = ast.parse(text) if text is not None else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        module = None
    if text is None or module is None:
        return _File()
    lines = text.split("\n")
    certain = tuple((name, line, lines[line - 1].rstrip("\r")) for name, line in _certain(module.body))
    return _File(certain, frozenset(_local_names(module.body, path)))


def _certain(body: list[ast.stmt]) -> Iterator[tuple[str, int]]:
    """(module, line) of imports that run whenever the module is imported."""
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            yield from _from_names(node)
        elif _runs_body(node):
            yield from _certain(node.body)


def _from_names(node: ast.ImportFrom) -> Iterator[tuple[str, int]]:
    """`from google.cloud import storage` means `google.cloud.storage` where that is a package of its own."""
    if node.level == 0 and node.module:
        for alias in node.names:
            longer = f"{node.module}.{alias.name}"
            yield (
                (longer if distribution_of(longer) != distribution_of(node.module) else node.module),
                node.lineno,
            )


def _guarded(node: ast.Try) -> bool:
    for handler in node.handlers:
        types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        if any(kind is None or ast.unparse(kind).rsplit(".", 1)[-1] in _GUARDS for kind in types):
            return True
    return False


def _runs_body(node: ast.stmt) -> TypeGuard[ast.ClassDef | ast.With | ast.Try]:
    """Whether what stands inside runs as soon as the statement does, and unguarded."""
    if isinstance(node, ast.With):
        return not _suppresses(node)
    return isinstance(node, ast.ClassDef) or (isinstance(node, ast.Try) and not _guarded(node))


def _suppresses(node: ast.With) -> bool:
    """`with suppress(ImportError):` guards as `try` does."""
    calls = (item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call))
    return any(ast.unparse(call.func).rsplit(".", 1)[-1] == "suppress" for call in calls)


def _imports(body: Iterable[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import statement at any depth; expressions hold none and are not looked into."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
            continue
        for part in ("body", "orelse", "finalbody"):
            yield from _imports(getattr(node, part, ()))
        for branch in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from _imports(branch.body)


def _local_names(body: Iterable[ast.stmt], path: str) -> Iterator[str]:
    """Dotted names that any import in the file may mean, relative ones resolved; for reachability only."""
    folder = posixpath.dirname(path)
    for node in _imports(body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            continue
        base = node.module or ""
        if node.level:
            parts = [part for part in folder.split("/") if part]
            kept = parts[: len(parts) - node.level + 1]
            base = ".".join([*kept, base] if base else kept)
        if base:
            yield base
        yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)


def _is_sibling(tree: SourceTree, path: str, name: str) -> bool:
    """A script's own directory comes first on its path."""
    folder = posixpath.dirname(path)
    own = (posixpath.join(folder, f"{name}.py"), posixpath.join(folder, name, "__init__.py"))
    return any(tree.has(file) for file in own)
