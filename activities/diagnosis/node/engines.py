"""Packages and package managers that do not suit the Node in the image, or each other."""

from __future__ import annotations

import re

from activities.diagnosis.node.images import node_release, other_node, suitable
from activities.diagnosis.node.knowledge import release
from activities.diagnosis.node.present import never_installs, no_install
from activities.diagnosis.node.project import installs, project_installs
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.manifests.node_commands import NodeInstall, package_name
from workflows.models.finding import FindingKind

_ENGINE = tuple(
    re.compile(pattern)
    for pattern in (
        r"EBADENGINE.*\bnode: '([^']+)'",
        r"npm (?:ERR!|error).*required: \{[^}]*\bnode: '([^']+)'",
        r"npm (?:ERR!|error) notsup Required:? .*?\"node\":\s*\"([^\"]+)\"",
        r"^(?:\S+ )?error .*The engine \"node\" is incompatible with this module\."
        r" Expected version \"([^\"]+)\"",
    )
)
_PNPM_RANGE = re.compile(r"^\s*Expected version: (\S.*)$")
_OTHER_ENGINE = re.compile(r"error .*The engine \"(?:yarn|npm|pnpm)\" (?:is|appears to be)")
_WARNING = re.compile(r"npm (?:WARN|warn)|^(?:info|warning) ")
_PEERS = re.compile(
    r"npm (?:ERR!|error) (?:code )?ERESOLVE|ERESOLVE (?:unable to resolve dependency tree|could not resolve)"
)
_NOT_INSTALLED = re.compile(r"doesn't seem to have been installed - running an install there might help")
_NPM_TOO_NEW = re.compile(
    r"Not compatible with your version of node/npm: npm@|EBADENGINE.*\bnpm@\d"
    r"|npm v[\d.]+ does not support Node"
    r"|npm v[\d.]+ is known not to (?:run|work) on Node|npm is known not to run on Node"
)
_NPM_FOR_NODE = ((10, 6), (12, 8), (14, 9), (16, 9), (18, 10), (20, 10))
"""The last npm that runs on a Node, by npm's own `engines`."""
_EDIT = FindingKind.EDIT_RUN_COMMAND
_COMMANDS = (
    (
        "node.corepack",
        re.compile(
            r"This project's package\.json defines \"packageManager\"|is configured to use (?:yarn|pnpm)\b"
        ),
        "corepack enable",
        "package.json names its package manager, and the image has another one; corepack brings it",
    ),
    (
        "node.corepack_keys",
        re.compile(r"Cannot find matching keyid"),
        "npm install -g corepack@latest",
        "this corepack does not know the registry's present signing keys; a newer one does",
    ),
    (
        "node.prisma_generate",
        re.compile(r"did not initialize yet\. Please run \W?prisma generate"),
        "npx prisma generate",
        "Prisma's client is generated after the install, and no instruction does so",
    ),
)
"""Commands that a Dockerfile lacks, by what is said where they are missing."""


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line, None where it speaks of nothing that does not suit."""
    text = place.line.plain
    if _WARNING.search(text):
        return None
    return _npm_too_new(text, place, project) or _engine(text, place, project) or _tools(text, place, project)


def _engine(text: str, place: Place, project: Project) -> Verdict | None:
    """A package that refuses this Node."""
    wanted = next((found[1] for pattern in _ENGINE if (found := pattern.search(text))), "")
    if wanted and any(_NPM_TOO_NEW.search(line.plain) for line in place.before(4)) and _npm_upgrade(project):
        return None
    pnpm = _PNPM_RANGE.match(text)
    if pnpm and any("ERR_PNPM_UNSUPPORTED_ENGINE" in line.plain for line in place.before(8)):
        wanted = pnpm[1]
    if not wanted:
        return None
    here = node_release(project, [*place.before(60), *place.after(60), place.line])
    fitting = suitable(wanted, here)
    why = f"a package takes Node {wanted} only; the image has {here or 'another'}"
    if not fitting:
        return Refusal("node.engine", f"{why}, and no release line of Node suits", (place.line,))
    return other_node("node.engine", fitting, project, (place.line,), why)


def _tools(text: str, place: Place, project: Project) -> Verdict | None:
    if _PEERS.search(text):
        return _peers(place, project)
    if _NOT_INSTALLED.search(text) and never_installs(project):
        return no_install("yarn finds no installed packages", place, project)
    for rule, pattern, command, why in _COMMANDS:
        if pattern.search(text):
            target = project.dockerfile_target()
            return Need(rule, _EDIT, (command,), (place.line,), why, target=target)
    if _OTHER_ENGINE.search(text):
        return Refusal("node.engine_tool", "package.json asks for another package manager", (place.line,))
    return None


def _peers(place: Place, project: Project) -> Verdict:
    """Peer requirements that contradict each other: npm before 7 let them pass, and can be told to."""
    said = [line for line in place.after(40) if re.search(r"peer \S+@", line.plain)]
    lines = (place.line, *said[:2])
    used = [one for one in project_installs(project) if one.tool == "npm"]
    if any("legacy-peer-deps" in word.text for one in used for word in one.words):
        reason = "peer requirements contradict each other, even where npm is told to let them"
        return Refusal("node.peer_conflict", reason, lines)
    written = used[0].text if used else "npm install"
    why = "peer requirements of the packages contradict each other; npm before 7 installed them all the same"
    command, target = f"{written} --legacy-peer-deps", project.dockerfile_target()
    return Need("node.peer_conflict", _EDIT, (command,), lines, why, target=target, replaces=written)


def _npm_too_new(text: str, place: Place, project: Project) -> Verdict | None:
    """`npm install -g npm` fetches a release that this Node cannot run: the last one that it can."""
    if not _NPM_TOO_NEW.search(text):
        return None
    here = node_release(project, [*place.before(60), place.line, *place.after(60)])
    upgrade = _npm_upgrade(project)
    fitting = next((npm for node, npm in _NPM_FOR_NODE if here and release(here)[0] <= node), None)
    if upgrade is None or fitting is None:
        return None
    old = " ".join(word.text for word in upgrade.words)
    new = re.sub(r"\bnpm(?:@\S+)?$", f"npm@{fitting}", old)
    why = f"the newest npm does not run on Node {here}; npm {fitting} does"
    target = project.dockerfile_target()
    return Need("node.npm_too_new", _EDIT, (new,), (place.line,), why, target=target, replaces=old)


def _npm_upgrade(project: Project) -> NodeInstall | None:
    """`npm install -g npm`, where the Dockerfile has it."""
    named = (one for one in installs(project) if one.is_global)
    return next((one for one in named if {package_name(w.text) for w in one.packages} == {"npm"}), None)
