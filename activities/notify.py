"""Notify: leaves word for people while a run waits; the run does not wait for it."""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from activities.adapters.outbox import Outbox
from workflows import ports
from workflows.ports import NotifyInput, NotifyResult


@dataclass(frozen=True)
class Notify:
    """Puts a notification into the outbox of this host."""

    outbox: Outbox | None = None
    """None: the webhook was taken out of the settings while the run went on."""

    @activity.defn(name=ports.NOTIFY.name)
    async def notify(self, job: NotifyInput) -> NotifyResult:
        """Leave the letter; never raises."""
        if self.outbox is None:
            return NotifyResult(kept=False)
        return NotifyResult(kept=await asyncio.to_thread(self.outbox.put, job.notification))
