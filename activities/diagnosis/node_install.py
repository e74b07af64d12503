"""What npm, yarn and pnpm say when they cannot install: versions, lock files, engines, peers, names."""

from __future__ import annotations

import posixpath
import re

from activities.diagnosis.node_images import node_release, other_node, suitable
from activities.diagnosis.node_knowledge import is_known, newest, popular_near, release
from activities.diagnosis.node_project import (
    lock_file,
    lock_in_image,
    package_json_for,
    project_installs,
    target_of,
    tool,
)
from activities.diagnosis.project import Project
from activities.diagnosis.reading import Place
from activities.diagnosis.verdicts import Need, Refusal, Verdict
from activities.manifests.node_commands import NodeInstall, package_name
from workflows.models.finding import FindingKind

_NO_LOCK = re.compile(
    r"can only install (?:packages )?with an existing package-lock\.json or npm-shrinkwrap\.json"
    r"|cipm can only install packages with an existing package-lock"
    r"|Run \"npm help ci\" for more info|ERR_PNPM_NO_LOCKFILE"
)
_OUT_OF_STEP: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"can only install packages when your package\.json and package-lock\.json|package\.json and package-lock\.json are not in sync"
            r"|package-lock\.json or npm-shrinkwrap\.json are not in sync|Missing: \S+@\S+ from lock file|Invalid: lock file's \S+ does not satisfy"
        ),
        "package-lock.json",
    ),
    (
        re.compile(
            r"Your lockfile needs to be updated, but yarn was run with|YN0028:|The lockfile would have been (?:modified|created) by this install"
        ),
        "yarn.lock",
    ),
    (
        re.compile(
            r"ERR_PNPM_OUTDATED_LOCKFILE|ERR_PNPM_LOCKFILE_CONFIG_MISMATCH|pnpm-lock\.yaml is not up[ -]to[ -]date"
        ),
        "pnpm-lock.yaml",
    ),
)
_INTEGRITY = re.compile(
    r"npm (?:ERR!|error) (?:code )?EINTEGRITY|integrity checksum failed when using|Integrity check failed for|computed integrity doesn't match|ERR_PNPM_TARBALL_INTEGRITY"
)
_BROKEN_LOCK = re.compile(
    r"Failed to parse package(?:-lock)?\.json|ERR_PNPM_BROKEN_LOCKFILE|Merge conflict tokens in|Invalid value type \d+:\d+ in .*yarn\.lock"
)
_LOCK_VERSION = re.compile(r"ERR_PNPM_LOCKFILE_BREAKING_CHANGE|Ignoring not compatible lockfile")
_NOT_FOUND = re.compile(
    r"(?:npm (?:ERR!|error) )?404\s+'?@?(?P<npm>[\w@./~-]+?)@\S*?'? (?:is not in|could not be found)"
    r"|The requested resource '(?P<new>@?[\w./~-]+?)@[^']*' could not be found"
    r"|error Couldn't find package \"(?P<yarn>[^\"]+)\"(?: required by \S+)? on the \"npm\" registry"
    r"|error An unexpected error occurred: \"https?://[^/\"]+/(?P<yarn2>(?:@[\w.-]+(?:/|%2[fF]))?[\w.-]+): Not found\""
    r"|ERR_PNPM_FETCH_404\W+GET https?://[^/\s]+/(?P<pnpm>(?:@[\w.-]+(?:/|%2[fF]))?[\w.-]+): Not Found"
    r"|YN0035: .*?(?P<berry>@?[\w./-]+)@npm"
)
_NPM_404 = re.compile(
    r"npm (?:ERR!|error) 404\s+'(?P<name>@?[\w./~-]+?)@[^']*' is not in (?:this|the npm) registry"
)
_NO_VERSION = re.compile(
    r"No matching version found for (?P<npm>@?[\w./~-]+)@(?P<want>[^\s.]\S*?)\.?(?: with a date before.*)?(?:\s+while|\s*$|\.$|\. )"
    r"|Couldn't find any versions for \"(?P<yarn>[^\"]+)\" that matches \"(?P<want2>[^\"]+)\""
)
_ENGINE_NPM = re.compile(r"required: \{[^}]*\bnode: '([^']+)'")
_ENGINE_NPM_OLD = re.compile(
    r"npm (?:ERR!|error) notsup (?:Required|Not compatible).*?\"node\":\s*\"([^\"]+)\""
)
_ENGINE_YARN = re.compile(
    r"The engine \"node\" is incompatible with this module\. Expected version \"([^\"]+)\"\. Got \"([^\"]+)\""
)
_ENGINE_PNPM = re.compile(r"^Expected version: (\S.*)$")
_PEER = re.compile(
    r"npm (?:ERR!|error) (?:code )?ERESOLVE|ERESOLVE (?:unable to resolve dependency tree|could not resolve)"
)
_BERRY_CLASSIC = re.compile(
    r"package\.json defines \"packageManager\": \"(yarn|pnpm)@(\d+)[^\"]*\"\. However the current global version|This project's package\.json defines \"packageManager\""
)
_KEY_ID = re.compile(r"Cannot find matching keyid|corepack.*Internal Error")
_TOO_NEW_NPM = re.compile(
    r"Not compatible with your version of node/npm: npm@|EBADENGINE.*\bnpm@(\d+)|npm v[\d.]+ does not support Node\.js|npm is known not to run on Node\.js"
)
_NPM_FOR_NODE = ((10, 6), (12, 8), (14, 9), (16, 9), (18, 10), (20, 10))


