"""What a wheel makes importable, read from its file list and its sources without running any of it.

Runs inside the service's image (Python 3.7 or newer), beside ``ask_pip.py``.
"""

from __future__ import annotations

import ast
import re
import zipfile
from typing import Iterator, Optional

MAX_DEPTH = 4
"""Of ``from x import *`` followed from module to module."""


def place_of(wheel: zipfile.ZipFile, module: str) -> str:
    """The path in a wheel that makes ``import module`` work, '' where there is none."""
    path = module.replace(".", "/")
    exact = re.compile(re.escape(path) + r"(?:/__init__)?(?:\.py|(?:\.[\w-]+)?\.(?:so|pyd))$")
    folder = ""
    for name in wheel.namelist():
        inside = re.sub(r"^[^/]+\.data/(?:purelib|platlib)/", "", name)
        if exact.match(inside):
            return name
        if inside.startswith(path + "/") and inside.endswith(".py"):
            folder = folder or name
    return folder


def has(wheel: zipfile.ZipFile, module: str, attribute: str, depth: int = 0) -> Optional[bool]:
    """Whether a release provides the module, and in it the name; None where its text cannot tell."""
    place = place_of(wheel, module)
    if not place:
        return False
    if not attribute or place_of(wheel, module + "." + attribute):
        return True
    if not place.endswith(".py") or depth > MAX_DEPTH:
        return None
    source = wheel.read(place)
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    return _bound_in(tree, wheel, source, (module, attribute, place, depth))


def _bound_in(
    tree: ast.Module, wheel: zipfile.ZipFile, source: bytes, about: tuple[str, str, str, int]
) -> Optional[bool]:
    module, attribute, place, depth = about
    package = module if place.endswith("__init__.py") else module.rpartition(".")[0]
    unsure = False
    for names, stars in bound(tree.body):
        if attribute in names:
            return True
        if "__getattr__" in names:
            unsure = attribute.encode() in source
        for origin in stars:
            inner = has(wheel, absolute(origin, package), attribute, depth + 1)
            if inner:
                return True
            unsure = unsure or inner is None
    return None if unsure else False


def absolute(origin: tuple[int, str], package: str) -> str:
    """``from ..x import *`` in a package, as a full name."""
    level, name = origin
    if not level:
        return name
    parts = package.split(".")
    base = parts[: len(parts) - level + 1]
    return ".".join([*base, name] if name else base)


def bound(body: list[ast.stmt]) -> Iterator[tuple[set[str], list[tuple[int, str]]]]:
    """Names that statements bind at module level, and the modules they take everything from."""
    for node in body:
        names, stars = set(), []  # type: set[str], list[tuple[int, str]]
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            if "*" in names and isinstance(node, ast.ImportFrom):
                stars.append((node.level, node.module or ""))
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
            names |= {str(inner.value) for inner in ast.walk(node) if isinstance(inner, ast.Constant)}
        for field in ("body", "orelse", "finalbody"):
            if isinstance(node, (ast.If, ast.Try, ast.With)):
                yield from bound(getattr(node, field, []))
        for handler in getattr(node, "handlers", []):
            yield from bound(handler.body)
        yield names, stars
