"""Tells Temporal that a long step is alive and where it stands; silent outside a Temporal activity."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from temporalio import activity

BEAT_SECONDS = 1.0


@asynccontextmanager
async def beating(message: str | Callable[[], str]) -> AsyncIterator[None]:
    """Send the message, asked anew each time where it changes, at once and then every second.

    A cancellation reaches an activity with the answer to a heartbeat. The same step code also runs from
    ``recover``, where nobody listens.
    """
    if not activity.in_activity():
        yield
        return
    say = message if callable(message) else lambda: message
    activity.heartbeat(say())
    task = asyncio.create_task(_beat(say))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _beat(say: Callable[[], str]) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        activity.heartbeat(say())
