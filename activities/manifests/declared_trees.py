"""composer.json, Cargo.toml and pom.xml: a dependency taken out, or its version changed; all else stays.

Texts must be read and written without newline translation, so that CRLF survives (I8).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, MutableMapping

import tomlkit
from tomlkit.exceptions import TOMLKitError

from activities.manifests.errors import ManifestError

_VERSION = re.compile(r"^[~^<>=*]{0,2}v?\d[\w.+*-]*(?:[ ,|]+[~^<>=]{0,2}v?\d[\w.+*-]*)*$")
_SECTION = re.compile(r'"require(?:-dev)?"\s*:\s*\{(?P<body>[^{}]*)\}')
_CARGO = ("dependencies", "dev-dependencies", "build-dependencies")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_DEPENDENCY = re.compile(r"[ \t]*<dependency>(?P<body>.*?)</dependency>[ \t]*(?:\r?\n)?", re.DOTALL)
_VERSION_TAG = re.compile(r"<version>\s*(?P<version>[^<]*?)\s*</version>")


def remove_php_package(text: str, name: str) -> str:
    """The composer.json without the package.

    Raises:
        ManifestError: it does not require the package, or cannot be read.
    """
    section, entry = _php_entry(text, name)
    body = section["body"]
    before, after = body[: entry.start()], body[entry.end() :]
    if after.lstrip().startswith(","):
        after = after.lstrip()[1:]
        kept = before.rstrip() + after if before.strip() else after
    else:
        kept = before.rstrip().removesuffix(",") + after
    return _same_but(text, text[: section.start("body")] + kept + text[section.end("body") :], name)


def pin_php_package(text: str, name: str, version: str) -> str:
    """The composer.json with another constraint for the package.

    Raises:
        ManifestError: it does not require the package, or the constraint is none.
    """
    section, entry = _php_entry(text, name)
    at = section.start("body")
    return text[: at + entry.start("version")] + _checked(version) + text[at + entry.end("version") :]


def _php_entry(text: str, name: str) -> tuple[re.Match[str], re.Match[str]]:
    pattern = re.compile(rf'"{re.escape(name)}"\s*:\s*"(?P<version>[^"\\]*)"')
    found = [(s, e) for s in _SECTION.finditer(text) if (e := pattern.search(s["body"]))]
    if len(found) != 1:
        raise ManifestError(f"composer.json requires {name} {len(found)} times")
    return found[0]


def _same_but(before: str, after: str, name: str) -> str:
    """The new text, once it is seen that only this package went."""
    try:
        old, new = json.loads(before), json.loads(after)
    except (ValueError, RecursionError) as error:
        raise ManifestError("composer.json cannot be read or edited") from error
    for section in ("require", "require-dev"):
        if name in old.get(section, {}):
            del old[section][name]
    if old != new:
        raise ManifestError(f"the place of {name} in composer.json is not clear")
    return after


def remove_crate(text: str, name: str) -> str:
    """The Cargo.toml without the crate.

    Raises:
        ManifestError: it does not ask for the crate, or cannot be read.
    """
    document = _toml(text)
    tables = list(_crate_tables(document, name))
    if not tables:
        raise ManifestError(f"Cargo.toml does not ask for {name}")
    for table in tables:
        del table[name]
    return tomlkit.dumps(document)


def pin_crate(text: str, name: str, version: str) -> str:
    """The Cargo.toml with another requirement for the crate; its features stay.

    Raises:
        ManifestError: it does not ask for the crate by version in one place.
    """
    document = _toml(text)
    tables = list(_crate_tables(document, name))
    if len(tables) != 1:
        raise ManifestError(f"Cargo.toml asks for {name} {len(tables)} times")
    stated = tables[0][name]
    if isinstance(stated, str):
        tables[0][name] = _checked(version)
    elif isinstance(stated, MutableMapping) and "version" in stated:
        stated["version"] = _checked(version)
    else:
        raise ManifestError(f"Cargo.toml asks for {name} without a version")
    return tomlkit.dumps(document)


def _toml(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ManifestError("Cargo.toml cannot be read") from error


def _crate_tables(document: MutableMapping[str, object], name: str) -> Iterator[MutableMapping[str, object]]:
    targets = document.get("target")
    every = targets.values() if isinstance(targets, MutableMapping) else ()
    for owner in (document, *every):
        for section in _CARGO:
            table = owner.get(section) if isinstance(owner, MutableMapping) else None
            if isinstance(table, MutableMapping) and name in table:
                yield table


def remove_maven_dependency(text: str, coordinates: str) -> str:
    """The pom.xml without the dependency.

    Raises:
        ManifestError: it is not named in exactly one place.
    """
    found = _maven_dependency(text, coordinates)
    return text[: found.start()] + text[found.end() :]


def pin_maven_dependency(text: str, coordinates: str, version: str) -> str:
    """The pom.xml with another version of the dependency.

    Raises:
        ManifestError: it is not named in exactly one place, or its version stands elsewhere.
    """
    found = _maven_dependency(text, coordinates)
    stated = _VERSION_TAG.search(found["body"])
    if stated is None or "$" in stated["version"]:
        raise ManifestError(f"the version of {coordinates} is not written where it is named")
    at = found.start("body")
    return text[: at + stated.start("version")] + _checked(version) + text[at + stated.end("version") :]


def _maven_dependency(text: str, coordinates: str) -> re.Match[str]:
    group, _, artifact = coordinates.partition(":")
    seen = _COMMENT.sub(lambda comment: " " * len(comment[0]), text)
    found = [
        one
        for one in _DEPENDENCY.finditer(seen)
        if _tag("groupId", group).search(one["body"]) and _tag("artifactId", artifact).search(one["body"])
    ]
    if len(found) != 1:
        raise ManifestError(f"pom.xml names {coordinates} {len(found)} times")
    return found[0]


def _tag(name: str, value: str) -> re.Pattern[str]:
    return re.compile(rf"<{name}>\s*{re.escape(value)}\s*</{name}>")


def _checked(version: str) -> str:
    if not _VERSION.match(version):
        raise ManifestError(f"{version!r} is not a version that can be written here")
    return version
