"""Many runs that wait for an approval on one worker, beside as many plain workflows that wait."""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.acceptance.stacks import web_app
from tests.bench.figures import Compared, Figure, Samples
from tests.bench.plain_wait import PlainWait, write_file
from tests.bench.workshop import APPROVER, Workshop, workshop
from workflows.models.record import RunRecord
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus

_WRITE_GOAL_SECONDS = 1.0
_AT_ONCE = 8
"""Runs that are started side by side, so that a start's latency is not that of a queue."""
_LISTED = 20
_PATIENCE_SECONDS = 1800.0
_PATCH = """\
--- a/api/requirements.txt
+++ b/api/requirements.txt
@@ -1 +1,2 @@
 # packages
+humanize
"""
_BEFORE_IT_WRITES = (
    "Ours checks approver, policy, plan, files, images and the compose configuration again, takes the "
    "project's lane, starts the guard and opens the journal before it writes."
)
_MIB = 1024.0 * 1024.0


@dataclass
class _Level:
    """What was measured with so many runs waiting."""

    waiting: int
    started: list[float] = field(default_factory=list)
    written: list[float] = field(default_factory=list)
    listed: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    plain_written: list[float] = field(default_factory=list)
    worker_mib: float = 0.0


async def waiting(trials: int, levels: tuple[int, ...]) -> tuple[Figure, ...]:
    """Latencies and memory at each level.

    Args:
        trials: approvals, lists and shows that are timed at each level.
        levels: how many runs wait, growing.
    """
    async with workshop(files={"api/app.py": web_app()}, protected=True) as shop:
        shop.sandbox.compose("up", "-d", "--build", "api")
        shop.await_healthy()
        async with _plain(shop.operator.address) as plain:
            measured = [await _level(shop, plain, waiting, trials) for waiting in levels]
    return tuple(figure for level in measured for figure in _figures(level, last=level is measured[-1]))


async def _level(shop: Workshop, plain: _Plain, waiting: int, trials: int) -> _Level:
    level = _Level(waiting)
    open_runs = await _fill(shop, waiting, level)
    await plain.fill(waiting)
    level.worker_mib = _resident_mib(shop)
    for _ in range(trials):
        await _timed(level.listed, shop.client.list(_LISTED))
        await _timed(level.shown, shop.client.get(open_runs[0]))
    for _ in range(trials):
        level.plain_written.append(await plain.write())
        if not open_runs:
            open_runs = await _fill(shop, waiting, level)
        level.written.append(await _approve_and_see(shop, open_runs.pop()))
    return level


async def _fill(shop: Workshop, waiting: int, level: _Level) -> list[str]:
    """Start runs until so many wait; returns the run ids of those that do."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one() -> str:
        async with gate:
            began = time.monotonic()
            request = RunRequest(
                service="api",
                instruction="apply this",
                patch=_PATCH,
                project=shop.sandbox.name,
                requested_by="olga",
            )
            handle = await shop.client.start(request)
            await _until(shop, handle.run_id, RunStatus.AWAITING_APPROVAL)
            level.started.append(time.monotonic() - began)
            return handle.run_id

    now = await _open(shop)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        more = await asyncio.gather(*(one() for _ in range(waiting - len(now))))
    return [*now, *more]


async def _open(shop: Workshop) -> list[str]:
    records = await shop.client.list(10_000)
    return [record.run_id for record in records if record.status is RunStatus.AWAITING_APPROVAL]


async def _until(shop: Workshop, run: str, *statuses: RunStatus) -> RunRecord:
    async for record in shop.client.watch(run):
        assert record.status in statuses or not record.status.terminal, record.failure
        if record.status in statuses:
            return record
    raise AssertionError(f"run {run} was never {statuses}")


async def _approve_and_see(shop: Workshop, run: str) -> float:
    """Seconds from the approval to the first changed byte; the run is cancelled then, and undone."""
    record = await shop.client.get(run)
    assert record.plan is not None
    file = shop.sandbox.directory / "api/requirements.txt"
    seen = asyncio.create_task(asyncio.to_thread(_changed, file, file.read_bytes()))
    began = time.monotonic()
    approval = asyncio.create_task(
        shop.client.approve(run, plan_digest=record.plan.digest, approver=APPROVER)
    )
    at = await seen
    assert (await approval).verdict == "approved"
    await shop.client.cancel(run)
    await _until(shop, run, RunStatus.CANCELLED)
    return at - began


def _changed(file: Path, before: bytes) -> float:
    """When the file was another one, on the monotonic clock."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if file.read_bytes() != before:
            return time.monotonic()
        time.sleep(0.002)
    raise AssertionError("nothing was ever written")


