"""Writes lock files anew with their own tool, on a copy, in a throwaway container; never by hand.

The image is the service's, else the base of the stage that installs from the lock file, which is pulled
where this host lacks it, as the build itself would. The tool sees the manifest's directory as far as it
reads it, without credentials.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from activities.adapters.throwaway import NOT_FOUND_EXIT_CODE, Outcome, Task, Throwaway, ThrowawayError
from activities.diagnosis.source_tree import docker_glob, read_text
from activities.locking.needs import LockNeed, Use, lock_needs, use_of
from activities.manifests.edit_files import EditedFiles
from workflows.errors import OrchestratorError
from workflows.models.finding import Finding
from workflows.models.target import Target

LIMIT_SECONDS = 300.0
"""For one lock file."""
_MAX_FILES = 5000
_MAX_FILE_BYTES = 8 * 1024 * 1024
_MAX_SAID = 400
_SKIPPED = frozenset({".git", "node_modules", ".venv", "vendor", "target", "__pycache__"})
_CREDENTIAL = re.compile(rb"^.*(?:_auth|_password|token|username)\S*\s*[=:].*$", re.IGNORECASE | re.MULTILINE)


class LockError(Exception):
    """No plan without this lock file, and no way to write it; the text may quote the tool, unmasked."""


@dataclass(frozen=True)
class Locked:
    """What became of the lock files of a plan."""

    written: frozenset[str] = frozenset()
    """Paths whose new content came from a tool."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Locker:
    """Brings the lock files of a plan up to date."""

    throwaway: Throwaway
    limit_seconds: float = LIMIT_SECONDS

    async def update(self, target: Target, edited: EditedFiles, findings: tuple[Finding, ...]) -> Locked:
        """Put the new lock files among the edited files.

        Raises:
            OrchestratorError: ``diff_not_allowed`` for a lock file that the build needs.
            LockError: the build cannot do without a lock file that its tool could not write.
        """
        if target.build is None:
            return Locked()
        written: set[str] = set()
        warnings: list[str] = []
        for need in await asyncio.to_thread(_needs, target, edited, findings):
            use = await asyncio.to_thread(_use, target, edited, need)
            if not use.uses and not need.demanded:
                continue
            problem = await asyncio.to_thread(_forbidden, edited, need, use)
            problem = problem or await self._write(target, edited, need, use)
            if not problem:
                written |= _written(edited, need)
            elif use.needs_it or need.demanded:
                raise LockError(f"{need.path} must change together with its manifest, and {problem}")
            else:
                by_hand = f"run `{need.tool.by_hand}` before you commit"
                warnings.append(f"{need.path} is not up to date with its manifest: {problem}; {by_hand}")
        return Locked(frozenset(written), tuple(warnings))

    async def _write(self, target: Target, edited: EditedFiles, need: LockNeed, use: Use) -> str:
        """Why it was not written; '' where it was."""
        files = await asyncio.to_thread(_copy, Path(target.workspace), edited, need)
        task = _task(need, files, edited.bytes_of(need.path) or b"", self.limit_seconds)
        tried: list[str] = []
        for image in dict.fromkeys(filter(None, (target.image, use.image))):
            outcome = await self._run(replace(task, image=image), pull=image != target.image)
            if outcome is None or outcome.exit_code == NOT_FOUND_EXIT_CODE:
                tried.append(image)
                continue
            if outcome.exit_code != 0 or need.tool.lock not in outcome.files:
                return f"{need.tool.name} could not write it in {image}: {_last_words(outcome)}"
            for name, data in outcome.files.items():
                path = posixpath.join(need.folder, name)
                if data != edited.bytes_of(path):
                    edited.now[path] = data
            return ""
        return f"{need.tool.name} cannot be run in {' or '.join(tried)}"

    async def _run(self, task: Task, *, pull: bool) -> Outcome | None:
        """None where the image cannot be had.

        Only a base image is pulled: a registry's image with the name of the service's is somebody else's.
        """
        try:
            if pull and not await self.throwaway.provide(task.image):
                return None
            return await self.throwaway.run(task)
        except (ThrowawayError, OrchestratorError):  # also where the daemon permits no such container
            return None


