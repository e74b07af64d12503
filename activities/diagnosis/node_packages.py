"""A package that is missing: is it one, is it declared, and what brings it into the image?"""

from __future__ import annotations

import posixpath
import re

from activities.diagnosis.evidence import Phase
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.node_aliases import aliases_of
from activities.diagnosis.node_images import long_term_from, node_release, other_node
from activities.diagnosis.node_knowledge import (
    builtin_since,
    is_known,
    is_own_name,
    is_package_name,
    newest,
    release,
)
from activities.diagnosis.node_project import (
    PackageJson,
    lists_packages_in_dockerfile,
    named_in_dockerfile,
    package_json_for,
    project_installs,
    target_of,
    tool,
)
from activities.diagnosis.node_versions import version_for
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.manifests.node_commands import NodeInstall
from workflows.models.finding import FindingKind

_OWN = re.compile(r"^(?:\.{1,2}(?:[/\\]|$)|[/\\~#]|@/|[A-Za-z]:[/\\]|file:|virtual:|\$lib|\0)|^[.]?$")
_FOREIGN = re.compile(
    r"^/(?:usr/(?:local/)?lib|opt/[\w.-]+|root/\.nvm/.*)/node_modules/(npm|yarn|corepack|pnpm)/"
)
_PLATFORM = re.compile(r"(?:linux|darwin|win32|android|freebsd)[-_.](?:x64|arm64|arm|ia32|x86_64|wasm)")
_BUILTIN_POLYFILL = frozenset(
    {"buffer", "url", "util", "assert", "events", "querystring", "punycode", "process"}
)


def name_in(request: str) -> str:
    """The package of `@scope/x/lib/y` or `x/lib/y.js`; '' where the request means no package."""
    plain = request.strip().split("?", 1)[0].split("!")[-1]
    if not plain or _OWN.match(plain) or "\\" in plain:
        return ""
    parts = plain.split("/")
    name = "/".join(parts[:2]) if plain.startswith("@") else parts[0]
    scoped = name.startswith("@")
    return name if is_package_name(name) and scoped == ("/" in name) else ""


def missing_request(request: str, importer: str, place: Place, project: Project) -> Verdict:
    """The verdict on a module that `importer` (a path in the image, '' where not known) asked for."""
    line = place.line
    if _FOREIGN.match(importer):
        text = f"{importer} itself is incomplete: the package manager in this image is broken"
        return Refusal("node.broken_tool", text, (line,))
    own = _own(request, importer, project)
    if own:
        return Refusal("node.own_module", own, (line,))
    since = builtin_since(request)
    if since is not None:
        return _builtin(request, since, place, project)
    name = name_in(request)
    if _PLATFORM.search(name) or (name.startswith("@rollup/rollup-") and name != "@rollup/rollup"):
        return platform_package(name, place, project)
    return missing_package(name, importer, place, project)


def missing_package(name: str, importer: str, place: Place, project: Project, version: str = "") -> Verdict:
    """The verdict on a package that is not in the image, by what package.json and Dockerfile say of it."""
    manifest = package_json_for(project, importer.split("/node_modules/")[0] if importer else "")
    if manifest is not None and manifest.declares(name):
        return _declared(name, manifest, place, project)
    if manifest is None:
        undone = _not_installed(name, place, project)
        if undone is not None:
            return undone
    if not is_known(name):
        service = project.evidence.service or "<service>"
        text = f"{name!r} is asked for, but it is no package that is known for certain; say it in the instruction: "
        return Refusal("node.unknown_package", f'{text}"add {name} to {service}"', (place.line,))
    return _add(name, importer, place, project, version or _peer_range(name, place))


def add_package(
    names: tuple[str, ...],
    rule: str,
    reason: str,
    lines: tuple[LogLine, ...],
    project: Project,
    version: str = "",
) -> Verdict:
    """The need to add packages that the knowledge has; a refusal where it has one of them not."""
    unknown = [name for name in names if not is_known(name)]
    if unknown:
        return Refusal(
            "node.unknown_package", f"{reason}; but {unknown[0]!r} is not known for certain", lines
        )
    manifest = package_json_for(project)
    target = target_of(project, manifest)
    if lists_packages_in_dockerfile(project):
        target = project.dockerfile_target()
    consulted = tuple(f"node packages: {name} {newest(name)}".rstrip() for name in names)
    if not version and len(names) == 1:
        version, why = version_for(names[0], manifest, node_release(project, lines))
        consulted = (*consulted, why)
    return Need(
        rule, FindingKind.ADD_NODE_PACKAGE, names, lines, reason, version, target, consulted=consulted
    )


