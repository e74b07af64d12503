"""Go's rules: modules that go.mod or go.sum lack, and a Go that is too old for what it builds."""

from __future__ import annotations

import re

from activities.diagnosis.data_files import data_file
from activities.diagnosis.languages import go_toolchain
from activities.diagnosis.languages.context_files import (
    context_files,
    knows_sources,
    nearest,
    says,
    target_of,
)
from activities.diagnosis.languages.go_modules import (
    declared_release,
    module_of,
    own_module,
    required,
    standard_since,
)
from activities.diagnosis.languages.go_toolchain import TOOL
from activities.diagnosis.languages.line_rules import (
    Rule,
    command_need,
    from_table,
    judged,
    rule,
    system_need,
)
from activities.diagnosis.languages.toolchain import (
    commands_of,
    first_command,
    newer_image,
    release_in,
    tool_image,
)
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Ecosystem, Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.diagnosis.versions import number
from workflows.models.finding import FindingKind

_PROVIDES = re.compile(r"(?:no required module provides|cannot find module providing) package ([^\s;:]+)")
_HEADER = r"fatal error: (?:stdio|stdlib|errno|string|limits|assert|stdint|math|unistd)\.h: No such file"
_FIRST_MODULES = (1, 16)
"""From this release on the go command works only inside a module."""


def _go_sum(found: re.Match[str], place: Place, project: Project) -> Verdict:
    """go.sum lacks a line; the go command writes it, nobody else."""
    why = f"go.sum lacks an entry: {found[0].strip()}"
    kind = FindingKind.CHANGE_LOCKFILE
    return Need("go.missing_sum", kind, ("go.sum",), (place.line,), why, target=target_of(project, "go.sum"))


def _mod_updates(_: re.Match[str], place: Place, project: Project) -> Verdict:
    why = "go.mod and go.sum do not match what the sources import; `go mod tidy` brings them up to date"
    target = target_of(project, "go.mod")
    names = ("go.mod", "go.sum")
    return Need("go.mod_updates", FindingKind.CHANGE_LOCKFILE, names, (place.line,), why, target=target)