def _needs(target: Target, edited: EditedFiles, findings: tuple[Finding, ...]) -> tuple[LockNeed, ...]:
    """Blocking: looks beside the changed manifests."""
    root = Path(target.workspace)
    context = posixpath.relpath(target.build.context, target.workspace) if target.build else "."

    def text_of(path: str) -> str | None:
        return read_text(root / path, _MAX_FILE_BYTES)

    return lock_needs(edited, findings, text_of, "" if context == "." else context)


def _written(edited: EditedFiles, need: LockNeed) -> set[str]:
    """What the tool changed.

    Raises:
        LockError: nothing, though a finding asked for exactly that.
    """
    paths = {posixpath.join(need.folder, name) for name in (need.tool.lock, *need.tool.writes)}
    changed = paths & set(edited.changed())
    if need.demanded and not changed:
        raise LockError(f"{need.tool.name} leaves {need.path} as it is")
    return changed


def _forbidden(edited: EditedFiles, need: LockNeed, use: Use) -> str:
    """Why the policy keeps the lock file as it is.

    Raises:
        OrchestratorError: ``diff_not_allowed`` where the change is nothing without it.
    """
    try:
        edited.bytes_of(need.path)
    except OrchestratorError as error:
        if error.code != "diff_not_allowed" or use.needs_it or need.demanded:
            raise
        return "the policy does not allow it to be changed"
    return ""


def _task(need: LockNeed, files: dict[str, bytes], lock: bytes, seconds: float) -> Task:
    tool = need.tool
    version = tool.version_in(lock.decode("utf-8", "replace"))
    return Task(
        image="",
        argv=("sh", "-ec", tool.script, tool.name, *need.packages),
        files=files,
        take=(tool.lock, *tool.writes),
        environment={**tool.environment, "MM_TOOL_VERSION": version},
        timeout_seconds=seconds,
    )


def _use(target: Target, edited: EditedFiles, need: LockNeed) -> Use:
    """Blocking: reads the Dockerfile, as the plan would have it."""
    build = target.build
    if build is None:
        return Use()
    context = Path(build.context)
    recipe = context / build.dockerfile
    inside = posixpath.relpath(recipe.as_posix(), target.workspace)
    changed = edited.now.get(inside)
    text = changed.decode("utf-8", "replace") if changed is not None else read_text(recipe) or ""
    lock = Path(os.path.relpath(Path(target.workspace) / need.path, context)).as_posix()
    return use_of(text, build.target, lock, need.tool)


def _copy(workspace: Path, edited: EditedFiles, need: LockNeed) -> dict[str, bytes]:
    """What the tool needs, with the plan's edits, without credentials. Blocking."""
    root = workspace / need.folder
    wanted = [docker_glob(pattern) for pattern in need.tool.sources]
    names = [path for path in _walk(root) if any(glob.match(path) for glob in wanted)] if wanted else []
    copied: dict[str, bytes] = {}
    for name in dict.fromkeys((need.tool.manifest, need.tool.lock, *need.tool.writes, *names)):
        path = posixpath.join(need.folder, name)
        data = edited.now[path] if path in edited.now else _content(root / name)
        if data is not None:
            copied[name] = _without_credentials(name, data)
    return copied


def _walk(root: Path) -> Iterator[str]:
    seen = 0
    for folder, folders, names in os.walk(root, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(names):
            seen += 1
            if seen > _MAX_FILES:
                return
            yield (Path(folder) / name).relative_to(root).as_posix()


def _content(path: Path) -> bytes | None:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_FILE_BYTES:
            return None
        return path.read_bytes()
    except OSError:
        return None


def _without_credentials(name: str, data: bytes) -> bytes:
    """Lines of a tool's settings that could name or hold a secret stay out."""
    return _CREDENTIAL.sub(b"", data) if posixpath.basename(name).startswith((".npmrc", ".yarnrc")) else data


def _last_words(outcome: Outcome) -> str:
    if outcome.timed_out:
        return "the time was over"
    lines = [line.strip() for line in (outcome.stderr or outcome.stdout).splitlines() if line.strip()]
    return " / ".join(lines[-4:])[-_MAX_SAID:] or f"exit code {outcome.exit_code}"
