"""Commands that a shell did not find: those of package.json scripts, and Node's own tools."""

from __future__ import annotations

import re

from activities.diagnosis.node_images import node_image
from activities.diagnosis.node_knowledge import package_of_command
from activities.diagnosis.node_packages import missing_package
from activities.diagnosis.node_project import manager, package_json_for
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.diagnosis.evidence import Phase
from activities.manifests import dockerfile
from workflows.models.finding import FindingKind

_NOT_FOUND = re.compile(
    r"(?:^|[\s/])(?:ba|da|a)?sh: (?:(?:line )?\d+: )?(?P<sh>[\w./@-]+): (?:command )?not found$"
    r"|exec: \"(?P<exec>[\w.-]+)\": executable file not found in \$PATH"
    r"|env: \W?(?P<env>node|npm|npx|yarn|pnpm)\W?: No such file|env: can't execute '(?P<ash>node|npm|npx|yarn|pnpm)'"
    r"|\[ERR_PNPM_RECURSIVE_EXEC_FIRST_FAIL\] *Command failed with ENOENT: (?P<pnpm>[\w.-]+)"
    r"|^(?:internal )?[Ee]rror:? [Cc]ommand \"(?P<yarn>[\w.-]+)\" not found\.?$"
    r"|^/bin/\w+: (?P<bare>node|npm|npx|yarn|pnpm): not found$"
    r"|: exec: line \d+: (?P<line>[\w.-]+): not found$"
    r"|Usage Error: Couldn't find a script named \"(?P<berry>[\w.-]+)\"|^command not found: (?P<berry2>[\w.-]+)$"
)
_SCRIPT = re.compile(r"^(?:> |\$ )(?!\S+@\d)(?P<command>.+)$")
_RUNNER = re.compile(r"^(?:npx|yarn|pnpm|npm|bunx)\b")
_TOOLS = frozenset({"node", "nodejs", "npm", "npx", "yarn", "pnpm"})


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on a command that is not there; None for commands that are none of Node's."""
    found = _NOT_FOUND.search(place.line.plain)
    command = next((value for value in found.groups() if value), "") if found else ""
    if not command:
        return None
    name = command.rsplit("/", 1)[-1]
    if name in _TOOLS and "/" not in command:
        return _tool(name, place, project)
    package = package_of_command(name)
    in_script = _in_script(name, place, project) or "node_modules/.bin" in command
    if package is None:
        return _unknown(name, place, project) if in_script else None
    if in_script or place.line.plain.startswith(
        ("error Command", "[ERR_PNPM", "Usage Error", "error: Command")
    ):
        return missing_package(package, "", place, project)
    return _shell_command(name, package, place, project)


def _in_script(name: str, place: Place, project: Project) -> bool:
    """Whether a package.json script called it: npm and yarn print the script before they run it."""
    for line in reversed(place.before(40)):
        script = _SCRIPT.match(line.plain)
        if script and re.search(rf"(?:^|[\s;&|/(]){re.escape(name)}(?:\s|$)", script["command"]):
            return True
    manifest = package_json_for(project)
    scripts = manifest.scripts.values() if manifest else ()
    used = any(re.search(rf"(?:^|[\s;&|/(]){re.escape(name)}(?:\s|$)", script) for script in scripts)
    return used and place.phase is not Phase.BUILD


def _unknown(name: str, place: Place, project: Project) -> Verdict | None:
    """A command whose package is not known: the one of that name, where package.json asks for it."""
    manifest = package_json_for(project)
    if manifest is not None and manifest.declares(name):
        return missing_package(name, "", place, project)
    return None


def _shell_command(name: str, package: str, place: Place, project: Project) -> Verdict | None:
    """A RUN or CMD that calls the command itself: it must be on the PATH, so installed globally."""
    manifest = package_json_for(project)
    facts = project.facts
    if (
        facts is None
        or not facts.stages
        or not (node_image(project) or (manifest and manifest.declares(package)))
    ):
        return None
    why = f"the Dockerfile calls {name!r} itself, and nothing puts it on the PATH; {package} brings it"
    command = f"npm install -g {package}"
    target = project.dockerfile_target()
    return Need(
        "node.global_command", FindingKind.EDIT_RUN_COMMAND, (command,), (place.line,), why, target=target
    )


def _tool(name: str, place: Place, project: Project) -> Verdict:
    """Node's own tools: from the distribution's packages, or for yarn and pnpm from npm."""
    used = manager(project)
    lines = (place.line,)
    prefix = "build" if place.phase is Phase.BUILD else "system"
    if name in ("yarn", "pnpm"):
        why = f"the image has no {name}; npm installs it"
        target = project.dockerfile_target()
        command = f"npm install -g {name}"
        if node_image(project) or _installs_node(project):
            return Need(
                "node.no_" + name, FindingKind.EDIT_RUN_COMMAND, (command,), lines, why, target=target
            )
        if name == "yarn" and used == "apk":
            return Need(f"{prefix}.node_tool", FindingKind.ADD_SYSTEM_PACKAGE, ("yarn",), lines, why)
        return Refusal("node.no_" + name, f"the image has neither Node nor {name}", lines)
    if node_image(project) and not _other_stage(project):
        text = f"{name} is part of {node_image(project)}: the PATH or the stage that runs it is the cause"
        return Refusal("node.tool_hidden", text, lines)
    if used not in ("apt", "apk"):
        return Refusal(
            "node.no_node", f"the image has no {name}, and its package manager is not known", lines
        )
    wanted = ("nodejs",) if name in ("node", "nodejs") else ("npm",)
    wanted = wanted if _installs_node(project) or wanted == ("nodejs",) else ("npm", "nodejs")
    why = f"the image has no {name}; {', '.join(wanted)} of {used} bring it"
    return Need(f"{prefix}.node_tool", FindingKind.ADD_SYSTEM_PACKAGE, wanted, lines, why)


def _installs_node(project: Project) -> bool:
    facts = project.facts
    if facts is None or not facts.stages:
        return False
    found = {name for stage in facts.reachable() for name in facts.system_packages(stage)}
    return bool(found & {"nodejs", "node", "nodejs-current", "nodejs-lts", "npm"})


def _other_stage(project: Project) -> bool:
    """Whether the built stage stands on another image than Node's, so that the tool may lack there."""
    facts = project.facts
    if facts is None or not facts.stages:
        return False
    image = facts.base_image
    return image != node_image(project) and dockerfile.package_manager(facts, facts.target) is not None