def of_line(place: Place, project: Project) -> Verdict | None:
    """The verdict on one line, None where no package manager speaks of such a thing."""
    text = place.line.plain
    return (
        _lock(text, place, project)
        or _engine(text, place, project)
        or _unknown_name(text, place, project)
        or _unknown_version(text, place, project)
        or _peers(text, place, project)
        or _tool_version(text, place, project)
    )


def _lock(text: str, place: Place, project: Project) -> Verdict | None:
    for pattern, lock in _OUT_OF_STEP:
        if pattern.search(text):
            return _change_lock(
                lock, "node.lock_out_of_step", f"{lock} is out of step with package.json", place, project
            )
    if _NO_LOCK.search(text):
        earlier = _earlier_cause(place, project)
        return earlier or _no_lock(text, place, project)
    if _INTEGRITY.search(text):
        lock = {"yarn": "yarn.lock", "pnpm": "pnpm-lock.yaml"}.get(tool(project), "package-lock.json")
        return _change_lock(
            lock,
            "node.lock_integrity",
            f"what the registry delivers has other checksums than {lock} records",
            place,
            project,
        )
    if _BROKEN_LOCK.search(text):
        return Refusal("node.broken_file", "package.json or the lock file is not well-formed", (place.line,))
    if _LOCK_VERSION.search(text):
        return _change_lock(
            "pnpm-lock.yaml",
            "node.lock_version",
            "pnpm-lock.yaml is of a format this pnpm does not read",
            place,
            project,
        )
    return None


def _earlier_cause(place: Place, project: Project) -> Verdict | None:
    """npm's usage text follows its message; the message says which of the two it is."""
    for index in range(place.index - 1, max(-1, place.index - 260), -1):
        line = place.lines[index]
        if any(pattern.search(line.plain) for pattern, _ in _OUT_OF_STEP):
            return _lock(line.plain, Place(place.lines, index, place.phase), project)
    return None


def _change_lock(lock: str, rule: str, why: str, place: Place, project: Project) -> Need:
    manifest = package_json_for(project)
    target = posixpath.join(posixpath.dirname(target_of(project, manifest)), lock)
    reason = f"{why}: its own tool must resolve it again"
    return Need(rule, FindingKind.CHANGE_LOCKFILE, (lock,), (place.line,), reason, target=target)


