"""Static scan: imports of the project's own code that no manifest of the image asks for.

Only what an import of the module is certain to execute counts: imports in functions, behind
conditions, under TYPE_CHECKING or guarded against ImportError are no needs.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeGuard

from activities.diagnosis.knowledge import (
    Distribution,
    brought_along_by,
    distribution_of,
    is_standard,
    is_trusted,
)
from activities.diagnosis.python.imports import imported_names
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
    known: dict[str, Distribution | None] = {}

    def lacking(module: str) -> Distribution | None:
        if module not in known:
            found = distribution_of(module)
            usable = found is not None and is_trusted(found) and canonical(found.name) not in present
            # `psycopg2` provides psycopg2 as well, whichever of its distributions is the usual one.
            usable = usable and canonical(module.split(".", 1)[0]) not in declared
            known[module] = found if usable else None
        return known[module]

    found: dict[str, Missing] = {}
    for imported in third_party_imports(tree, entries, python, lambda name: lacking(name) is not None):
        distribution = lacking(imported.module)
        if distribution is not None:
            found.setdefault(canonical(distribution.name), Missing(distribution, imported))
    implied = brought_along_by(set(found))
    return [missing for name, missing in found.items() if name not in implied]


def third_party_imports(
    tree: SourceTree, entries: Iterable[str], python: str, wanted: Callable[[str], bool]
) -> list[Imported]:
    """Imports that count, of reachable files in path order; files without a `wanted` name are passed over."""
    start = sorted({path for entry in entries if (path := file_in_tree(tree, entry))})
    files = _reachable(tree, start) if start else {path: _names(tree, path) for path in tree.scannable()}
    own = tree.root_modules() | tree.root_folders()
    found: list[Imported] = []
    for path, names in sorted(files.items()):
        if not any(name.split(".", 1)[0] not in own and wanted(name) for name in names):
            continue
        for name, line, text in _certain_of(tree, path):
            top = name.split(".", 1)[0]
            if top not in own and not is_standard(top, python) and not _is_sibling(tree, path, top):
                found.append(Imported(name, path, line, text))
    return found


def file_in_tree(tree: SourceTree, file: str) -> str | None:
    """The file of the tree that a path inside the image most likely is: the longest common tail."""
    parts = file.strip("/").split("/")
    tails = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((tail for tail in tails if tree.has(tail)), None)


def _reachable(tree: SourceTree, start: list[str]) -> dict[str, frozenset[str]]:
    """The files that importing `start` can execute, by imports inside the tree, with what each imports."""
    found: dict[str, frozenset[str]] = {}
    todo = list(start)
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found[path] = _names(tree, path)
        targets = (target for name in found[path] for target in tree.find(name))
        todo += [target for target in targets if target not in found and target in tree.in_image]
    return found


def _names(tree: SourceTree, path: str) -> frozenset[str]:
    """Dotted names that any import in the file may mean, relative ones resolved; the file is not parsed."""
    return frozenset(imported_names(read_text(tree.root / path) or "", path))


def _certain_of(tree: SourceTree, path: str) -> list[tuple[str, int, str]]:
    """(module, line, text of the line) of imports that run whenever the module is imported."""
    text = read_text(tree.root / path) or ""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    lines = text.split("\n")
    return [(name, line, lines[line - 1].rstrip("\r")) for name, line in _certain(body)]


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


def _is_sibling(tree: SourceTree, path: str, name: str) -> bool:
    """A script's own directory comes first on its path."""
    folder = posixpath.dirname(path)
    own = (posixpath.join(folder, f"{name}.py"), posixpath.join(folder, name, "__init__.py"))
    return any(tree.has(file) for file in own)
