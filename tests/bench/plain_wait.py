"""The least that Temporal can do for an approval: wait for a signal, then write a file."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow


@activity.defn
async def write_file(path: str) -> None:
    """One byte."""
    await asyncio.to_thread(Path(path).write_bytes, b"x")


@workflow.defn(sandboxed=False)
class PlainWait:
    """Waits, and writes."""

    def __init__(self) -> None:
        self._go = False

    @workflow.run
    async def run(self, path: str) -> None:
        """Until it is told to."""
        await workflow.wait_condition(lambda: self._go)
        await workflow.execute_activity(write_file, path, start_to_close_timeout=timedelta(seconds=10))

    @workflow.signal
    def go(self) -> None:
        """The approval."""
        self._go = True

    @workflow.query
    def waits(self) -> bool:
        """Whether it waits."""
        return not self._go
