"""What became of containers and files by somebody else's hand; the rules are ``workflows.ownership``."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import Journal
from activities.adapters.workspace import Workspace
from workflows.errors import OrchestratorError
from workflows.models.plan import ActionPlan
from workflows.models.snapshot import ContainerState
from workflows.models.target import Target
from workflows.ownership import started_by_others, stopped_by_others, strangers, taken_away

_ORDERS = frozenset({"kill", "stop"})


@dataclass(frozen=True)
class Belongings:
    """Measured against one journal at one instant."""

    strangers: tuple[ContainerState, ...] = ()
    """Made by somebody else."""
    taken_away: tuple[ContainerState, ...] = ()
    stopped: tuple[ContainerState, ...] = ()
    started: tuple[ContainerState, ...] = ()

    @classmethod
    async def measure(
        cls, docker: DockerEngine, journal: Journal, present: tuple[ContainerState, ...]
    ) -> "Belongings":
        """Compare containers with the journal, and with what Docker was asked for since.

        Raises:
            OrchestratorError: ``docker_unavailable``.
        """
        before, ups = journal.snapshot.containers, journal.ups
        events = await docker.past_events(journal.project, journal.opened_at)
        orders = tuple((event.container_id, event.at) for event in events if event.action in _ORDERS)
        restarted = journal.daemon_mark is not None and await docker.daemon_mark() != journal.daemon_mark
        return cls(
            strangers=strangers(present, before, journal.containers_made, ups),
            taken_away=taken_away(before, present, ups),
            stopped=stopped_by_others(before, present, orders, ups, daemon_restarted=restarted),
            started=started_by_others(before, present, ups, daemon_restarted=restarted),
        )

    @property
    def changes(self) -> tuple[str, ...]:
        """Each change by somebody else, as ``foreign_change`` names it."""
        return (
            *_named(self.strangers, "it is new"),
            *_named(self.taken_away, "it is gone"),
            *_named(self.stopped, "it was stopped"),
            *_named(self.started, "it was started"),
        )

    @property
    def left_alone(self) -> frozenset[str]:
        """Ids of containers of before that are left as somebody put them."""
        return frozenset(container.id for container in (*self.stopped, *self.started))

    def require_nobody_else(self) -> None:
        """Go on only where nobody has had a hand in it.

        Raises:
            OrchestratorError: ``foreign_change`` names every container.
        """
        if self.changes:
            raise OrchestratorError("foreign_change", path=", ".join(self.changes))


def changed_files(target: Target, plan: ActionPlan) -> tuple[str, ...]:
    """Files of the plan that are no longer what the run wrote. Blocking file IO."""
    workspace, found = Workspace(target), []
    for path, planned in sorted(plan.after_hashes.items()):
        try:
            now = workspace.hash(path)
        except OrchestratorError:  # it leads elsewhere now
            now = None
        if now != planned:
            found.append(path)
    return tuple(found)


async def require_own_files(target: Target, plan: ActionPlan) -> None:
    """Go on only where the files are as the run wrote them.

    Raises:
        OrchestratorError: ``foreign_change`` names every file.
    """
    if changed := await asyncio.to_thread(changed_files, target, plan):
        raise OrchestratorError("foreign_change", path=", ".join(changed))


def _named(containers: Iterable[ContainerState], what: str) -> tuple[str, ...]:
    return tuple(f"container {container.name} ({what})" for container in containers)
