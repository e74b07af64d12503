"""Rust's releases: a toolchain that is too old for a crate, a manifest or a lock file, or not nightly."""

from __future__ import annotations

import re

from activities.diagnosis.data_files import data_file
from activities.diagnosis.languages.line_rules import Rule, rule
from activities.diagnosis.languages.toolchain import Tool, newer_image, tool_image, with_release
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.diagnosis.versions import number
from workflows.models.finding import FindingKind

TOOL = Tool(
    r"(?:^|/)(?:rust|rust-musl-builder|muslrust|cargo-chef|rust-musl-cross)(?::|@|$)",
    r"\b(?:cargo|rustup|rustc)\b",
)
_OFFICIAL = re.compile(r"(?:^|/)(?:rust|cargo-chef)(?::|@|$)")
_NEEDS = re.compile(
    r"requires rustc (?:version )?(\d+\.\d+)|rustc (\d+\.\d+)(?:\.\d+)? or (?:newer|later|higher)"
    r"|Minimum Supported Rust Version[^\d]*(\d+\.\d+)|needs rustc (\d+\.\d+)"
)
_EDITIONS = {"2018": "1.31", "2021": "1.56", "2024": "1.85"}
_LOCK_VERSIONS = {"3": "1.53", "4": "1.78"}


def _needs_rustc(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """The highest of all Rust releases that the log asks for."""
    near = [place.line, *place.before(120), *place.after(120)]
    asked = [next(g for g in m.groups() if g) for line in near for m in _NEEDS.finditer(line.plain)]
    version = max(asked, key=number)
    return _newer(version, f"a crate needs Rust {version}: {found[0].strip()}", place, project)


def _feature(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """A feature that is stable in a newer Rust; others exist only in nightly builds."""
    name = next((group for group in found.groups() if group), "")
    version = data_file("rust.json")["stabilised"].get(name)
    if version:
        return _newer(version, f"`{name}` is stable since Rust {version}", place, project)
    return None


def _edition(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    edition = next((group for group in found.groups() if group), "")
    version = _EDITIONS.get(edition)
    return _newer(version, f"edition {edition} came with Rust {version}", place, project) if version else None


def _lock_version(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    version = _LOCK_VERSIONS.get(found[1])
    reason = f"Cargo.lock has format {found[1]}, which Rust {version} is the first to read"
    return _newer(version, reason, place, project) if version else None


def _cargo_syntax(_: re.Match[str], place: Place, project: Project) -> Verdict:
    """Words of Cargo.toml that older Cargos do not know."""
    inherits = "workspace" in place.line.plain or "expected a string" in place.line.plain
    version = "1.64" if inherits else "1.60"
    return _newer(version, f"Cargo.toml uses what Rust {version} brought", place, project)


def _newer(version: str, reason: str, place: Place, project: Project) -> Verdict:
    image = tool_image(project, TOOL)
    if image and not _OFFICIAL.search(image):
        return Refusal(
            "rust.older_rust", f"{reason}; which tag of {image} has it is not known", (place.line,)
        )
    return newer_image("rust.older_rust", image, version, (place.line,), reason)


def _let_else(_: re.Match[str], place: Place, project: Project) -> Verdict:
    return _newer("1.65", "`let ... else` is stable since Rust 1.65", place, project)


def _nightly(_: re.Match[str], place: Place, project: Project) -> Verdict:
    """Unstable features compile on nightly only."""
    image, reason = tool_image(project, TOOL), "the sources use features that only a nightly Rust has"
    if not re.search(r"(?:^|/)rust(?::|@|$)", image):
        return Refusal("rust.nightly", reason, (place.line,))
    new = with_release("rustlang/rust", "nightly")
    kind = FindingKind.CHANGE_BASE_IMAGE
    return Need("rust.nightly", kind, (new,), (place.line,), reason, replaces=image)


RULES: tuple[Rule, ...] = (
    rule(_NEEDS.pattern, _needs_rustc),
    rule(
        r"feature `([\w-]+)` is required|use of unstable (?:library )?feature '([\w-]+)'"
        r"|use of unstable (?:library )?feature `([\w-]+)`",
        _feature,
    ),
    rule(
        r"older than the `(\d{4})` edition|supported edition values are .*but `(\d{4})`"
        r"|unknown edition: (\d{4})",
        _edition,
    ),
    rule(r"lock ?file version `?(\d)`? (?:was found, but|requires)", _lock_version),
    rule(
        r"namespaced features with the `dep:` prefix are only allowed"
        r"|weak dependency features are only allowed"
        r"|invalid type: map, expected a string.*(?:package|dependencies)|`workspace = true`"
        r"|feature names may not contain colons"
        r"|includes `dep:\w+`.*neither a dependency",
        _cargo_syntax,
    ),
    rule(r"E0658\]: `let\.\.\.else` statements are unstable", _let_else),
    rule(
        r"may not be used on the (?:stable|beta) release channel"
        r"|only accepted on the nightly"
        r"|requires a (?:'dev' or )?'?nightly'? version of rustc",
        _nightly,
    ),
)
"""Tried in order, behind the rules about crates."""
