"""Long waits that end with their worker: a graceful stop must not last as long as they do."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from temporalio import activity

T = TypeVar("T")


async def first_of_shutdown(work: Coroutine[Any, Any, T]) -> T | None:
    """What ``work`` gives; None where the worker was asked to stop first."""
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(activity.wait_for_worker_shutdown())
    try:
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for waiting in (task, stop):
            waiting.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await waiting
