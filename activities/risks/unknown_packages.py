"""Packages a plan adds that the knowledge base does not have. Pure."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement

from activities.diagnosis.knowledge import known_distribution, knows_system_package
from activities.manifests.editors import editor_for, is_dockerfile
from activities.manifests.errors import ManifestError
from activities.manifests.names import canonical
from activities.risks.dockerfile_changes import added_packages
from activities.risks.package_json_changes import unknown_in_package_json
from workflows.allow_list import DEFAULT_MANIFESTS, allowed

Changed = Mapping[str, tuple[bytes | None, bytes]]
"""Path -> content before and after."""

_ADDRESS = re.compile(r"://|\bgit\+|(?:^|[\s\"'])@\s|\bfile:|\bpath\s*=")
_COMMENT = re.compile(r"(?:^|\s)#.*$")


def unknown_packages(changed: Changed) -> tuple[str, ...]:
    """Names in file order; a file that nobody here reads, or an address, is named instead of a package."""
    return tuple(dict.fromkeys(name for path, texts in changed.items() for name in _unknown(path, *texts)))


def _unknown(path: str, before: bytes | None, after: bytes) -> Iterator[str]:
    old, new = text_of(before), text_of(after)
    if is_dockerfile(path):
        yield from _in_dockerfile(old, new)
    elif editor := editor_for(path):
        try:
            added = editor.declared(new) - editor.declared(old)
        except ManifestError:
            yield f"the packages of {path}"
            return
        yield from (name for name in sorted(added) if not _on_record(name))
        if any(not _plain(path, line) for line in _added_lines(old, new)):
            yield f"an option or address in {path}"
    elif PurePosixPath(path).name == "package.json":
        yield from unknown_in_package_json(path, old, new)
    elif allowed(path, [f"**/{name}" for name in DEFAULT_MANIFESTS]):
        yield f"the packages of {path}"


def text_of(data: bytes | None) -> str:
    """A project file as text; nothing where there is none."""
    return (data or b"").decode("utf-8", "surrogateescape")


def _in_dockerfile(old: str, new: str) -> Iterator[str]:
    python, system = added_packages(old, new)
    for word in python:
        name = re.split(r"[<>=!~;\[@ ]", word, maxsplit=1)[0]
        if _ADDRESS.search(word) or not name:
            yield "an address in the Dockerfile"
        elif not _on_record(name):
            yield name
    for word in system:
        name = re.split(r"[=<>~]", word, maxsplit=1)[0]
        if not knows_system_package(name):
            yield name


def _on_record(name: str) -> bool:
    """A distribution of exactly this name; that an import is called so does not make it one."""
    known = known_distribution(name)
    return known is not None and canonical(known.name) == canonical(name)


def _added_lines(old: str, new: str) -> Iterator[str]:
    known = {line.strip() for line in old.splitlines()}
    return (line.strip() for line in new.splitlines() if line.strip() and line.strip() not in known)


def _plain(path: str, line: str) -> bool:
    """A line that asks for a distribution by name, or for nothing."""
    if path.endswith(".toml"):
        return not _ADDRESS.search(line)
    wanted = _COMMENT.sub("", line).split(" --hash")[0].rstrip("\\ ").strip()
    if not wanted or wanted.startswith("--hash="):
        return True
    try:
        return Requirement(wanted).url is None
    except InvalidRequirement:
        return False
