"""Which lock files a plan makes stale, and what the image's build does with them."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from activities.diagnosis.source_tree import docker_glob
from activities.locking.tools import LockTool, locks_of, tool_for
from activities.manifests import dockerfile
from activities.manifests.dockerfile_facts import DockerfileFacts
from activities.manifests.edit_files import EditedFiles
from activities.manifests.names import canonical
from workflows.models.finding import Finding, FindingKind


@dataclass(frozen=True)
class LockNeed:
    """One lock file that must be written anew."""

    tool: LockTool
    folder: str
    """Relative to the workspace, '' for the workspace itself."""
    packages: tuple[str, ...] = ()
    """What the findings add to the manifest; names only."""
    demanded: bool = False
    """A finding is about the lock file itself: without it there is no repair."""

    @property
    def path(self) -> str:
        """The lock file, relative to the workspace."""
        return posixpath.join(self.folder, self.tool.lock)


@dataclass(frozen=True)
class Use:
    """What the Dockerfile does with a lock file."""

    image: str = ""
    """Base of the stage that installs from it."""
    uses: bool = False
    needs_it: bool = False
    """The build fails, or leaves the change out, while the lock file is stale."""


def lock_needs(
    edited: EditedFiles,
    findings: Iterable[Finding],
    text_of: Callable[[str], str | None],
    context: str = "",
) -> tuple[LockNeed, ...]:
    """For each changed manifest the lock files beside it, and those that findings are about.

    Args:
        edited: the plan's files so far.
        findings: what the plan is made from.
        text_of: a file of the workspace, None where there is none; it is only looked at, so the allow
            list is not asked yet.
        context: the build context, relative to the workspace: where a lock file lies whose finding does
            not say.
    """
    every = tuple(findings)
    needs: dict[str, LockNeed] = {}
    for path in edited.changed():
        folder, name = posixpath.split(path)
        for lock in locks_of(name):
            text = text_of(posixpath.join(folder, lock))
            tool = tool_for(lock, text or "")
            if text is not None and tool is not None:
                need = LockNeed(tool, folder, _packages(every, path))
                needs.setdefault(need.path, need)
    for finding in every:
        for need in _demanded(finding, text_of, context):
            packages = needs[need.path].packages if need.path in needs else ()
            needs[need.path] = LockNeed(need.tool, need.folder, packages, demanded=True)
    changed_by_hand = set(edited.changed())
    return tuple(need for path, need in sorted(needs.items()) if path not in changed_by_hand)


def use_of(text: str, build_target: str | None, context_path: str, tool: LockTool) -> Use:
    """Whether the built stages copy the lock file and install from it.

    Args:
        text: the Dockerfile.
        build_target: the stage that Compose builds.
        context_path: the lock file relative to the build context.
        tool: whose lock file it is.
    """
    facts = dockerfile.parse(text, build_target)
    if not facts.stages:
        return Use()
    reachable = facts.reachable()
    said = [
        (facts.stage_of[index], one.text + " ".join(script.chars for script in one.heredocs))
        for index, one in enumerate(facts.instructions)
        if facts.stage_of[index] in reachable and one.keyword in {"RUN", "ENV", "ARG"}
    ]
    installing = [stage for stage, words in said if tool.used_by.search(words)]
    stage = installing[0] if installing else facts.target
    image = facts.stages[facts.chain(stage)[-1]].image
    if not installing or not _copied(facts, reachable, context_path):
        return Use(image)
    return Use(image, uses=True, needs_it=any(tool.fails_without.search(words) for _, words in said))


def _copied(facts: DockerfileFacts, reachable: set[int], path: str) -> bool:
    sources = (
        source.strip("/").removeprefix("./")
        for copy in facts.copies
        if copy.stage in reachable and not copy.from_stage
        for source in copy.sources
    )
    return any(source in {"", "."} or bool(docker_glob(source).match(path)) for source in sources)


def _demanded(finding: Finding, text_of: Callable[[str], str | None], context: str) -> Iterable[LockNeed]:
    if finding.kind is not FindingKind.CHANGE_LOCKFILE:
        return
    for name in finding.names:
        file = PurePosixPath(name).name
        named = tool_for(file)
        places = (posixpath.dirname(finding.target or ""), context)
        beside = [at for at in places if named and text_of(posixpath.join(at, named.manifest)) is not None]
        folder = beside[0] if beside else places[0]
        tool = tool_for(file, text_of(posixpath.join(folder, file)) or "")
        if tool is not None:
            yield LockNeed(tool, folder, demanded=True)


def _packages(findings: tuple[Finding, ...], path: str) -> tuple[str, ...]:
    names = (name for finding in findings if finding.target == path for name in finding.names)
    return tuple(dict.fromkeys(name.split(":")[0] if "/" in name else canonical(name) for name in names))
