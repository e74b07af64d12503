"""Tells Temporal that a step is alive, and lets a cancellation reach it within a second."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from temporalio import activity

BEAT_SECONDS = 1.0


@asynccontextmanager
async def beating(doing: str) -> AsyncIterator[None]:
    """Beat every second while the block runs; outside an activity (``recover``) it does nothing."""
    if not activity.in_activity():
        yield
        return
    beats = asyncio.create_task(_beat(doing))
    try:
        yield
    finally:
        beats.cancel()
        with suppress(asyncio.CancelledError):
            await beats


async def _beat(doing: str) -> None:
    while True:
        activity.heartbeat(doing)
        await asyncio.sleep(BEAT_SECONDS)
