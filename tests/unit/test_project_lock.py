"""One writer per project, across tasks and processes (I7)."""

import asyncio
import json
import multiprocessing
import os
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from activities.adapters.project_lock import project_lock
from workflows.errors import OrchestratorError


def hold_for_ever(directory: Path, held: Event) -> None:
    """Another process that takes the lock and keeps it until it is killed."""

    async def main() -> None:
        async with project_lock(directory, "shop", 5.0):
            held.set()
            await asyncio.sleep(60)

    asyncio.run(main())


async def test_a_second_task_waits_and_the_loop_goes_on(tmp_path: Path) -> None:
    """Waiting for the lock never blocks the event loop."""
    order: list[str] = []
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async def second() -> None:
        async with project_lock(tmp_path, "shop", 60.0):
            order.append("second")

    ticker = asyncio.create_task(tick())
    async with project_lock(tmp_path, "shop", 60.0):
        waiting = asyncio.create_task(second())
        for _ in range(6000):
            if ticks > 10:
                break
            await asyncio.sleep(0.01)
        order.append("first")
    await waiting
    ticker.cancel()
    assert order == ["first", "second"]
    assert ticks > 10


async def test_times_out_with_the_projects_name(tmp_path: Path) -> None:
    """`lock_timeout` is retryable; another project is not concerned."""
    async with project_lock(tmp_path, "shop", 1.0):
        started = time.monotonic()
        with pytest.raises(OrchestratorError, match="lock of project shop") as caught:
            async with project_lock(tmp_path, "shop", 0.2):
                raise AssertionError("held twice")
        assert time.monotonic() - started < 30
        assert caught.value.retryable
        async with project_lock(tmp_path, "other", 0.2):
            pass


async def test_dies_with_its_process_and_is_never_unlinked(tmp_path: Path) -> None:
    """SIGKILL of the holder frees the lock; the file keeps its inode."""
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    holder = context.Process(target=hold_for_ever, args=(tmp_path, held))
    holder.start()
    try:
        assert await asyncio.to_thread(held.wait, 20)
        inode = (tmp_path / "shop.lock").stat().st_ino
        with pytest.raises(OrchestratorError, match="lock_timeout"):
            async with project_lock(tmp_path, "shop", 0.2):
                raise AssertionError("held by two processes")
        assert holder.pid is not None
        os.kill(holder.pid, signal.SIGKILL)
        async with project_lock(tmp_path, "shop", 10.0):
            assert (tmp_path / "shop.lock").stat().st_ino == inode
    finally:
        holder.kill()
        holder.join()
    assert (tmp_path / "shop.lock").stat().st_ino == inode


async def test_honours_moonminds_deployment_lock(tmp_path: Path) -> None:
    """Where MoonMind's updater keeps locks, ours waits for it and says who holds it."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    async with project_lock(ours, "shop", 1.0, theirs):
        declared = json.loads((theirs / "shop.lock").read_text())
        assert declared == {"contract": "moonmind.deployment-kernel-lock.v1", "stack": "shop"}
        with pytest.raises(OrchestratorError, match="lock_timeout"):
            async with project_lock(theirs, "shop", 0.1):
                raise AssertionError("the updater would deploy now")
    async with project_lock(theirs, "shop", 1.0):
        with pytest.raises(OrchestratorError, match="lock_timeout"):
            async with project_lock(ours, "shop", 0.1, theirs):
                raise AssertionError("the updater deploys now")
    async with project_lock(ours, "shop", 0.2):
        pass  # the failed attempt kept nothing
