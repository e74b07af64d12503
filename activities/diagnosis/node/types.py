"""What the TypeScript compiler does not find: modules, and type declarations of packages."""

from __future__ import annotations

import re

from activities.diagnosis.node.knowledge import types_package
from activities.diagnosis.node.packages import missing_request, name_in
from activities.diagnosis.node.present import add_package
from activities.diagnosis.node.project import package_json_for
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Refusal, Verdict

_MODULE = re.compile(r"\bTS(?:2307|2792)\b.*?Cannot find module [\"']([^\"']+)[\"']")
_NEXT_MODULE = re.compile(r"^Type error: Cannot find module [\"']([^\"']+)[\"'] or its corresponding type")
_DEFINITION = re.compile(r"Cannot find type definition file for [\"']([\w@/.-]+)[\"']")
_UNTYPED = re.compile(r"Could not find a declaration file for module [\"']([^\"']+)[\"']")
_GLOBAL = re.compile(r"Cannot find name '[\w$]+'.*?(?:npm i --save-dev|install) (@types/[\w-]+)(.*)")
_NODE_GLOBAL = re.compile(
    r"TS2304: Cannot find name '(?:process|require|Buffer|__dirname|__filename|module|global)'"
)
_IMPORTER = re.compile(r"^(?:ERROR in )?(\S+?)[(:]\d+")


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line, None where it is no such message of the compiler."""
    text = place.line.plain
    offered = _GLOBAL.search(text)
    if offered:
        return _of_global(offered[1], offered[2], place, project)
    if _NODE_GLOBAL.search(text):
        return _of_global("@types/node", "", place, project)
    definition = _DEFINITION.search(text)
    if definition:
        return _definition(definition[1], place, project)
    untyped = _UNTYPED.search(text)
    if untyped:
        return _untyped(name_in(untyped[1]), untyped[1], place, project)
    module = _MODULE.search(text) or _NEXT_MODULE.search(text)
    return _module(module[1], place, project) if module else None


def _module(request: str, place: Place, project: Project) -> Verdict:
    """Declared with types apart: those are missing; else the module itself is."""
    name, manifest = name_in(request), package_json_for(project)
    if manifest is not None and manifest.declares(name) and types_package(name):
        return _untyped(name, request, place, project)
    importer = _IMPORTER.match(place.line.plain.strip())
    return missing_request(request, importer[1] if importer else "", place, project)


def _of_global(package: str, rest: str, place: Place, project: Project) -> Verdict:
    """`@types/node`, or of the test runners the message offers the one that the project uses."""
    offered = [package, *re.findall(r"(@types/[\w-]+)", rest)]
    if len(offered) > 1:
        manifest = package_json_for(project)
        used = [one for one in offered if manifest and manifest.declares(one.removeprefix("@types/"))]
        if len(used) != 1:
            reason = f"the compiler offers {' or '.join(offered)}, and which the project uses is not certain"
            return Refusal("node.types_choice", reason, (place.line,))
        offered = used
    why = f"the compiler asks for {offered[0]}: {place.line.plain.strip()[:160]}"
    return add_package((offered[0],), "node.types_missing", why, (place.line,), project)


def _definition(name: str, place: Place, project: Project) -> Verdict:
    typed = types_package(name)
    if typed is None:
        reason = f"type definitions for {name!r} are asked for, and no package is known to bring them"
        return Refusal("node.types_unknown", reason, (place.line,))
    why = f"type definitions for {name!r} are not installed; {typed} brings them"
    return _types(typed, why, place, project)


def _untyped(name: str, request: str, place: Place, project: Project) -> Verdict:
    typed = types_package(name) if name else None
    if not name:
        reason = f"{request} is a file of the project without types, which no package brings"
        return Refusal("node.own_types", reason, (place.line,))
    if typed is None:
        reason = (
            f"{name} carries no types, and no @types package of it is known: the project must declare them"
        )
        return Refusal("node.types_unknown", reason, (place.line,))
    return _types(typed, f"{name} carries no type declarations; {typed} brings them", place, project)


def _types(typed: str, why: str, place: Place, project: Project) -> Verdict:
    manifest = package_json_for(project)
    if manifest is not None and manifest.declares(typed):
        return missing_request(typed, "", place, project)
    return add_package((typed,), "node.types_missing", why, (place.line,), project)