def _no_lock(text: str, place: Place, project: Project) -> Verdict:
    """`npm ci` without a lock file: `npm install` resolves anew."""
    old, new = (
        ("pnpm install --frozen-lockfile", "pnpm install --no-frozen-lockfile")
        if "PNPM" in text
        else ("npm ci", "npm install")
    )
    written = next(
        (one.text for one in project_installs(project) if one.text.split()[-1] in ("ci", "clean-install")),
        old,
    )
    why = f"`{old}` needs a lock file, and there is none where it runs"
    if lock_in_image(project) and lock_file(project) != "yarn.lock":
        why = f"`{old}` needs a lock file; {lock_file(project)} exists but is not copied before it"
    if "PNPM" in text:
        present = [one for one in project_installs(project) if one.tool == "pnpm"]
        written = " ".join(w.text for w in present[0].words) if present else old
    target = project.dockerfile_target()
    return Need(
        "node.no_lock",
        FindingKind.EDIT_RUN_COMMAND,
        (new,),
        (place.line,),
        why,
        target=target,
        replaces=written,
    )


def _engine(text: str, place: Place, project: Project) -> Verdict | None:
    """A package that refuses this Node; npm only warns of it unless it is told to be strict."""
    yarn = _ENGINE_YARN.search(text)
    npm = (
        _ENGINE_NPM.search(text) if "EBADENGINE" in text or re.search(r"npm (?:ERR!|error)", text) else None
    ) or _ENGINE_NPM_OLD.search(text)
    pnpm = _ENGINE_PNPM.search(text)
    found = yarn or npm or pnpm
    if found is None or re.search(r"npm (?:WARN|warn)", text):
        return None
    if pnpm and not any("ERR_PNPM_UNSUPPORTED_ENGINE" in line.plain for line in place.before(8)):
        return None
    around = [*place.before(60), place.line, *place.after(60)]
    here = yarn[2] if yarn else node_release(project, around)
    fitting = suitable(found[1], here)
    why = f"a package takes Node {found[1]} only; the image has {here or 'another'}"
    if not fitting:
        return Refusal("node.engine", f"{why}, and no release line of Node suits", (place.line,))
    return other_node("node.engine", fitting, project, (place.line,), why)


def _unknown_name(text: str, place: Place, project: Project) -> Verdict | None:
    found = _NPM_404.search(text) or _NOT_FOUND.search(text)
    if found is None:
        return None
    name = next(value for value in found.groups() if value).replace("%2f", "/").replace("%2F", "/")
    name = name if name.startswith("@") or "/" not in name else f"@{name}"
    manifest = package_json_for(project)
    near = popular_near(name) if not name.startswith("@") else None
    if near is None or (manifest is not None and not manifest.declares(name)):
        text = f"the registry has no {name}: misspelt, private or withdrawn, and what it should be is not certain"
        return Refusal("node.no_such_package", text, (place.line,))
    if manifest is not None and manifest.declares(near):
        return Refusal(
            "node.no_such_package", f"the registry has no {name}; {near} is declared beside it", (place.line,)
        )
    why = f"the registry has no {name}; the one popular package a typing slip away is {near}"
    target = target_of(project, manifest)
    return Need(
        "node.misspelt",
        FindingKind.RENAME_NODE_PACKAGE,
        (name, near),
        (place.line,),
        why,
        target=target,
        replaces=name,
    )


def _unknown_version(text: str, place: Place, project: Project) -> Verdict | None:
    found = _NO_VERSION.search(text)
    if found is None or "with a date before" in text:
        return None
    name, wanted = found["npm"] or found["yarn"], found["want"] or found["want2"]
    manifest = package_json_for(project)
    latest = newest(name)
    if manifest is not None and not manifest.declares(name):
        return Refusal(
            "node.no_such_version",
            f"{name}@{wanted} does not exist, and another package asks for it",
            (place.line,),
        )
    if not is_known(name) or not latest:
        return Refusal(
            "node.no_such_version",
            f"{name}@{wanted} does not exist, and what does is not known",
            (place.line,),
        )
    version = _nearest(wanted, latest)
    why = (
        f"{name}@{wanted} was never published or is withdrawn; {version} is the nearest range that can be met"
    )
    target = target_of(project, manifest)
    consulted = (f"node packages: {name} {latest}",)
    return Need(
        "node.no_such_version",
        FindingKind.CHANGE_NODE_VERSION_PIN,
        (f"{name}@{version}",),
        (place.line,),
        why,
        version,
        target,
        consulted=consulted,
    )


