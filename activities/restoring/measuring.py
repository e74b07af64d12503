"""After the restoration: wait a bounded time, measure, and say truthfully what state is left (I4)."""

import asyncio
import time
from dataclasses import dataclass

from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import Journal
from activities.adapters.neighbour_proof import EarlyDryRun, NeighbourProver
from activities.restoring.files import FilesRestored
from activities.restoring.service import ServiceRestored
from workflows.errors import OrchestratorError
from workflows.models.record import RollbackOutcome
from workflows.models.snapshot import ContainerState, NeighbourProof, ServiceSnapshot, ServiceState
from workflows.restored import all_as_good, compare_restored, healthy, side_by_side

_FIRST_POLL_SECONDS, _POLL_SECONDS = 0.05, 0.5
"""Often at first: most services are as they were within a moment."""
_SETTLE_SECONDS = 2.0
"""A service without a health check counts as running once it stayed up this long."""


@dataclass(frozen=True)
class Measuring:
    """Measures one journal's target."""

    docker: DockerEngine
    compose: ComposeRunner
    journal: Journal

    async def wait(self, limit_seconds: float) -> bool:
        """Give the service the time it needs to be what it was; what never was healthy is not waited for.

        Returns:
            False where it did not become so, or did not stay so, in this time.
        """
        before = self.journal.snapshot
        if before.state is not ServiceState.RUNNING or _was_sick(before):
            return True
        began = time.monotonic()
        deadline = began + limit_seconds
        good_since: float | None = None
        restarts: dict[str, int] = {}
        needed = 0.0 if healthy(before.containers) else _SETTLE_SECONDS
        while (now := time.monotonic()) < deadline:
            containers = await self._containers()
            counted = {container.id: container.restart_count for container in containers}
            good = self._as_before(containers)
            good_since = (good_since if restarts == counted and good_since else now) if good else None
            restarts = counted
            if good_since is not None and now - good_since >= needed:
                return True
            if self._cannot_become_so(containers):
                return False
            await asyncio.sleep(min(_POLL_SECONDS, max(_FIRST_POLL_SECONDS, (now - began) / 10)))
        return False

    async def outcome(
        self, files: FilesRestored, service: ServiceRestored, *, became_so: bool = True
    ) -> RollbackOutcome:
        """Compare what is with what was.

        Args:
            files: what became of the files.
            service: what had to be done for the service.
            became_so: what ``wait`` said: an instant alone does not show a service that comes and goes.
        """
        journal = self.journal
        after = await self.docker.snapshot(journal.target)
        differing = [f"{f.path} is not as it was" for f in files.touched if f.before != f.after]
        compared = compare_restored(journal.snapshot, after, rebuilt=service.rebuilt)
        unsteady = () if became_so or compared else (f"{journal.target.service} does not stay as it was",)
        mismatches = (*differing, *compared, *unsteady, *files.problems, *service.problems)
        return RollbackOutcome(
            complete=not mismatches,
            state=describe(journal.snapshot, after, service, mismatches),
            files=tuple(files.touched),
            image_id_before=journal.previous_image_id,
            image_id_after=after.container_image_id,
            rebuilt=service.rebuilt,
            mismatches=mismatches,
            foreign_changes=(*files.foreign, *service.foreign),
            not_undone=_not_undone(journal.snapshot, service),
            compared=side_by_side(journal.snapshot, after, files.touched),
        )

    async def proof(self, early: EarlyDryRun | None = None) -> NeighbourProof | None:
        """Was anybody else touched? None where it cannot be measured (the compose file is broken now)."""
        try:
            return await NeighbourProver(self.docker, self.compose).prove(self.journal, early)
        except OrchestratorError as error:
            if error.code == "docker_unavailable":
                raise
            return None

    async def _containers(self) -> tuple[ContainerState, ...]:
        return await self.docker.containers(self.journal.project, self.journal.target.service)

    def _as_before(self, now: tuple[ContainerState, ...]) -> bool:
        before = self.journal.snapshot.containers
        if sum(c.up for c in now) != sum(c.up for c in before) or not all_as_good(before, now):
            return False
        return healthy(now) or not healthy(before)

    def _cannot_become_so(self, now: tuple[ContainerState, ...]) -> bool:
        """Fewer replicas than before and none on its way: no time would bring them."""
        before = self.journal.snapshot.containers
        return len(now) != len(before)


def describe(
    before: ServiceSnapshot,
    after: ServiceSnapshot,
    service: ServiceRestored,
    mismatches: tuple[str, ...] = (),
) -> str:
    """One sentence: the state the service is in now."""
    if mismatches:
        return f"Not everything could be put back: {'; '.join(mismatches)}."
    name = before.service
    if before.state is ServiceState.ABSENT:
        return f"{name} has no container, as before."
    if before.state is ServiceState.STOPPED:
        return f"{name} is stopped, as before."
    image = _rebuilt(before, after) if service.rebuilt else ""
    if service.foreign and not service.rebuilt:
        image = "its previous image, where others changed: " + ", ".join(service.foreign)
    image = image or (
        "its previous image again" if service.replaced else "its previous image, never replaced"
    )
    if _was_starting(before):
        return f"{name} runs {image}: its health check had not decided before the run either."
    if _was_sick(before):
        return f"{name} runs {image}: restored to its previous, unhealthy state."
    health = " and is healthy" if healthy(after.containers) else ""
    return f"{name} runs {image}{health}."


def _rebuilt(before: ServiceSnapshot, after: ServiceSnapshot) -> str:
    """A build from the same files and a warm cache can give the very image again."""
    same = before.container_image_id == after.container_image_id
    how = "rebuilt, and identical" if same else "rebuilt, not identical"
    return f"an image rebuilt from the restored files ({how})"


def _not_undone(before: ServiceSnapshot, service: ServiceRestored) -> tuple[str, ...]:
    """What no rollback brings back; said only where another container ran."""
    if not service.replaced:
        return ()
    lost = ("files in the writable layer of the previous container",) if before.containers else ()
    written = "data that the service wrote to volumes and databases while the change was in place"
    return (written, *lost, *service.not_undone)


def _was_starting(before: ServiceSnapshot) -> bool:
    """Nothing was wrong yet, and nothing was known to be right."""
    words = {container.health for container in before.containers}
    steady = all(c.status == "running" and c.restart_count == 0 for c in before.containers)
    return steady and "starting" in words and "unhealthy" not in words


def _was_sick(before: ServiceSnapshot) -> bool:
    """Crash-looping, unhealthy or still starting: not a state to wait for."""
    return any(
        c.status == "restarting" or c.restart_count > 0 or c.health not in {None, "healthy"}
        for c in before.containers
    )