@dataclass
class _Plain:
    """Workflows that wait for a signal and then write a file: what Temporal takes for it at the least."""

    client: Client
    queue: str
    directory: Path
    handles: list[WorkflowHandle[PlainWait, None]] = field(default_factory=list)
    made: int = 0

    async def fill(self, waiting: int) -> None:
        """Start workflows until so many wait."""
        for _ in range(waiting - len(self.handles)):
            self.made += 1
            file = self.directory / f"plain-{self.made}"
            handle = await self.client.start_workflow(
                PlainWait.run, str(file), id=f"plain-{self.made}", task_queue=self.queue
            )
            assert await handle.query(PlainWait.waits)
            self.handles.append(handle)

    async def write(self) -> float:
        """Seconds from the signal to the file."""
        if not self.handles:
            await self.fill(1)
        handle = self.handles.pop()
        file = self.directory / handle.id
        file.write_bytes(b"")
        seen = asyncio.create_task(asyncio.to_thread(_changed, file, b""))
        began = time.monotonic()
        await handle.signal(PlainWait.go)
        return await seen - began


@asynccontextmanager
async def _plain(address: str) -> AsyncIterator[_Plain]:
    client = await Client.connect(address)
    with tempfile.TemporaryDirectory(prefix="mm-bench-plain-") as made:
        queue = "mm.bench.plain"
        worker = Worker(
            client, task_queue=queue, workflows=[PlainWait], activities=[write_file],
            workflow_runner=UnsandboxedWorkflowRunner(), max_concurrent_activities=4,
        )  # fmt: skip
        async with worker:
            plain = _Plain(client, queue, Path(made))
            yield plain
            for handle in plain.handles:
                await handle.terminate("the benchmark is over")


async def _timed(samples: list[float], question: Awaitable[object]) -> None:
    began = time.monotonic()
    await question
    samples.append(time.monotonic() - began)


def _resident_mib(shop: Workshop) -> float:
    about = json.loads((shop.operator.state / "dev.json").read_text())
    pages = int(Path(f"/proc/{about['pid']}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / _MIB


def _figures(level: _Level, *, last: bool) -> tuple[Figure, ...]:
    among = f"{level.waiting} runs waiting"

    def seconds(what: str, values: list[float]) -> Samples:
        return Samples(what=what, values=tuple(values))

    return (
        Figure(
            name=f"approval to first write, {among}", unit="s", compared=Compared.ALONE, share=0.99,
            goal=_WRITE_GOAL_SECONDS if last else None, ours=seconds("mm-orchestrator", level.written),
            baselines=(seconds("plain workflow: signal to file", level.plain_written),),
            note=f"Median {statistics.median(level.written):.2f} s. {_BEFORE_IT_WRITES}" if last else "",
        ),
        Figure(
            name=f"start to waiting for approval, {among}", unit="s", compared=Compared.ALONE,
            ours=seconds(f"{_AT_ONCE} at a time", level.started or [0.0]), baselines=(),
        ),
        Figure(
            name=f"memory of the worker, {among}", unit="MiB", compared=Compared.ALONE,
            ours=seconds("worker, as a whole", [level.worker_mib]), baselines=(),
        ),
        Figure(
            name=f"list of {_LISTED}, {among}", unit="s", compared=Compared.ALONE,
            ours=seconds("client.list", level.listed), baselines=(),
        ),
        Figure(
            name=f"one record, {among}", unit="s", compared=Compared.ALONE,
            ours=seconds("client.get", level.shown), baselines=(),
        ),
    )  # fmt: skip
