"""What brings a package into the image: package.json, an install that leaves it out, a lock file."""

from __future__ import annotations

import posixpath
import re

from activities.diagnosis.evidence import Phase
from activities.diagnosis.log_lines import LogLine
from activities.diagnosis.node.images import node_image, node_release
from activities.diagnosis.node.knowledge import is_known, newest
from activities.diagnosis.node.project import (
    PackageJson,
    add_target,
    named_in_dockerfile,
    package_json_for,
    project_installs,
    target_of,
    tool,
)
from activities.diagnosis.node.versions import version_for
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.manifests.dockerfile import is_plain_base
from activities.manifests.node_commands import NodeInstall
from workflows.models.finding import FindingKind

_LOCKS = {"yarn": "yarn.lock", "pnpm": "pnpm-lock.yaml"}
_WITH_DEV = {"yarn": "--production=false", "pnpm": "--prod=false"}
_INSTALLS_OTHERWISE = re.compile(
    r"\.sh\b|\bmake\b|\bturbo\b|\bnx\b|\blerna\b|\brush\b|\bbun\b|\bmeteor\b|\bdeno\b"
)


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
    manifest = package_json_for(project, _file_in(reason))
    target = add_target(project, manifest)
    consulted = tuple(f"node packages: {name} {newest(name)}".rstrip() for name in names)
    if not version and len(names) == 1:
        version, why = version_for(names[0], manifest, node_release(project, lines))
        consulted = (*consulted, why)
    kind = FindingKind.ADD_NODE_PACKAGE
    return Need(rule, kind, names, lines, reason, version, target, consulted=consulted)


def _file_in(reason: str) -> str:
    """The importing file that a reason names: packages go to the package.json beside it."""
    found = re.search(r" by (/\S+)", reason)
    return found[1].split("/node_modules/")[0] if found else ""


def declared_but_absent(name: str, manifest: PackageJson, place: Place, project: Project) -> Verdict:
    """Asked for and yet not there: a development dependency left out, never installed, or an old image."""
    lines = (place.line,)
    only_dev = name in manifest.dev and name not in manifest.dependencies
    skipping = [one for one in project_installs(project) if one.skips_dev]
    if only_dev and skipping:
        return _left_out(name, manifest, skipping[0], place, project)
    if never_installs(project):
        return no_install(f"{name} is declared in {manifest.path}", place, project)
    if place.phase is Phase.BUILD:
        where = "where it is installed, or removed again, is the cause"
        reason = f"{name} is declared in {manifest.path}, yet the build does not find it: {where}"
        return Refusal("node.declared", reason, lines)
    reason = f"{name} is declared in {manifest.path}, so the image is older than it: build it again"
    return Need("image.older_than_manifest", FindingKind.REBUILD, (), lines, reason)


def _left_out(name: str, manifest: PackageJson, install: NodeInstall, place: Place, project: Project) -> Need:
    """What a build needs is installed for the build; what the service needs is a regular dependency."""
    why = f"{name} is a development dependency, and `{install.text}` leaves those out"
    if place.phase is Phase.BUILD:
        return install_with_dev(install, why, place, project)
    reason = f"{why}; the running service needs it, so it is a regular dependency"
    kind, target = FindingKind.MOVE_NODE_PACKAGE, target_of(project, manifest)
    return Need("node.dev_at_run_time", kind, (name,), (place.line,), reason, target=target)


def not_installed(name: str, place: Place, project: Project) -> Verdict | None:
    """Without a package.json to look at, what the Dockerfile alone proves."""
    if never_installs(project):
        return no_install(f"{name} is not in the image", place, project)
    skipping = [one for one in project_installs(project) if one.skips_dev]
    if skipping and place.phase is Phase.BUILD:
        why = f"{name} is needed while building, and `{skipping[0].text}` leaves development dependencies out"
        return install_with_dev(skipping[0], why, place, project)
    return None


def never_installs(project: Project) -> bool:
    """Whether the Dockerfile is known and nothing in it installs anything of the project."""
    facts = project.facts
    if facts is None or not facts.stages or project_installs(project) or named_in_dockerfile(project):
        return False
    # Any other image may bring the packages along, and an `onbuild` one installs by itself.
    image = node_image(project)
    if "onbuild" in image or not (image or is_plain_base(facts.base_image)):
        return False
    runs = [i.body.chars for i in facts.instructions if i.keyword == "RUN"]
    copies = [i.body.chars for i in facts.instructions if i.keyword in ("COPY", "ADD")]
    otherwise = any(_INSTALLS_OTHERWISE.search(text) for text in runs)
    return not otherwise and not any("node_modules" in text for text in copies)


def no_install(why: str, place: Place, project: Project) -> Need:
    """The install that is missing from the Dockerfile."""
    command = f"{tool(project)} install"
    reason = f"{why}, and no instruction of the Dockerfile installs what package.json asks for"
    kind, target = FindingKind.EDIT_RUN_COMMAND, project.dockerfile_target()
    return Need("node.never_installed", kind, (command,), (place.line,), reason, target=target)


def install_with_dev(install: NodeInstall, why: str, place: Place, project: Project) -> Need:
    """The install command changed so that development dependencies come along."""
    old, new = _with_dev(install)
    kind, target = FindingKind.EDIT_RUN_COMMAND, project.dockerfile_target()
    return Need("node.dev_left_out", kind, (new,), (place.line,), why, target=target, replaces=old)


def _with_dev(install: NodeInstall) -> tuple[str, str]:
    """(the command's words to replace, what they become): the option dropped, or one added."""
    words = [word.text for word in install.words]
    option, _, value = install.dev_option.partition("=")
    against = _WITH_DEV.get(install.tool, "--include=dev")
    if not option:
        return install.text, f"{install.text} {against}"
    drop = {install.dev_option, option, value if install.dev_option not in words else ""} - {""}
    kept = [word for word in words if word not in drop]
    return " ".join(words), " ".join([*kept, against] if install.by_environment else kept)


def platform_package(name: str, place: Place, project: Project) -> Verdict:
    """Binaries of another platform: the lock file was made elsewhere and leaves this one's out."""
    lock = _LOCKS.get(tool(project), "package-lock.json")
    why = f"{name} has a part for each platform, and {lock} leaves this image's out: resolve it again"
    target = posixpath.join(posixpath.dirname(target_of(project, package_json_for(project))), lock)
    kind = FindingKind.CHANGE_LOCKFILE
    return Need("node.platform_package", kind, (lock,), (place.line,), why, target=target)
