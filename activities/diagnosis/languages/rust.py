"""Rust's rules: crates that Cargo.toml lacks, a toolchain that is too old, libraries that crates link."""

from __future__ import annotations

import re
from dataclasses import replace

from activities.diagnosis.data_files import data_file
from activities.diagnosis.evidence import Phase
from activities.diagnosis.languages import rust_toolchain
from activities.diagnosis.languages.context_files import context_text, knows_sources, nearest, says, target_of
from activities.diagnosis.languages.line_rules import (
    Rule,
    command_need,
    from_table,
    judged,
    rule,
    system_need,
)
from activities.diagnosis.languages.rust_toolchain import TOOL
from activities.diagnosis.languages.toolchain import (
    first_command,
    is_foreign,
    manager_for,
    tool_image,
)
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Ecosystem, Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_UNDECLARED = re.compile(
    r"undeclared crate or module `(\w+)`|unresolved module or unlinked crate `(\w+)`"
    r"|undeclared type or module `(\w+)`|maybe a missing crate `(\w+)`|cannot find module or crate `(\w+)`"
    r"|could not find `(\w+)`(?: in the (?:crate root|list of imported crates))?$"
    r"|unresolved imports? `(\w+)(?:::[\w:{}, *]+)?`"
    r"|can't find crate for `(\w+)`"
    r"|cannot find (?:macro|attribute|derive macro) `(\w+)`"
)
_NOT_CRATES = frozenset({"std", "core", "alloc", "crate", "self", "super", "proc_macro", "test"})
_LIBRARY = re.compile(
    r"system library `([^`]+)` required by crate|file `([^`]+)\.pc` needs to be installed"
    r"|No package '([^']+)' found"
    r"|Package '?([\w.+-]+)'?,? (?:was not found|required by)"
    r"|(?:cannot|unable to) find (?:library )?-l([\w.+-]+)|could not find native static library `(\w+)`"
    r"|(?:library|Library) `?([\w.+-]+)`? (?:was )?not found"
)


def _missing_crate(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """A path that begins with no crate that Cargo.toml names; all of the log are added at once."""
    near = [*place.before(300), place.line, *place.after(300)]
    named = [n for line in near for m in _UNDECLARED.finditer(line.plain) if (n := _name(m))]
    crates: list[str] = []
    for name in dict.fromkeys(named):
        crate = _crate_called(name, place, project)
        if isinstance(crate, Refusal):
            if name == _name(found):
                return crate
            continue
        crates.append(crate)
    if not crates:
        return None
    versions = data_file("rust.json")["crates"]
    why = f"the sources use {', '.join(dict.fromkeys(crates))}, which Cargo.toml does not name"
    version = " ".join(versions[crate] for crate in dict.fromkeys(crates))
    kind = FindingKind.ADD_RUST_CRATE
    return Need(
        "rust.missing_crate",
        kind,
        tuple(dict.fromkeys(crates)),
        (place.line,),
        why,
        version=version,
        target=target_of(project, "Cargo.toml"),
    )


def _name(found: re.Match[str]) -> str:
    name = next((group for group in found.groups() if group), "")
    return "" if name in _NOT_CRATES else name


def _crate_called(name: str, place: Place, project: Project) -> str | Refusal:
    """The well-known crate of that name, or why it is none."""
    crates: dict[str, str] = data_file("rust.json")["crates"]
    crate = next((c for c in (name, name.replace("_", "-")) if c in crates), "")
    lines = (place.line,)
    if not crate:
        return Refusal("rust.own_module", f"{name} is a module of the project, or not a known crate", lines)
    if says(project, rf"^\s*(?:pub(?:\([^)]*\))? )?mod\s+{name}\s*[;{{]", ".rs"):
        return Refusal("rust.own_module", f"{name} is a module of the project itself", lines)
    path = nearest(project, "Cargo.toml")
    text = (context_text(project, path) or "") if path else ""
    if re.search(rf"(?m)^\s*\"?{crate}\"?\s*(?:=|\.)|^\[(?:\w+-)?dependencies\.{crate}\]", text):
        reason = f"Cargo.toml names {crate} already: as optional, for tests only, or for another member"
        return Refusal("rust.declared", reason, lines)
    if knows_sources(project, ".rs") and not says(project, rf"\b{name}\b", ".rs"):
        return Refusal("rust.not_used", f"no source file uses {name}", lines)
    return crate


def _std_target(_: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """The standard library of a target is installed by rustup."""
    near = " ".join(line.plain for line in (place.line, *place.before(6), *place.after(6)))
    target = re.search(r"the `([\w.-]+)` target may not be installed|rustup target add ([\w.-]+)", near)
    if target is None:
        return None
    name = target[1] or target[2]
    why = f"the standard library for {name} is not installed"
    command, before = f"rustup target add {name}", r"\bcargo (?:build|install|chef|test|rustc)\b"
    return command_need("rust.target", command, place, why, ahead_of=first_command(project, before))


def _library(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """A system library that a crate links; by its pkg-config or linker name."""
    name = next((group for group in found.groups() if group), "")
    known = data_file("rust.json")["libraries"].get(name)
    if known is None or is_foreign(project, TOOL):
        return None
    place = replace(place, phase=Phase.BUILD)
    entry = {"reason": f"a crate is linked against the system library {name}", **known}
    return system_need("rust.library", entry, place, project, TOOL)


def _near_library(_: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """The advice that ends pkg-config's message; which library it is stands above."""
    for line in reversed(place.before(8)):
        found = _LIBRARY.search(line.plain)
        verdict = _library(found, place, project) if found else None
        if verdict is not None:
            return verdict
    return Refusal("rust.unknown_library", "a system library that is not known is missing", (place.line,))


def _no_cargo(_: re.Match[str], place: Place, project: Project) -> Verdict:
    """No cargo: the image is not one of Rust's."""
    if tool_image(project, TOOL):
        return Refusal(
            "rust.no_cargo", "cargo is in the image, but not on the PATH of this step", (place.line,)
        )
    entry = {"reason": "cargo is not installed", "apt": ["cargo"], "apk": ["cargo"]}
    if manager_for(project, TOOL) not in ("apt", "apk"):
        return Refusal("rust.no_cargo", "cargo is not installed in this image", (place.line,))
    return system_need("rust.cargo", entry, place, project, TOOL)


_RULES: tuple[Rule, ...] = (
    rule(
        r"can't find crate for `(?:std|core)`|target may not be installed|rustup target add \S+", _std_target
    ),
    rule(_UNDECLARED.pattern, _missing_crate),
    rule(_LIBRARY.pattern, _library),
    rule(r"PKG_CONFIG_PATH environment variable", _near_library),
    rule(r"\bcargo: (?:command )?not found$|exec: \"cargo\": executable file not found", _no_cargo),
    *rust_toolchain.RULES,
    *from_table("rust", TOOL),
)


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line of cargo, rustc, the linker or a build script."""
    return judged(_RULES, place, project)


ECOSYSTEM = Ecosystem("rust", of_line)
