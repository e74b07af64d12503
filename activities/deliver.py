"""Deliver: spooled evidence of ended runs to the store, once it takes it again (SPEC FR-011, I6)."""

from dataclasses import dataclass

from temporalio import activity

from activities.adapters.delivering import Delivering
from activities.adapters.heartbeat import beating
from workflows import ports
from workflows.models.delivery import DeliverInput, DeliverResult


@dataclass(frozen=True)
class Deliver:
    """The step of the delivery workflow; doing it twice, or half, harms nothing."""

    delivering: Delivering

    @activity.defn(name=ports.DELIVER.name)
    async def deliver(self, job: DeliverInput) -> DeliverResult:  # noqa: ARG002 - the spool says what
        """Bring over what is ready, within the time of one activity; the store may say no."""
        async with beating("delivers spooled evidence"):
            return await self.delivering.deliver()
