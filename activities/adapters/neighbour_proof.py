"""Measures the rest of the project, before and after (I3, SPEC FR-006); the verdict itself is pure."""

from dataclasses import dataclass

from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import Journal
from workflows.models.snapshot import ContainerState, NeighbourProof
from workflows.models.target import Target
from workflows.verdict import prove


@dataclass(frozen=True)
class NeighbourProver:
    """The same two questions before and after a run."""

    engine: DockerEngine
    compose: ComposeRunner

    async def measure(self, target: Target) -> tuple[tuple[ContainerState, ...], tuple[str, ...]]:
        """Neighbours now, and the services that a plain ``up`` would change now; both for the journal.

        The neighbours last: one that crashes by itself while the dry run looks is then known as such. Not
        counted are services of the target's own image: a new image is news for them by design, which the
        run says and, where policy wants it, somebody approved.
        """
        changes = await self.compose.dry_run_changes(target.project)
        dry_run = tuple(sorted(set(changes) - set(target.shares_image_with)))
        return await self.engine.neighbours(target), dry_run

    async def prove(self, journal: Journal) -> NeighbourProof:
        """Compare with what the journal recorded before the first change."""
        after, dry_after = await self.measure(journal.target)
        events = await self.engine.past_events(journal.project, journal.opened_at)
        killed = frozenset(event.container_id for event in events if event.action == "kill")
        restarted = journal.daemon_mark is not None and await self.engine.daemon_mark() != journal.daemon_mark
        return prove(
            journal.neighbours,
            after,
            journal.dry_run_before,
            dry_after,
            killed,
            daemon_restarted=restarted,
        )


def daemon_warnings(proof: NeighbourProof) -> tuple[str, ...]:
    """The operator hears that Docker itself restarted, and whom that explains."""
    if not proof.daemon_restarted:
        return ()
    explained = ", ".join(proof.excused) or "no neighbour"
    return (f"daemon_restarted: the Docker daemon restarted during the run; it explains: {explained}",)