def platform_package(name: str, place: Place, project: Project) -> Verdict:
    """Binaries of another platform: the lock file (or a copied node_modules) was made elsewhere."""
    lock = {"yarn": "yarn.lock", "pnpm": "pnpm-lock.yaml"}.get(tool(project), "package-lock.json")
    why = f"{name} is the part of a package for this image's platform, which {lock} leaves out: resolve it again"
    return Need(
        "node.platform_package",
        FindingKind.CHANGE_LOCKFILE,
        (lock,),
        (place.line,),
        why,
        target=_beside(lock, project),
    )


def install_with_dev(
    install: NodeInstall, rule: str, why: str, lines: tuple[LogLine, ...], project: Project
) -> Need:
    """The install command changed so that development dependencies come along."""
    old, new = _with_dev(install)
    target = project.dockerfile_target()
    return Need(rule, FindingKind.EDIT_RUN_COMMAND, (new,), lines, why, target=target, replaces=old)


def no_install(place: Place, project: Project, why: str) -> Need:
    """A Dockerfile that never installs what package.json asks for."""
    command = f"{tool(project)} install"
    reason = f"{why}, and no instruction of the Dockerfile installs what package.json asks for"
    target = project.dockerfile_target()
    return Need(
        "node.never_installed", FindingKind.EDIT_RUN_COMMAND, (command,), (place.line,), reason, target=target
    )


def never_installs(project: Project) -> bool:
    """Whether the Dockerfile is known and none of its instructions installs anything of the project."""
    return (
        project.facts is not None
        and bool(project.facts.stages)
        and not project_installs(project)
        and not named_in_dockerfile(project)
        and not re.search(r"npm|yarn|pnpm|node_modules", _installing_text(project))
    )


def _installing_text(project: Project) -> str:
    """COPY lines and scripts that could install what no plain command does."""
    facts = project.facts
    instructions = facts.instructions if facts else ()
    copied = [i.body.chars for i in instructions if i.keyword in ("COPY", "ADD") and "--from" in i.body.chars]
    scripts = [
        i.body.chars for i in instructions if i.keyword == "RUN" and re.search(r"\.sh\b|make\b", i.body.chars)
    ]
    found = " ".join(copied)
    return "node_modules" if "node_modules" in found or scripts else ""


def _beside(lock: str, project: Project) -> str:
    manifest = package_json_for(project)
    return posixpath.join(posixpath.dirname(target_of(project, manifest)), lock)


def _own(request: str, importer: str, project: Project) -> str:
    """Why the request means a file of the project, '' where it means a package."""
    plain = request.strip()
    if builtin_since(plain) is not None:
        return ""
    name = name_in(plain)
    if "/node_modules/" in importer and plain.startswith("."):
        return f"{importer} lacks its own file {plain}: the installed package is incomplete or of a wrong version"
    if not name:
        return f"{plain} is a file of the project that is not in the image, not a package"
    root = project.context
    top = name.split("/")[0]
    if root is not None and not is_known(name) and any((root / base / top).exists() for base in ("", "src")):
        return f"{plain} means the project's own {top}, which is not found from where it is imported"
    if is_own_name(top) and not is_known(name):
        return f"{plain} means a folder of the project, not a package"
    if root is not None and aliases_of(root).covers(plain):
        return f"{plain} is an alias of the project for its own files, not a package"
    return ""