def _no_module(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """A package of no required module: all that the log names are added at once."""
    if re.search(r"go\.mod file not found|working directory is not part of a module", place.line.plain):
        return _no_go_mod(found, place, project)
    rest = place.line.plain[found.end() :]
    if re.search(r"disabled by -mod=vendor", rest) or re.search(r"\b(?:404|410|exit status 128)\b", rest):
        return None
    named = [found[1]]
    for line in (*place.before(60), *place.after(60)):
        more = _PROVIDES.search(line.plain)
        named += [more[1]] if more else []
    if _tidied_too_early(project):
        why = "`go mod tidy` ran before the sources were copied, so it took every module out of go.mod"
        new, old = "go mod download", "go mod tidy"
        return command_need("go.tidied_early", new, place, why, replaces=old)
    verdicts = [_package(name, place, project) for name in dict.fromkeys(named)]
    refusal = next((v for v in verdicts if isinstance(v, Refusal)), None)
    if refusal is not None:
        return refusal
    modules = tuple(dict.fromkeys(str(v) for v in verdicts))
    why = f"the sources import {', '.join(dict.fromkeys(named))}, and go.mod requires no module that has it"
    target = target_of(project, "go.mod")
    return Need("go.no_module", FindingKind.ADD_GO_MODULE, modules, (place.line,), why, target=target)


def _tidied_too_early(project: Project) -> bool:
    """Whether `go mod tidy` ran before any source was copied, so that it emptied the image's go.mod."""
    facts = project.facts
    tidied = (
        [facts.instructions[i].line for i, _ in commands_of(project, r"\bgo mod tidy\b")] if facts else []
    )
    copies = [copy for copy in facts.copies if not copy.from_stage] if facts else []
    first = [copy for copy in copies if tidied and copy.line < tidied[0]]
    return bool(first) and all(source.endswith(("go.mod", "go.sum")) for c in first for source in c.sources)


def _package(name: str, place: Place, project: Project) -> str | Refusal:
    """The module to require for an import, or why none may be."""
    lines = (place.line,)
    own = own_module(project)
    if own and (name == own or name.startswith(f"{own}/")):
        return Refusal("go.own_package", f"{name} is a package of the project itself that is missing", lines)
    module = module_of(name)
    if not module:
        return Refusal("go.unknown_module", f"which module has the package {name} is not known", lines)
    if module in required(project):
        reason = f"go.mod requires {module} already, but that version has no package {name}"
        return Refusal("go.path_mismatch", reason, lines)
    if knows_sources(project, ".go") and not says(project, rf'"{re.escape(name)}"', ".go"):
        return Refusal("go.not_imported", f"no source file imports {name}", lines)
    return module


def _not_standard(found: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """A path without a host: a newer Go's own package, or one of the project's under a wrong name."""
    name = found[1]
    since = standard_since(name)
    if since:
        asked = [m[1] for line in place.after(3) if (m := re.search(r"requires go (1\.\d+)", line.plain))]
        since = max((since, *asked), key=number)
        reason = f"{name} is a standard package since Go {since}"
        return newer_image("go.newer_standard", tool_image(project, TOOL), since, (place.line,), reason)
    if "." in name.split("/")[0]:
        return _gopath(name, place, project)
    reason = f"{name} is no standard package and names no host: a package of the project that is not there"
    return Refusal("go.own_package", reason, (place.line,))


def _gopath(name: str, place: Place, project: Project) -> Verdict:
    """Before modules a package had to lie in GOPATH; `go get` puts it there."""
    if nearest(project, "go.mod"):
        reason = f"{name} was looked for in GOPATH though the project has a go.mod; this Go does not use it"
        version = declared_release(project) or "1.16"
        return newer_image("go.gopath", tool_image(project, TOOL), version, (place.line,), reason)
    if module_of(name) and release_in(tool_image(project, TOOL)) < _FIRST_MODULES:
        why = f"{name} is not in GOPATH; `go get` fetches what the sources import"
        before = r"\bgo (?:build|install|test|run)\b"
        return command_need(
            "go.gopath", "go get -d ./...", place, why, ahead_of=first_command(project, before)
        )
    reason = f"{name} is not in GOPATH and the project has no go.mod that could name a version"
    return Refusal("go.gopath", reason, (place.line,))


def _no_go_mod(_: re.Match[str], place: Place, project: Project) -> Verdict:
    """The go command found no go.mod: the project has none, or the Dockerfile does not bring it along."""
    got = _got(project)
    near = " ".join(line.plain for line in (place.line, *place.after(4)))
    if got and ("go get' is no longer supported" in near or not context_files(project, "go.mod")):
        why = f"outside a module a command is installed with `go install`, and {got!r} is what is run"
        new = re.sub(r"go get (?:-\w+ )*", "go install ", got)
        new = new if "@" in new else f"{new}@latest"
        return command_need("go.get_installs", new, place, why, replaces=got)
    path = nearest(project, "go.mod")
    if path:
        reason = f"{path} is in the context, but not where the go command runs: see COPY and WORKDIR"
        return Refusal("go.mod_not_copied", reason, (place.line,))
    why = "the go command works only inside a module, and the project has no go.mod"
    kind = FindingKind.ADD_MANIFEST
    return Need("go.no_go_mod", kind, ("go.mod",), (place.line,), why, target=target_of(project, "go.mod"))


def _got(project: Project) -> str:
    """The `go get host/path` of one command in the Dockerfile, as written; '' where there is none."""
    found = [words for _, words in commands_of(project, r"go get (?:-\w+ )*[\w.-]+\.\w+/[\w./@-]+")]
    plain = [command for command in found if not command.endswith("...")]
    return plain[-1] if plain else ""


def _c_header(_: re.Match[str], place: Place, project: Project) -> Verdict | None:
    """cgo without the C library's headers; of other languages' builds other rules speak."""
    if not tool_image(project, TOOL):
        return None
    entry = next(e for e in data_file("go.json")["messages"] if e["id"] == "cgo_compiler")
    return system_need("go.cgo_compiler", entry, place, project, TOOL)


_RULES: tuple[Rule, ...] = (
    rule(r"missing go\.sum entry|updates to go\.sum needed", _go_sum),
    rule(r"updates to go\.mod needed|go\.mod is out of date", _mod_updates),
    rule(_PROVIDES.pattern, _no_module),
    rule(r"package ([\w./-]+) is not in (?:GOROOT|std)\b", _not_standard),
    rule(r"cannot load ([\w./-]+): malformed module path", _not_standard),
    rule(r"cannot find package \"([^\".][^\"]*)\" in(?: any of)?:", _not_standard),
    rule(r"malformed module path \"([\w./-]+)\": missing dot in first path element", _not_standard),
    rule(r"cannot find main module|go\.mod file not found in current directory", _no_go_mod),
    rule(_HEADER, _c_header),
    *go_toolchain.RULES,
    *from_table("go", TOOL),
)


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line of the go command, the compiler or cgo."""
    return judged(_RULES, place, project)


ECOSYSTEM = Ecosystem("go", of_line)
