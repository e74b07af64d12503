"""Delivers notifications beside the runs, at least once, for as long as the worker lives.

A receiver that hangs, refuses or is gone costs a run nothing: letters wait in the outbox, and each is tried
again, ever more rarely, for a day at most.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from activities.adapters.measuring import Metrics
from activities.adapters.outbox import Letter, Outbox
from activities.adapters.series import NOTIFICATIONS
from activities.adapters.webhook import Answer, Webhook

LOOK_SECONDS: Final = 1.0
LAST_SECONDS: Final = 1.0
"""How long the end of the process may wait for what was told last."""

_log = logging.getLogger("mm_orchestrator.notify")


@dataclass
class Postman:
    """Takes letters from one outbox to one receiver."""

    outbox: Outbox
    webhook: Webhook
    metrics: Metrics = field(default_factory=Metrics)
    look_seconds: float = LOOK_SECONDS

    async def forever(self) -> None:
        """Look now and then, and once more at the end; never raises but on cancellation."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(self.look_seconds)
        finally:  # the end of a run with ``--local`` is told just before the process ends
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._look()

    async def _look(self) -> None:
        try:
            await self.once()
        except Exception as error:  # noqa: BLE001 - a loop beside the runs must not end them
            _log.warning("notifications could not be looked after: %s", type(error).__name__)

    async def once(self) -> None:
        """Try every letter that is due; a receiver that cannot be reached is not asked for the others.

        Raises:
            OSError: the outbox cannot be read or written.
        """
        with self.outbox.postman() as mine:
            if not mine:
                return
            for letter in await asyncio.to_thread(self.outbox.due, datetime.now(UTC)):
                if await self._take(letter) in {Answer.UNREACHABLE, Answer.BUSY}:
                    return

    async def _take(self, letter: Letter) -> Answer:
        answer, why = await self.webhook.deliver(letter.notification)
        if answer is Answer.DELIVERED:
            await asyncio.to_thread(self.outbox.delivered, letter)
            self.metrics.count(NOTIFICATIONS, "delivered")
            return answer
        if answer is Answer.BUSY:
            return answer
        about = {"event": letter.notification.event.value, "run_id": letter.notification.run_id}
        _log.info("a notification waits: %s", why, extra={"notification": about})
        if await asyncio.to_thread(self.outbox.failed, letter, why, datetime.now(UTC)):
            self.metrics.count(NOTIFICATIONS, "dropped")
        return answer
