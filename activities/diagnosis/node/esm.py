"""ES modules where CommonJS is expected: under require(), and in sources that do not say so."""

from __future__ import annotations

import re

from activities.diagnosis.node.knowledge import last_commonjs
from activities.diagnosis.node.project import package_json_for, target_of
from activities.diagnosis.node.sources import code_above, module_style
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_REQUIRED = (
    re.compile(r"require\(\) of ES Module (\S+) from (\S+)"),
    re.compile(r"require\(\) of (\S+) from (\S+) is an ES module file"),
    re.compile(r"Must use import to load ES Module: (\S+)()"),
)
_IN_PACKAGE = re.compile(r".*/node_modules/((?:@[^/]+/)?[^/]+)/")
_IMPORT = re.compile(r"SyntaxError: Cannot use import statement outside a module")
_TOKEN = re.compile(r"SyntaxError: Unexpected token '?(?:export|import)'?")
_STATEMENT = re.compile(r"\s*(?:import|export)\b")
_NEEDS_BUILD = (".ts", ".tsx", ".jsx", ".cjs", ".cts")
_STACK_LINES = 6


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line, None where it speaks of no module system."""
    text = place.line.plain
    required = next((found for pattern in _REQUIRED if (found := pattern.search(text))), None)
    if required:
        return _required(required[1], required[2] or _importer(place), place, project)
    statement = _TOKEN.search(text) and _STATEMENT.match(code_above(place)[1])
    return _source(place, project) if statement or _IMPORT.search(text) else None


def _required(path: str, by: str, place: Place, project: Project) -> Verdict:
    """The last release of the package that require() can load, where the project itself asks for it."""
    lines, package = (place.line,), _IN_PACKAGE.match(path)
    if package is None:
        return Refusal("node.own_esm", f"{path} is an ES module of the project that its code requires", lines)
    name, manifest, through = package[1], package_json_for(project), _IN_PACKAGE.match(by)
    if through is not None or (manifest is not None and not manifest.declares(name)):
        who = through[1] if through else "another package"
        reason = f"{who} requires {name}, which is an ES module; another release of {who} is the cure"
        return Refusal("node.esm_of_dependency", reason, lines)
    major = last_commonjs(name)
    if major is None:
        reason = f"{name} is an ES module, and its last release for require() is not known"
        return Refusal("node.esm_unknown", reason, lines)
    why = f"{by or 'the code'} loads {name} with require(), which its releases after {major} do not allow"
    kind, target = FindingKind.CHANGE_NODE_VERSION_PIN, target_of(project, manifest)
    consulted = (f"last release that require() can load: {name} {major}",)
    names = (f"{name}@{major}",)
    return Need("node.require_esm", kind, names, lines, why, f"^{major}.0.0", target, consulted=consulted)


def _importer(place: Place) -> str:
    for line in place.after(_STACK_LINES):
        found = re.search(r"require\(\) of \S+ from (\S+)", line.plain)
        if found:
            return found[1]
    return ""


def _source(place: Place, project: Project) -> Verdict:
    """`type: module` where every source is an ES module; anything else needs a change of the sources."""
    rule, lines, file = "node.esm_source", (place.line,), code_above(place)[0]
    package = _IN_PACKAGE.match(file)
    if package:
        reason = (
            f"{package[1]} ships ES modules where CommonJS is loaded: its release or the loader is the cause"
        )
        return Refusal(rule, reason, lines)
    manifest = package_json_for(project, file)
    if manifest is None or project.context is None:
        reason = f"{file or 'a source file'} is an ES module, and what package.json says of it is not known"
        return Refusal(rule, reason, lines)
    pure = module_style(project.context, manifest) == "module"
    if not pure or manifest.module_type == "module" or file.endswith(_NEEDS_BUILD):
        reason = f"{file} mixes module systems, or needs a build before it runs: the sources are the cause"
        return Refusal(rule, reason, lines)
    why = f"{file or 'the code'} is an ES module, as all sources are, and {manifest.path} does not say so"
    kind, target = FindingKind.SET_PACKAGE_JSON_FIELD, target_of(project, manifest)
    return Need(rule, kind, ("type=module",), lines, why, "module", target)
