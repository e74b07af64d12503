"""``mm-orchestrator clean``: removes what settled runs left on this machine. No Temporal is needed.

What may go is decided by ``worker.retention``. What a run of a project left is removed under the project's
lock, after the run was looked at again; its journal, which knows what else there is of it, goes last. So it
may be interrupted at any instant, and done again.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from docker.errors import APIError

from activities.adapters.docker_engine import DockerEngine
from activities.adapters.docker_leftovers import DockerLeftovers
from activities.adapters.journal import JournalStore
from activities.adapters.leftovers import Kind, Leftover, Leftovers
from activities.adapters.project_resources import ProjectResources
from activities.adapters.state_dir import StateDir
from activities.adapters.throwaway import Throwaway
from worker.retention import Found, Going, Rules, Selection, select
from worker.settings import WorkerSettings
from workflows.errors import OrchestratorError
from workflows.models.base import Model

_BUSY_SECONDS = 2.0
_ORDER = list(Kind)


class Item(Model):
    """One thing that goes, as ``--json`` prints it."""

    kind: str
    name: str
    run_id: str = ""
    project: str = ""
    size_bytes: int | None = None
    changed_at: datetime
    why: str


class CleanReport(Model):
    """What was removed, or with ``--dry-run`` would be."""

    dry_run: bool
    items: tuple[Item, ...] = ()
    kept: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()
    """Projects that somebody works on right now; the next call removes what is theirs."""
    failed: tuple[str, ...] = ()


@dataclass
class Clean:
    """One call."""

    files: Leftovers
    engine: DockerEngine
    rules: Rules
    removed: list[Going] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _judged: dict[str, datetime] = field(default_factory=dict)

    async def look(self) -> Found:
        """Everything there is; a daemon that does not answer is named and not waited for."""
        runs = await asyncio.to_thread(self.files.runs)
        self._judged = {run.run_id: run.changed_at for run in runs}
        tokens = await asyncio.to_thread(self.files.tokens)
        on_docker = DockerLeftovers(self.engine.client)
        try:
            held = await on_docker.held()
            noted = [name for run in runs if not run.open for name in run.volumes_left]
            return Found(runs, held, await on_docker.volumes(noted), await on_docker.throwaways(), tokens)
        except (OrchestratorError, APIError) as error:
            self.failed.append(f"Docker: {error}; journals stay, they know what is left there")
            return Found(runs, tokens=tokens, docker_asked=False)

    async def remove(self, selection: Selection) -> None:
        """Remove it run by run; the lock is free in between, for a run that waits to change something."""
        ordered = sorted(selection.going, key=_by_run)
        for (project, run_id), group in groupby(ordered, key=lambda one: (one.left.project, one.left.run_id)):
            if project in self.busy:
                continue
            if not project:
                await self._share(run_id, tuple(group))
                continue
            try:
                async with self.files.journals.locked(project):
                    await self._share(run_id, tuple(group))
            except OrchestratorError as error:
                if error.code != "lock_timeout":
                    raise
                self.busy.append(project)

    async def _share(self, run_id: str, share: Sequence[Going]) -> None:
        if run_id and await self._was_taken_up(run_id):
            self.busy.append(f"run {run_id}")
            return
        for one in share:
            if not await self._one(one) and run_id:
                return  # what is left of the run, its journal above all, is for the next call

    async def _was_taken_up(self, run_id: str) -> bool:
        """Whether anything happened to a run since it was judged."""
        run = await asyncio.to_thread(self.files.run, run_id)
        return run.open or run.changed_at > self._judged[run_id]

    async def _one(self, one: Going) -> bool:
        left = one.left
        try:
            await self._take_away(left)
        except OrchestratorError as error:
            if error.code == "lock_timeout":
                self.busy.append(f"{left.kind} {left.name}")
                return False
            self.failed.append(f"{left.kind} {left.name}: {error}")
        except (OSError, APIError) as error:
            self.failed.append(f"{left.kind} {left.name}: {error}")
        else:
            self.removed.append(one)
            return True
        return False

    async def _take_away(self, left: Leftover) -> None:
        if left.kind is Kind.HELD_IMAGE:
            await self.engine.release_hold(left.run_id)
        elif left.kind is Kind.VOLUME:
            if not await ProjectResources(self.engine.client).remove_volume(left.name):
                raise OSError("a container uses it by now")
        elif left.kind is Kind.CONTAINER:
            await Throwaway(self.engine.client).sweep()
        else:
            await asyncio.to_thread(self.files.remove, left)


async def clean(settings: WorkerSettings, rules: Rules, *, dry_run: bool) -> CleanReport:
    """Look, decide and, unless it is a rehearsal, remove.

    Raises:
        OrchestratorError: ``state_dir_invalid``.
    """
    if not settings.state_dir.exists():
        return CleanReport(dry_run=dry_run)
    job = cleaning(settings, rules)
    selection = select(await job.look(), rules)
    if not dry_run:
        await job.remove(selection)
    gone = selection.going if dry_run else job.removed
    return CleanReport(
        dry_run=dry_run,
        items=tuple(map(_item, sorted(gone, key=_as_listed))),
        kept=selection.kept,
        busy=tuple(job.busy),
        failed=tuple(job.failed),
    )


def cleaning(settings: WorkerSettings, rules: Rules) -> Clean:
    """The parts of one call, for the command and for the doctor."""
    state = StateDir(settings.state_dir)
    journals = JournalStore(state, _BUSY_SECONDS, settings.deployment_lock_dir)
    return Clean(Leftovers(state, journals), DockerEngine.from_environment(os.environ), rules)


def _by_run(one: Going) -> tuple[str, str, int]:
    return one.left.project, one.left.run_id, _ORDER.index(one.left.kind)


def _as_listed(one: Going) -> tuple[int, str, str]:
    return _ORDER.index(one.left.kind), one.left.run_id, one.left.name


def _item(one: Going) -> Item:
    left = one.left
    return Item(
        kind=left.kind.value,
        name=left.name,
        run_id=left.run_id,
        project=left.project,
        size_bytes=left.size_bytes,
        changed_at=left.at,
        why=one.why,
    )
