"""Commands that a shell did not find: those of package.json scripts, and Node's own tools."""

from __future__ import annotations

import re

from activities.diagnosis.evidence import Phase
from activities.diagnosis.node.images import node_image
from activities.diagnosis.node.knowledge import package_of_command
from activities.diagnosis.node.packages import missing_package
from activities.diagnosis.node.project import manager, package_json_for
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.manifests import dockerfile
from workflows.models.finding import FindingKind

_TOOL = r"(node|nodejs|npm|npx|yarn|pnpm)"
_OF_SHELL = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:^|[\s/])(?:ba|da|a)?sh: (?:(?:line )?\d+: )?(?:exec: )?([\w./@-]+): (?:command )?not found$",
        r"exec: \"([\w.-]+)\": executable file not found in \$PATH",
        rf"env: \W?{_TOOL}\W?: No such file|env: can't execute '{_TOOL}'",
        r": exec: line \d+: ([\w.-]+): not found$",
    )
)
_OF_RUNNER = tuple(
    re.compile(pattern)
    for pattern in (
        r"ERR_PNPM_RECURSIVE_EXEC_FIRST_FAIL\W+Command failed with ENOENT: ([\w.-]+)",
        r"ERR_PNPM_RECURSIVE_EXEC_FIRST_FAIL\W+Command \"([\w.-]+)\" not found",
        r"^error Command \"([\w.-]+)\" not found\.?$",
        r"^Usage Error: Couldn't find a script named \"([\w.-]+)\"",
        r"^command not found: ([\w.-]+)$",
        r"npm (?:ERR!|error) could not determine executable to run\W+([\w.-]+)$",
    )
)
"""yarn and pnpm, which look for commands of packages only."""
_SCRIPT = re.compile(r"^(?:> |\$ )(?!\S+@\d)(?P<command>.+)$")
_TOOLS = frozenset({"node", "nodejs", "npm", "npx", "yarn", "pnpm"})
_INSTALLED_NODE = frozenset({"nodejs", "node", "nodejs-current", "nodejs-lts", "npm"})


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on a command that is not there; None for commands that are none of Node's."""
    runner = _first(_OF_RUNNER, place)
    command = runner or _first(_OF_SHELL, place)
    name = command.rsplit("/", 1)[-1]
    if not name:
        return None
    if command in _TOOLS:
        return _tool(name, place, project)
    package = package_of_command(name)
    if not (runner or "node_modules/.bin" in command or _in_script(name, place, project)):
        return _of_dockerfile(name, package, place, project) if package else None
    if package is None:
        return _same_name(name, place, project)
    return missing_package(package, "", place, project)


def _first(patterns: tuple[re.Pattern[str], ...], place: Place) -> str:
    found = next((match for pattern in patterns if (match := pattern.search(place.line.plain))), None)
    return next((value for value in found.groups() if value), "") if found else ""


def _in_script(name: str, place: Place, project: Project) -> bool:
    """Whether a package.json script called it: npm and yarn print the script before they run it."""
    called = re.compile(rf"(?:^|[\s;&|/(]){re.escape(name)}(?:\s|$)")
    printed = (found for line in place.before(40) if (found := _SCRIPT.match(line.plain)))
    if any(called.search(script["command"]) for script in printed):
        return True
    manifest = package_json_for(project)
    scripts = manifest.scripts.values() if manifest else ()
    return place.phase is not Phase.BUILD and any(called.search(script) for script in scripts)


def _same_name(name: str, place: Place, project: Project) -> Verdict | None:
    """A command whose package is not on record: the one called so, where package.json asks for it."""
    manifest = package_json_for(project)
    declared = manifest is not None and manifest.declares(name)
    return missing_package(name, "", place, project) if declared else None


def _of_dockerfile(name: str, package: str, place: Place, project: Project) -> Verdict | None:
    """A RUN or CMD that calls the command itself: it must be on the PATH, so it is installed globally."""
    manifest = package_json_for(project)
    node = node_image(project) or (manifest is not None and manifest.declares(package))
    if project.facts is None or not project.facts.stages or not node:
        return None
    why = f"the Dockerfile calls {name!r} itself, and nothing puts it on the PATH; {package} brings it"
    kind, target = FindingKind.EDIT_RUN_COMMAND, project.dockerfile_target()
    return Need(
        "node.global_command", kind, (f"npm install -g {package}",), (place.line,), why, target=target
    )


def _tool(name: str, place: Place, project: Project) -> Verdict:
    """Node's own tools: from the distribution's packages; yarn and pnpm from npm where that is there."""
    lines, image = (place.line,), node_image(project)
    if name in ("yarn", "pnpm") and (image or _installs_node(project)):
        why = f"the image has no {name}; npm installs it"
        kind, target = FindingKind.EDIT_RUN_COMMAND, project.dockerfile_target()
        return Need("node.no_tool", kind, (f"npm install -g {name}",), lines, why, target=target)
    if image and not _stands_elsewhere(image, project):
        reason = f"{name} is part of {image}: the PATH or the stage that runs it is the cause"
        return Refusal("node.tool_hidden", reason, lines)
    used = manager(project)
    wanted = _packages_of(name, used, project)
    if not wanted:
        return Refusal(
            "node.no_tool", f"the image has no {name}, and which package brings it is not known", lines
        )
    why = f"the image has no {name}; {', '.join(wanted)} of {used} bring it"
    rule = "build.node_tool" if place.phase is Phase.BUILD else "system.node_tool"
    return Need(rule, FindingKind.ADD_SYSTEM_PACKAGE, wanted, lines, why)


def _packages_of(name: str, used: str, project: Project) -> tuple[str, ...]:
    if used not in ("apt", "apk") or (name in ("yarn", "pnpm") and used == "apt"):
        return ()
    if name in ("node", "nodejs"):
        return ("nodejs",)
    if name in ("yarn", "pnpm"):
        return (name,)
    return ("npm",) if _installs_node(project) else ("npm", "nodejs")


def _installs_node(project: Project) -> bool:
    facts = project.facts
    if facts is None or not facts.stages:
        return False
    return any(facts.system_packages(stage) & _INSTALLED_NODE for stage in facts.reachable())


def _stands_elsewhere(image: str, project: Project) -> bool:
    """Whether the built stage stands on another image than Node's, so that the tool may lack there."""
    facts = project.facts
    if facts is None or not facts.stages:
        return False
    return facts.base_image != image and dockerfile.package_manager(facts, facts.target) is not None