def _nearest(wanted: str, latest: str) -> str:
    """The same major release where the newest is at least of it, else the newest one."""
    asked, last = release(wanted), release(latest)
    if not re.search(r"\d", wanted) or asked[0] > last[0] or asked == last:
        return f"^{latest}"
    if asked[0] == last[0]:
        return f"^{latest}" if asked > last else f"^{asked[0]}.0.0"
    return f"^{asked[0]}.0.0" if asked[0] else f"^{latest}"


def _peers(text: str, place: Place, project: Project) -> Verdict | None:
    """Peer requirements that contradict each other: npm before 7 let them pass, and can be told to."""
    if not _PEER.search(text) or re.search(r"npm (?:WARN|warn)", text):
        return None
    said = [line for line in place.after(40) if re.search(r"peer \S+@", line.plain)]
    lines = (place.line, *said[:2])
    used = [one for one in project_installs(project) if one.tool == "npm"]
    why = "peer requirements of the packages contradict each other; npm before 7 installed them all the same"
    written = used[0].text if used else "npm install"
    if any("legacy-peer-deps" in word.text or word.text == "--force" for one in used for word in one.words):
        return Refusal(
            "node.peer_conflict",
            "peer requirements contradict each other, even where npm is told to let them",
            lines,
        )
    target = project.dockerfile_target()
    new = f"{written} --legacy-peer-deps"
    return Need(
        "node.peer_conflict",
        FindingKind.EDIT_RUN_COMMAND,
        (new,),
        lines,
        why,
        target=target,
        replaces=written,
    )


def _tool_version(text: str, place: Place, project: Project) -> Verdict | None:
    """A package manager that does not suit Node, or is not the one package.json wants."""
    target = project.dockerfile_target()
    if _BERRY_CLASSIC.search(text):
        why = "package.json names the release of its package manager, and the image has another one; corepack brings it"
        return Need(
            "node.corepack",
            FindingKind.EDIT_RUN_COMMAND,
            ("corepack enable",),
            (place.line,),
            why,
            target=target,
        )
    if _KEY_ID.search(text):
        why = "this corepack does not know the registry's present signing keys; a newer one does"
        return Need(
            "node.corepack_keys",
            FindingKind.EDIT_RUN_COMMAND,
            ("npm install -g corepack@latest",),
            (place.line,),
            why,
            target=target,
        )
    if _TOO_NEW_NPM.search(text) and not re.search(r"npm (?:WARN|warn)", text):
        return _npm_for_node(place, project)
    return None


def _npm_for_node(place: Place, project: Project) -> Verdict | None:
    """`npm install -g npm` fetches a release that this Node cannot run: the last one that it can."""
    here = node_release(project, [*place.before(60), place.line, *place.after(60)])
    upgrade = _npm_upgrade(project)
    fitting = next((npm for node, npm in _NPM_FOR_NODE if here and release(here)[0] <= node), None)
    if upgrade is None or fitting is None:
        return None
    old = " ".join(word.text for word in upgrade.words)
    new = re.sub(r"\bnpm(?:@\S+)?$", f"npm@{fitting}", old)
    why = f"the newest npm does not run on Node {here}; npm {fitting} does"
    return Need(
        "node.npm_too_new",
        FindingKind.EDIT_RUN_COMMAND,
        (new,),
        (place.line,),
        why,
        target=project.dockerfile_target(),
        replaces=old,
    )


def _npm_upgrade(project: Project) -> NodeInstall | None:
    from activities.diagnosis.node_project import installs

    named = (one for one in installs(project) if one.is_global)
    return next((one for one in named if {package_name(w.text) for w in one.packages} == {"npm"}), None)
