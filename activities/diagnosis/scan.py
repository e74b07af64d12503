"""Static scan: imports of the project's own code that no manifest of the image asks for.

Only what an import of the module is certain to execute counts: imports in functions, behind
conditions, under TYPE_CHECKING or guarded against ImportError are no needs.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from activities.diagnosis.knowledge import Distribution, brought_along_by, distribution_of, is_standard
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
        if distribution is not None and canonical(distribution.name) not in present:
            found.setdefault(canonical(distribution.name), Missing(distribution, imported))
    implied = brought_along_by(set(found))
    return [missing for name, missing in found.items() if name not in implied]


def third_party_imports(tree: SourceTree, entries: Iterable[str], python: str) -> list[Imported]:
    """All imports that count, of reachable files in path order."""
    start = sorted({path for entry in entries if (path := file_in_tree(tree, entry))})
    paths = _reachable(tree, start) if start else tree.scannable()
    own = tree.root_modules()
    found: list[Imported] = []
    for path in paths:
        text, module = _parsed(tree, path)
        if module is None:
            continue
        lines = text.split("\n")
        for name, line in _certain(module.body):
            top = name.split(".", 1)[0]
            if top not in own and not is_standard(top, python) and not _is_sibling(tree, path, top):
                found.append(Imported(name, path, line, lines[line - 1].rstrip("\r")))
    return found


def file_in_tree(tree: SourceTree, file: str) -> str | None:
    """The file of the tree that a path inside the image most likely is: the longest common tail."""
    known = set(tree.files)
    parts = file.strip("/").split("/")
    tails = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((tail for tail in tails if tail in known), None)


def _reachable(tree: SourceTree, start: list[str]) -> list[str]:
    allowed = tree.in_image
    todo, seen = list(start), set(start)
    while todo:
        path = todo.pop()
        _, module = _parsed(tree, path)
        for name in _local_names(module, path) if module else ():
            for target in tree.find(name):
                if target not in seen and target in allowed:
                    seen.add(target)
                    todo.append(target)
    return sorted(seen)


def _parsed(tree: SourceTree, path: str) -> tuple[str, ast.Module | None]:
    text = read_text(tree.root / path)
    try:
        return (text, ast.parse(text)) if text is not None else ("", None)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "", None


def _certain(body: list[ast.stmt]) -> Iterator[tuple[str, int]]:
    """(module, line) of imports that run whenever the module is imported."""
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            yield from _from_names(node)
        elif isinstance(node, ast.ClassDef | ast.With) or (isinstance(node, ast.Try) and not _guarded(node)):
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


def _local_names(module: ast.Module, path: str) -> Iterator[str]:
    """Dotted names that any import in the file may mean, relative ones resolved; for reachability only."""
    folder = posixpath.dirname(path)
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
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
    own = {posixpath.join(folder, f"{name}.py"), posixpath.join(folder, name, "__init__.py")}
    return bool(own & set(tree.files))
