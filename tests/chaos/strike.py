"""How each fault is done, and undone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.service import RPCError

from tests.chaos.case import Case, Fault
from tests.chaos.oracle import Control
from tests.chaos.servers import BIN
from tests.chaos.world import World

AWAY_SECONDS = {False: 0.3, True: 3.0}
LASTS_SECONDS = {False: 2.0, True: 9.0}
_CONTROL_SECONDS = 20.0


@dataclass(frozen=True)
class Victim:
    """The run that a fault of its own strikes."""

    run_id: str
    workflow_id: str
    project: str


async def strike(world: World, case: Case, victim: Victim) -> Control:
    """Do it, and undo what does not undo itself; returns what it did to those whom no run touched."""
    match case.fault:
        case Fault.KILL_WORKER:
            await _kill_worker(world, AWAY_SECONDS[case.hard])
        case Fault.KILL_SERVER:
            await _kill_server(world, AWAY_SECONDS[case.hard])
        case Fault.DAEMON_RESTART:
            return await _restart_daemon(world, hard=case.hard)
        case Fault.DISK_FULL:
            await _fill_disk(world, LASTS_SECONDS[case.hard])
        case Fault.STORE_GONE:
            await _take_store(world, LASTS_SECONDS[case.hard])
        case _:
            await _strike_one(world, case.fault, victim)
    return Control()


async def temporal(world: World, *args: str) -> tuple[int, str]:
    """The real ``temporal`` command line; exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        str(BIN / "temporal"), *args, "--address", world.address,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, said.decode(errors="replace")


async def run_command(world: World, *args: str) -> tuple[int, str]:
    """``mm-orchestrator ARGS``; exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        str(BIN / "mm-orchestrator"), *args, env=world.worker.env,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 240)
    return process.returncode or 0, said.decode(errors="replace")


async def _strike_one(world: World, fault: Fault, victim: Victim) -> None:
    client = await Client.connect(world.address)
    run = client.get_workflow_handle(victim.workflow_id)
    reset = ("workflow", "reset", "--workflow-id", victim.workflow_id, "--reason", "chaos", "--type")
    match fault:
        case Fault.CANCEL:
            await _sent(run.cancel())
        case Fault.TERMINATE:
            await _sent(run.terminate("chaos"))
        case Fault.RESET_FIRST:
            await temporal(world, *reset, "FirstWorkflowTask")
        case Fault.RESET_LAST:
            await temporal(world, *reset, "LastWorkflowTask")
        case Fault.TERMINATE_GUARD:
            guard = client.get_workflow_handle(f"mm.guard:{victim.run_id}")
            await asyncio.gather(_sent(run.terminate("chaos")), _sent(guard.terminate("chaos")))
        case Fault.TERMINATE_LANE:
            lane = client.get_workflow_handle(f"mm.lane:{world.host}:{victim.project}")
            await _sent(lane.terminate("chaos"))
        case _:
            raise AssertionError(f"{fault} strikes all, not one")


async def _sent(request: Awaitable[None]) -> None:
    """What has ended already, or does not exist yet, cannot be struck any more."""
    with suppress(RPCError):
        await request


async def _kill_worker(world: World, away: float) -> None:
    await asyncio.to_thread(world.worker.kill)
    await asyncio.sleep(away)
    await asyncio.to_thread(world.start_worker)


async def _kill_server(world: World, away: float) -> None:
    await asyncio.to_thread(world.server.kill)
    await asyncio.sleep(away)
    await asyncio.to_thread(world.start_server)


async def _restart_daemon(world: World, *, hard: bool) -> Control:
    assert world.daemon is not None, "only a daemon of the test's own is restarted"
    before = await asyncio.to_thread(world.control.measure)
    await asyncio.to_thread(world.daemon.end, hard=hard)
    await asyncio.to_thread(world.daemon.start)
    deadline = asyncio.get_running_loop().time() + _CONTROL_SECONDS
    while True:  # what starts by itself has started when ``store`` has
        after = await asyncio.to_thread(world.control.measure)
        if all(c.up for c in after.of("store")) or asyncio.get_running_loop().time() > deadline:
            return Control.learnt(before, after)
        await asyncio.sleep(0.2)


async def _fill_disk(world: World, lasts: float) -> None:
    assert world.disk is not None, "only a disk of the test's own is filled"
    await asyncio.to_thread(world.disk.fill)
    try:
        await asyncio.sleep(lasts)
    finally:
        world.disk.free()


async def _take_store(world: World, lasts: float) -> None:
    world.store.take_away()
    try:
        await asyncio.sleep(lasts)
    finally:
        world.store.bring_back()
