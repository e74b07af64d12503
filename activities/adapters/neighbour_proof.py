"""Measures the rest of the project, before and after (I3, SPEC FR-006); the verdict itself is pure."""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from docker.errors import APIError

from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import Journal
from workflows.errors import OrchestratorError
from workflows.models.snapshot import ContainerState, NeighbourProof
from workflows.models.target import ComposeProject, Target
from workflows.verdict import prove

T = TypeVar("T")


async def dry_run(engine: DockerEngine, compose: ComposeRunner, project: ComposeProject) -> frozenset[str]:
    """Services that a plain ``up`` would change now.

    Raises:
        OrchestratorError: ``compose_invalid``, ``docker_unavailable``.
    """
    return await compose.dry_run_changes(project, engine.containers(project.name))


@dataclass(frozen=True)
class NeighbourProver:
    """The same two questions before and after a run."""

    engine: DockerEngine
    compose: ComposeRunner

    async def measure(
        self, target: Target, foreseen: frozenset[str] | None = None
    ) -> tuple[tuple[ContainerState, ...], tuple[str, ...]]:
        """Neighbours now, and the services that a plain ``up`` would change now; both for the journal.

        The neighbours last: one that crashes by itself while the dry run looks is then known as such. Not
        counted are services of the target's own image: a new image is news for them by design, which the
        run says and, where policy wants it, somebody approved.

        Args:
            target: the service that is not a neighbour.
            foreseen: the services that a plain ``up`` would change, where that is known already.
        """
        changes = foreseen
        if changes is None:
            changes = await dry_run(self.engine, self.compose, target.project)
        others = tuple(sorted(set(changes) - set(target.shares_image_with)))
        return await self.engine.neighbours(target), others

    async def prove(self, journal: Journal, early: "EarlyDryRun | None" = None) -> NeighbourProof:
        """Compare with what the journal recorded before the first change.

        Args:
            journal: of the run.
            early: a dry run that was begun before; taken where nothing can have changed its answer.
        """
        foreseen = await early.answer() if early is not None else None
        if foreseen is not None and await self._restarted(journal):
            foreseen = None  # asked last: the event log that kept silent may be a new daemon's
        after, dry_after = await self.measure(journal.target, foreseen)
        events = await self.engine.past_events(journal.project, journal.opened_at)
        killed = frozenset(event.container_id for event in events if event.action == "kill")
        restarted = await self._restarted(journal)
        return prove(
            journal.neighbours,
            after,
            journal.dry_run_before,
            dry_after,
            killed,
            daemon_restarted=restarted,
        )

    async def _restarted(self, journal: Journal) -> bool:
        return journal.daemon_mark is not None and await self.engine.daemon_mark() != journal.daemon_mark


@dataclass(frozen=True)
class _Seen:
    """A dry run's answer, and since when nothing may have happened for it to hold."""

    changes: frozenset[str]
    inputs: str | None
    at: float
    """Seconds since the epoch on the daemon's clock, before the dry run began."""
    asked: float
    """The same instant, or a little before, on our monotonic clock."""


@dataclass
class EarlyDryRun:
    """What a plain ``up`` would change, asked while the service still has to stay healthy for a while.

    A dry run takes longer than all else after the last look at the service. Its answer rests on what
    Compose reads, which is hashed again, and on the daemon's objects, of whose changes the daemon keeps an
    event log. Where that has anything in it, or is not known to reach back far enough, the question is
    asked anew.
    """

    engine: DockerEngine
    compose: ComposeRunner
    project: ComposeProject
    _task: "asyncio.Task[_Seen | None] | None" = field(default=None, repr=False)

    def begin(self) -> None:
        """Ask now, beside whatever else goes on; an answer from before is dropped."""
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._look())

    async def answer(self) -> frozenset[str] | None:
        """The services, where the answer holds at this instant; else None, and it must be asked again."""
        seen = await self._task if self._task is not None else None
        if seen is None or await self.compose.inputs(self.project) != seen.inputs:
            return None
        now = seen.at + time.monotonic() - seen.asked
        quiet = await _or_none(self.engine.nothing_happened(self.project.name, seen.at, now))
        return seen.changes if quiet else None

    async def aclose(self) -> None:
        """Nobody waits for it any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self) -> _Seen | None:
        asked = time.monotonic()
        at, inputs = await _or_none(self.engine.clock()), await self.compose.inputs(self.project)
        if at is None or inputs is None:
            return None
        changes = await _or_none(dry_run(self.engine, self.compose, self.project))
        return None if changes is None else _Seen(changes, inputs, at, asked)


async def _or_none(question: Coroutine[object, object, T]) -> T | None:
    """Whoever asks in vain here asks again later, and hears the error then."""
    with suppress(OrchestratorError, APIError):
        return await question
    return None


def daemon_warnings(proof: NeighbourProof) -> tuple[str, ...]:
    """The operator hears that Docker itself restarted, and whom that explains."""
    if not proof.daemon_restarted:
        return ()
    explained = ", ".join(proof.excused) or "no neighbour"
    return (f"daemon_restarted: the Docker daemon restarted during the run; it explains: {explained}",)
