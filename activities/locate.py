"""Which project is meant, and on which Docker host it lives; sub-second, asks no daemon."""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from activities.adapters.policy_file import PolicySource
from workflows import ports


@dataclass(frozen=True)
class Locate:
    """Answers from the policy, and in zero configuration from the name found at worker start."""

    policies: PolicySource
    host: str
    """The Docker host of this worker: ``MM_ORCHESTRATOR_HOST`` or the daemon's name."""
    task_queue: str = "mm.orchestrator"

    @activity.defn(name=ports.LOCATE.name)
    async def locate(self, job: ports.LocateInput) -> ports.Location:
        """The project and the queue of the workers on its host.

        Raises:
            OrchestratorError: ``unknown_project`` with the configured ones, ``policy_invalid``,
                ``policy_unreadable``.
        """
        return await asyncio.to_thread(self._locate, job.project)

    def _locate(self, wanted: str | None) -> ports.Location:
        policy = self.policies.policy()
        name = self.policies.name(wanted, policy)
        host = self.policies.project(name, policy).host or self.host
        return ports.Location(project=name, task_queue=f"{self.task_queue}.{host}", host=host)
