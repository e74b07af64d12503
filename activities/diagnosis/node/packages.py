"""A module that was not found: a file of the project, a part of Node, or a package, and then which."""

from __future__ import annotations

import re

from activities.diagnosis.evidence import Phase
from activities.diagnosis.node.aliases import aliases_of
from activities.diagnosis.node.images import long_term_from, node_release, other_node
from activities.diagnosis.node.knowledge import (
    builtin_since,
    is_known,
    is_own_name,
    is_package_name,
    release,
    releases_with,
)
from activities.diagnosis.node.present import (
    add_package,
    declared_but_absent,
    never_installs,
    not_installed,
)
from activities.diagnosis.node.project import package_json_for, project_installs, target_of
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from workflows.models.finding import FindingKind

_OWN = re.compile(r"^(?:\.{1,2}(?:[/\\]|$)|[/\\~#]|@/|[A-Za-z]:[/\\]|file:|virtual:|\$lib|\0)|^[.]?$")
_TOOL_ITSELF = re.compile(
    r"^/(?:usr/(?:local/)?lib|opt/[\w.-]+|root/\.nvm/.*)/node_modules/(?:npm|yarn|corepack|pnpm)/"
)
_STAND_INS = frozenset({"buffer", "url", "util", "assert", "events", "querystring", "punycode", "process"})
"""Built-in modules for which a package of the same name stands in where a bundler builds for browsers."""


def name_in(request: str) -> str:
    """The package of `@scope/x/lib/y` or `x/lib/y.js`; '' where the request means no package."""
    plain = request.strip().split("?", 1)[0].rpartition("!")[2]
    if not plain or _OWN.match(plain) or "\\" in plain:
        return ""
    parts = plain.split("/")
    scoped = plain.startswith("@")
    name = "/".join(parts[:2]) if scoped else parts[0]
    return name if is_package_name(name) and scoped == ("/" in name) else ""


def missing_request(request: str, importer: str, place: Place, project: Project) -> Verdict:
    """The verdict on a module that `importer` (a path in the image, '' where not known) asked for."""
    if _TOOL_ITSELF.match(importer):
        reason = f"{importer} itself is incomplete: the package manager in this image is broken"
        return Refusal("node.broken_tool", reason, (place.line,))
    since = builtin_since(request)
    if since is not None:
        return _builtin(request, since, place, project)
    own = _own(request, importer, project)
    if own:
        return Refusal("node.own_module", own, (place.line,))
    if name_in(request) != request.strip():
        found = _missing_path(request.strip(), importer, place, project)
        if found is not None:
            return found
    return missing_package(name_in(request), importer, place, project)


def _missing_path(request: str, importer: str, place: Place, project: Project) -> Verdict | None:
    """A path inside a package: only some releases have it; None where the package itself may be missing."""
    name, known = name_in(request), releases_with(request)
    manifest = package_json_for(project, importer.split("/node_modules/", maxsplit=1)[0])
    lines = (place.line,)
    if known is None:
        if manifest is None or not manifest.declares(name) or never_installs(project):
            return None
        if name in manifest.dev and any(one.skips_dev for one in project_installs(project)):
            return None
        reason = f"{name} is declared in {manifest.path}, and its release has no {request}: another one does"
        return Refusal("node.no_such_path", reason, lines)
    package, wanted = known
    why = f"{request} is asked for, which only the releases {wanted} of {package} have"
    if manifest is not None and not manifest.declares(package):
        return add_package((package,), "node.path_of_release", why, lines, project, wanted)
    kind, target = FindingKind.CHANGE_NODE_VERSION_PIN, target_of(project, manifest)
    names = (f"{package}@{wanted}",)
    return Need("node.path_of_release", kind, names, lines, why, wanted, target)


def missing_package(name: str, importer: str, place: Place, project: Project) -> Verdict:
    """The verdict on a package that is not in the image, by what package.json and Dockerfile say of it."""
    manifest = package_json_for(project, importer.split("/node_modules/", maxsplit=1)[0])
    if manifest is not None and manifest.declares(name):
        return declared_but_absent(name, manifest, place, project)
    undone = not_installed(name, place, project) if manifest is None else None
    if undone is not None:
        return undone
    if not is_known(name):
        service = project.evidence.service or "<service>"
        reason = f"{name!r} is no package that is known for certain; say it in the instruction: "
        return Refusal("node.unknown_package", f'{reason}"add {name} to {service}"', (place.line,))
    who = f" by {importer}" if importer else ""
    why = f"{name} is asked for{who} and is not installed; no manifest of the image declares it"
    asked = _peer_range(name, place)
    return add_package((name,), "node.module_not_found", why, (place.line,), project, asked)


def _own(request: str, importer: str, project: Project) -> str:
    """Why the request means a file of the project, '' where it means a package."""
    plain, name = request.strip(), name_in(request)
    if "/node_modules/" in importer and plain.startswith("."):
        return f"{importer} lacks its own {plain}: the installed package is incomplete or of a wrong release"
    if not name:
        return f"{plain} is a file of the project that is not in the image, not a package"
    return _own_by_name(plain, name, project)


def _own_by_name(plain: str, name: str, project: Project) -> str:
    """The same for a request that reads like a package."""
    root, top, known = project.context, name.split("/", maxsplit=1)[0], is_known(name)
    if not known and is_own_name(top):
        return f"{plain} means a folder of the project, not a package"
    if root is None:
        return ""
    if not known and any((root / base / top).exists() for base in ("", "src")):
        return f"{plain} means the project's own {top}, which is not found from where it is imported"
    if aliases_of(root).covers(plain):
        return f"{plain} is a name of the project for its own files, not a package"
    return ""


def _builtin(request: str, since: str, place: Place, project: Project) -> Verdict:
    """A module of Node itself: the Node in the image is older than it, or the bundler leaves it out."""
    here = node_release(project, [*place.before(60), *place.after(60)])
    if since and here and release(here) < release(since):
        why = f"{request!r} came with Node {since}, and the image has Node {here}"
        return other_node("node.builtin_too_new", long_term_from(since), project, (place.line,), why)
    plain = request.removeprefix("node:")
    if place.phase is Phase.BUILD and plain in _STAND_INS and "resolve" in place.line.plain:
        why = f"webpack 5 no longer brings {plain!r} for browsers; the package of that name stands in for it"
        return add_package((plain,), "node.polyfill", why, (place.line,), project)
    reason = f"{request!r} belongs to Node itself; no package adds it, the bundler's configuration must"
    return Refusal("node.builtin", reason, (place.line,))


def _peer_range(name: str, place: Place) -> str:
    """The range that an install earlier in the log asked for: `x requires a peer of NAME@RANGE`."""
    plain = re.escape(name)
    wanted = re.compile(
        rf"requires a peer of {plain}@(\S.*?) but none|unmet peer dependency \"{plain}@([^\"]+)\""
    )
    found = (wanted.search(line.plain) for line in reversed(place.before(400)))
    match = next((one for one in found if one), None)
    return (match[1] or match[2]) if match else ""
