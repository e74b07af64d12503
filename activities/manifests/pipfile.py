"""`Pipfile`: the lines of `[packages]`, edited in place; Pipenv itself writes the lock file.

Texts must be read and written without newline translation, so that CRLF survives (I8).
"""

from __future__ import annotations

from packaging.requirements import Requirement

from activities.manifests import toml_table
from activities.manifests.errors import ManifestError
from activities.manifests.names import canonical, pinned, wanted

_AT = ("packages",)


def declared(text: str) -> set[str]:
    """Canonical names that an install asks for; `[dev-packages]` do not count."""
    return {canonical(key) for key in toml_table.keys(text, _AT)}


def requirement_of(text: str, name: str) -> Requirement | None:
    """What `[packages]` asks for under `name`; None where nothing readable is found."""
    return toml_table.requirement(text, _AT, name)


def add(text: str, name: str, specifier: str = "") -> str:
    """The text with one more package; unchanged where it is declared and no specifier is asked.

    Raises ManifestError where there is no `[packages]`, or it is declared with another version.
    """
    requirement = wanted(name, specifier)
    known = declared(text)
    if canonical(requirement.name) in known:
        if specifier:
            raise ManifestError(f"{name} is declared already; change its version instead of adding it")
        return text
    result = toml_table.add(text, _AT, requirement)
    if declared(result) != known | {canonical(requirement.name)}:
        raise ManifestError(f"the place for {name} is not clear in this file")
    return result


def pin(text: str, name: str, version: str) -> str:
    """The text with the version of `name` replaced. Raises ManifestError where that is not safe."""
    found = [key for key in toml_table.keys(text, _AT) if canonical(key) == canonical(name)]
    if len(found) != 1:
        raise ManifestError(f"{name} is declared {len(found)} times in this file" if found else _absent(name))
    return toml_table.pin(text, _AT, found[0], pinned(version))


def rename(text: str, old: str, new: str) -> str:
    """The text with `old` under the name `new`. Raises ManifestError where `old` is not declared."""
    return toml_table.changed(text, _AT, old, lambda line: toml_table.renamed_line(line, new))


def add_extras(text: str, name: str, extras: frozenset[str]) -> str:
    """The text with `name` asked for with these extras too. Raises ManifestError where it cannot be."""
    return toml_table.changed(text, _AT, name, lambda line: toml_table.line_with_extras(line, extras))


def remove(text: str, name: str) -> str:
    """The text without the package. Raises ManifestError where `name` is not declared."""
    return toml_table.changed(text, _AT, name, None)


def _absent(name: str) -> str:
    return f"{name} is not declared"