def _builtin(request: str, since: str, place: Place, project: Project) -> Verdict:
    """A module of Node itself: the Node in the image is older than it, or the bundler leaves it out."""
    here = node_release(project, [*place.before(60), *place.after(60)])
    if since and (not here or release(here) < release(since)):
        why = f"{request!r} came with Node {since}, and the image has {'Node ' + here if here else 'an older one'}"
        if here:
            return other_node("node.builtin_too_new", long_term_from(since), project, (place.line,), why)
    plain = request.removeprefix("node:")
    if place.phase is Phase.BUILD and plain in _BUILTIN_POLYFILL and re.search("resolve", place.line.plain):
        why = f"webpack 5 no longer brings {plain!r} for browsers; the package of that name stands in for it"
        return add_package((plain,), "node.polyfill", why, (place.line,), project)
    text = f"{request!r} belongs to Node itself; no package adds it, the bundler's configuration must"
    return Refusal("node.builtin", text, (place.line,))


def _declared(name: str, manifest: PackageJson, place: Place, project: Project) -> Verdict:
    """Asked for and yet not there: left out as a development dependency, never installed, or an old image."""
    line = place.line
    only_dev = name in manifest.dev and name not in manifest.dependencies
    skipping = [one for one in project_installs(project) if one.skips_dev]
    if only_dev and skipping:
        why = f"{name} is a development dependency, and `{skipping[0].text}` leaves those out"
        if place.phase is Phase.BUILD:
            return install_with_dev(skipping[0], "node.dev_left_out", why, (line,), project)
        reason = f"{why}; the running service needs it, so it is a regular dependency"
        target = target_of(project, manifest)
        return Need(
            "node.dev_at_run_time", FindingKind.MOVE_NODE_PACKAGE, (name,), (line,), reason, target=target
        )
    if never_installs(project):
        return no_install(place, project, f"{name} is declared in {manifest.path}")
    if place.phase is Phase.BUILD:
        text = f"{name} is declared in {manifest.path}, yet the build did not find it: it is installed elsewhere or removed"
        return Refusal("node.declared", text, (line,))
    reason = f"{name} is declared in {manifest.path}, so the image is older than it: build it again"
    return Need("image.older_than_manifest", FindingKind.REBUILD, (), (line,), reason)


def _not_installed(name: str, place: Place, project: Project) -> Verdict | None:
    """Without a package.json to look at, what the Dockerfile alone proves."""
    if never_installs(project):
        return no_install(place, project, f"{name} is not in the image")
    skipping = [one for one in project_installs(project) if one.skips_dev]
    if skipping and place.phase is Phase.BUILD:
        why = f"{name} is needed while building, and `{skipping[0].text}` leaves development dependencies out"
        return install_with_dev(skipping[0], "node.dev_left_out", why, (place.line,), project)
    return None


def _with_dev(install: NodeInstall) -> tuple[str, str]:
    """(the command's words to replace, what they become)."""
    words = [word.text for word in install.words]
    if install.dev_option and not install.dev_option.startswith(("--only", "--omit")):
        kept = [word for word in words if word != install.dev_option]
        return " ".join(words), " ".join(kept)
    if install.dev_option:
        joined = install.dev_option in words
        value = install.dev_option.partition("=")[2]
        at = words.index(install.dev_option if joined else install.dev_option.partition("=")[0])
        dropped = words[at : at + 1] if joined else [words[at], value]
        return " ".join(words), " ".join(words[:at] + words[at + len(dropped) :])
    option = {"yarn": "--production=false", "pnpm": "--prod=false"}.get(install.tool, "--include=dev")
    return install.text, f"{install.text} {option}"


def _add(name: str, importer: str, place: Place, project: Project, version: str) -> Verdict:
    who = f" by {importer}" if importer else ""
    why = f"{name} is asked for{who} and is not installed; no manifest of the image declares it"
    lines = (place.line,)
    return add_package((name,), "node.module_not_found", why, lines, project, version)


def _peer_range(name: str, place: Place) -> str:
    """The range that an install earlier in the log asked for: `x requires a peer of NAME@RANGE`."""
    wanted = re.compile(
        rf"requires a peer of {re.escape(name)}@(\S.*?) but none|unmet peer dependency \"{re.escape(name)}@([^\"]+)\""
    )
    for line in reversed(place.before(400)):
        found = wanted.search(line.plain)
        if found:
            return found[1] or found[2]
    return ""
