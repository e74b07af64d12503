"""Code and Node release that do not suit each other: ES modules under require(), syntax and functions too new or gone."""

from __future__ import annotations

import re

from activities.diagnosis.node_images import long_term_from, node_image, node_release, other_node, suitable
from activities.diagnosis.node_knowledge import (
    api_since,
    export_since,
    last_commonjs,
    newest_node_for_sass,
    release,
    syntax_since,
)
from activities.diagnosis.node_packages import name_in
from activities.diagnosis.node_project import package_json_for, target_of
from activities.diagnosis.node_sources import module_style
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_REQUIRE_ESM = re.compile(
    r"require\(\) of ES Module (?P<new>\S+) from (?P<by>\S+)(?: not supported)?"
    r"|Must use import to load ES Module: (?P<old>\S+)"
    r"|require\(\) of (?P<mid>\S+) from (?P<midby>\S+) is an ES module file"
)
_IN_PACKAGE = re.compile(r".*/node_modules/((?:@[^/]+/)?[^/]+)/")
_IMPORT_OUTSIDE = re.compile(r"SyntaxError: Cannot use import statement outside a module")
_UNEXPECTED_EXPORT = re.compile(r"SyntaxError: Unexpected token '?(?:export|import)'?")
_TOKEN = re.compile(
    r"SyntaxError: (?:Unexpected token '?([^'\s]+)'?|Unexpected (identifier|reserved word)|Invalid (?:or unexpected token|regular expression flags))"
)
_NOT_DEFINED = re.compile(r"ReferenceError: (\w+) is not defined")
_NOT_FUNCTION = re.compile(r"(?:TypeError: |\] )(.+?) is not a (?:function|constructor)")
_NO_EXPORT = re.compile(r"The requested module '(node:)?([\w/]+)' does not provide an export named '(\w+)'")
_SASS = re.compile(
    r"Node Sass does not yet support your current environment: .*Unsupported runtime \((\d+)\)"
)
_SASS_VERSION = re.compile(
    r"node-sass@(\d+\.\d+\.\d+)|node-sass/releases/(?:tag|download)/v(\d+\.\d+\.\d+)"
    r"|\"node-sass\": \"[~^]?(\d+\.\d+\.\d+)"
)
_OPENSSL = re.compile(r"ERR_OSSL_EVP_UNSUPPORTED|error:0308010C:digital envelope routines:+unsupported")
_PRIMORDIALS = re.compile(r"ReferenceError: primordials is not defined")
_TOO_OLD = re.compile(
    r"(?:requires|required|needs|need) (?:at least |a minimum )?(?:Node(?:\.js)?|node)(?: version)?\W{0,3}(?:of )?(?:at least )?(?P<range>[v^~>=\d][\d.x |^~>=<v]*)"
    r"|(?:You are (?:using|running)|you are running) Node(?:\.js)? v?(?P<here>[\d.]+).*?(?:requires?|required|is required|need)\b[^\d>=^]*(?P<range2>[v^~>=\d][\d.x |^~>=<v]*)"
    r"|Node\.js version (?P<range3>[>=\d.]+) is required"
    r"|The Angular CLI requires a minimum Node\.js version of (?:either )?v?(?P<range4>\d+\.\d+)"
    r"|(?:npm|yarn|pnpm)(?: v[\d.]+)? does not support Node\.js v(?P<npm>[\d.]+)"
)
_FRAME_FILE = re.compile(r"^(?:file://)?(/[^:()]+):\d+$")


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line, None where it speaks of none of these."""
    text = place.line.plain
    return (
        _require_esm(text, place, project)
        or _import_statement(text, place, project)
        or _known_clash(text, place, project)
        or _syntax(text, place, project)
        or _missing_api(text, place, project)
        or _asks_for_node(text, place, project)
    )


def _require_esm(text: str, place: Place, project: Project) -> Verdict | None:
    found = _REQUIRE_ESM.search(text)
    if found is None:
        return None
    path = found["new"] or found["old"] or found["mid"]
    by = found["by"] or found["midby"] or _importer_of(place)
    package = _IN_PACKAGE.match(path)
    if package is None:
        return Refusal(
            "node.own_esm",
            f"{path} is an ES module of the project that other code of it requires",
            (place.line,),
        )
    name = package[1]
    major = last_commonjs(name)
    manifest = package_json_for(project)
    through = _IN_PACKAGE.match(by)
    direct = manifest.declares(name) if manifest else through is None
    if not direct or (through is not None and manifest is None):
        text = f"{through[1] if through else by} requires {name}, which is an ES module; only another release of {through[1] if through else 'it'} cures that"
        return Refusal("node.esm_of_dependency", text, (place.line,))
    if major is None:
        return Refusal(
            "node.esm_unknown",
            f"{name} is an ES module, and its last release for require() is not known",
            (place.line,),
        )
    why = f"{by or 'the code'} loads {name} with require(), which its releases after {major} do not allow"
    target = target_of(project, manifest)
    names = (f"{name}@{major}",)
    consulted = (f"last release that require() can load: {name} {major}",)
    return Need(
        "node.require_esm",
        FindingKind.CHANGE_NODE_VERSION_PIN,
        names,
        (place.line,),
        why,
        f"^{major}",
        target,
        consulted=consulted,
    )


def _importer_of(place: Place) -> str:
    for line in place.after(6):
        found = re.search(r"require\(\) of \S+ from (\S+)|^\s+at .*\((/[^():]+):\d", line.plain)
        if found and "node:internal" not in line.plain:
            return found[1] or found[2]
    return ""


def _import_statement(text: str, place: Place, project: Project) -> Verdict | None:
    if not (
        _IMPORT_OUTSIDE.search(text)
        or (
            _UNEXPECTED_EXPORT.search(text)
            and _code_above(place)[1].lstrip().startswith(("import ", "export "))
        )
    ):
        return None
    file = _code_above(place)[0]
    rule = "node.esm_source"
    if "/node_modules/" in file:
        package = _IN_PACKAGE.match(file)
        name = package[1] if package else file
        return Refusal(
            rule,
            f"{name} ships ES modules where CommonJS is loaded: its release or the loader's configuration is the cause",
            (place.line,),
        )
    manifest = package_json_for(project, file)
    if manifest is None or project.context is None:
        return Refusal(
            rule,
            f"{file or 'a source file'} is an ES module, and package.json does not say so",
            (place.line,),
        )
    style = module_style(project.context, manifest)
    if (
        manifest.module_type == "module"
        or style != "module"
        or file.endswith((".ts", ".tsx", ".cjs", ".jsx"))
    ):
        return Refusal(
            rule,
            f"{file} mixes module systems: the sources need a change, or a build step before they run",
            (place.line,),
        )
    why = f"{file or 'the code'} is an ES module, as all sources are, and {manifest.path} does not say so"
    target = target_of(project, manifest)
    return Need(
        rule, FindingKind.SET_PACKAGE_JSON_FIELD, ("type=module",), (place.line,), why, "module", target
    )


def _code_above(place: Place) -> tuple[str, str]:
    """(file, line of code) that Node printed above a SyntaxError; '' where it printed none."""
    lines = place.before(8)
    for index in range(len(lines) - 1, -1, -1):
        found = _FRAME_FILE.match(lines[index].plain.strip())
        if found:
            code = lines[index + 1].plain if index + 1 < len(lines) else ""
            return found[1], code
    return "", ""


def _known_clash(text: str, place: Place, project: Project) -> Verdict | None:
    """Old packages under a Node too new for them."""
    here = node_release(project, [*place.before(400), *place.after(60)])
    lines = (place.line,)
    if _OPENSSL.search(text):
        why = "the build uses a hash that OpenSSL 3, and so every Node since 17, refuses"
        return _older("node.openssl", "16", here, project, lines, why)
    if _PRIMORDIALS.search(text):
        why = "graceful-fs 3 (gulp 3) uses insides of Node that are gone since 12"
        return _older("node.primordials", "10", here, project, lines, why)
    if _SASS.search(text):
        said = [
            m
            for line in [*place.before(400), *place.after(60)]
            for m in [_SASS_VERSION.search(line.plain)]
            if m
        ]
        manifest = package_json_for(project)
        asked = re.search(r"\d+\.\d+(?:\.\d+)?", manifest.asked("node-sass")) if manifest else None
        version = next((g for g in said[-1].groups() if g), "") if said else asked[0] if asked else ""
        limit = newest_node_for_sass(version) if version else None
        if limit is None:
            return Refusal(
                "node.sass_too_old",
                "node-sass has no binding for this Node, and its release is not known",
                lines,
            )
        fitting = suitable(f"<={limit}.999.999", str(limit)) or str(limit)
        why = f"node-sass {version} has no binding for a Node newer than {limit}"
        return _older("node.sass_too_old", fitting, here, project, lines, why)
    return None


def _older(rule: str, wanted: str, here: str, project: Project, lines: tuple, why: str) -> Verdict:  # type: ignore[type-arg]
    if here and release(here)[0] <= int(wanted):
        return Refusal(rule, f"{why}; but the image has Node {here}", lines)
    return other_node(rule, wanted, project, lines, why)


def _syntax(text: str, place: Place, project: Project) -> Verdict | None:
    found = _TOKEN.search(text)
    if found is None:
        return None
    file, code = _code_above(place)
    here = node_release(project, [*place.before(60), *place.after(60)])
    token = found[1] or found[2] or ""
    known = syntax_since(token, code) if code and here else None
    if known is None or release(here) >= release(known[1]):
        return None
    why = f"{file} uses {known[0]}, which Node reads since {known[1]}; the image has {here}"
    return other_node("node.too_old_syntax", long_term_from(known[1]), project, (place.line,), why)


def _missing_api(text: str, place: Place, project: Project) -> Verdict | None:
    since, what = None, ""
    for pattern, ask in ((_NOT_DEFINED, api_since), (_NOT_FUNCTION, api_since)):
        found = pattern.search(text)
        if found:
            what, since = found[1], ask(found[1])
    exported = _NO_EXPORT.search(text)
    if exported:
        what, since = exported[3], export_since(exported[3])
    if since is None:
        return None
    here = node_release(project, [*place.before(60), *place.after(60)])
    if not here or release(here) >= release(since):
        return None
    why = f"{what} came with Node {since}; the image has {here}"
    return other_node("node.too_old_function", long_term_from(since), project, (place.line,), why)


def _asks_for_node(text: str, place: Place, project: Project) -> Verdict | None:
    """A tool that says which Node it needs."""
    found = _TOO_OLD.search(text) if re.search(r"node", text, re.IGNORECASE) else None
    if found is None or not node_image(project):
        return None
    wanted = next((found[g] for g in ("range", "range2", "range3", "range4") if found[g]), "").strip(" .")
    here = node_release(project, [*place.before(60), place.line, *place.after(60)])
    if not wanted or not here:
        return None
    wanted = wanted if re.search(r"[<>^~=]", wanted) else f">={wanted.lstrip('v')}"
    fitting = suitable(wanted, here)
    if not fitting or release(fitting)[0] <= release(here)[0]:
        return None
    why = f"the tool asks for Node {wanted}; the image has {here}"
    return other_node("node.too_old", fitting, project, (place.line,), why)


def package_of(path: str) -> str:
    """The package a path in node_modules belongs to, '' for an own file."""
    found = _IN_PACKAGE.match(path)
    return name_in(found[1]) if found else ""
