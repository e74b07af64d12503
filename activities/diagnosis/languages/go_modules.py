"""What is known of Go packages: the standard ones by release, and the module an import belongs to."""

from __future__ import annotations

import re

from activities.diagnosis.data_files import data_file
from activities.diagnosis.languages.context_files import context_text, nearest
from activities.diagnosis.project import Project

_PACKAGE = re.compile(r"^[a-zA-Z0-9][\w.~-]*(?:/[\w.~-]+)*$")
_MAJOR = re.compile(r"^v[2-9]\d*$")


def standard_since(package: str) -> str:
    """The Go release that brought a standard package (`1.21` for `slices`); '' for what is not one."""
    since: dict[str, list[str]] = data_file("go_standard.json")["since"]
    return next((release for release, packages in since.items() if package in packages), "")


def name_since(name: str) -> str:
    """The Go release that brought a function or type of the standard library (`os.ReadFile`: 1.16)."""
    symbols: dict[str, list[str]] = data_file("go_standard.json")["symbols"]
    return next((release for release, names in symbols.items() if name in names), "")


def module_of(package: str) -> str:
    """The module that an import path belongs to, '' where the host's layout is not on record."""
    if not _PACKAGE.match(package):
        return ""
    parts = package.split("/")
    known: dict[str, int] = data_file("go.json")["modules"]
    for size in range(len(parts), 0, -1):
        prefix = "/".join(parts[:size])
        if prefix in data_file("go.json")["nested"]:
            return prefix
        if prefix in known:
            return _cut(parts, known[prefix])
    return ""


def _cut(parts: list[str], size: int) -> str:
    if not size or len(parts) < size:
        return ""
    end = size + 1 if len(parts) > size and _MAJOR.match(parts[size]) else size
    return "/".join(parts[:end])


def own_module(project: Project) -> str:
    """The path that the project's go.mod declares, '' where there is none."""
    path = nearest(project, "go.mod")
    found = re.search(r"(?m)^module\s+\"?([^\s\"]+)", context_text(project, path) or "") if path else None
    return found[1] if found else ""


def required(project: Project) -> set[str]:
    """Module paths that go.mod requires."""
    path = nearest(project, "go.mod")
    text = (context_text(project, path) or "") if path else ""
    blocks = re.findall(r"(?ms)^require\s*\(\s*$(.*?)^\s*\)", text)
    lines = [*re.findall(r"(?m)^require\s+(?!\()(.+)$", text), *(x for b in blocks for x in b.splitlines())]
    return {line.split()[0] for line in lines if line.split() and not line.lstrip().startswith("//")}


def declared_release(project: Project) -> str:
    """`1.22` from the go line of go.mod, '' where there is none."""
    path = nearest(project, "go.mod")
    found = re.search(r"(?m)^go\s+(1\.\d+)", context_text(project, path) or "") if path else None
    return found[1] if found else ""
