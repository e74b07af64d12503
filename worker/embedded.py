"""Temporal server, Web UI and worker in this process tree: what ``dev`` and ``run --local`` live in.

Nothing has to run before and nothing runs after, however this process ends.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from temporalio.client import Client

from activities.adapters.durable import write_durably
from activities.adapters.state_dir import StateDir
from starter.address import STACK_NAME, EmbeddedStack
from worker.memory import limit_arenas
from worker.search_attributes import register_search_attributes
from worker.settings import WorkerSettings
from worker.state_lock import embedded_lock
from worker.temporal_server import TemporalServer, keep_history, temporal_server
from worker.workers import Wiring, running_workers

DEV: Final = "dev"
RUN_LOCAL: Final = "run --local"

Wire = Callable[[WorkerSettings, StateDir, Path | None], Coroutine[Any, Any, Wiring]]


@dataclass(frozen=True)
class RunningStack:
    """An embedded stack that serves runs."""

    client: Client
    about: EmbeddedStack
    host: str
    warnings: tuple[str, ...] = ()


@asynccontextmanager
async def embedded_stack(
    settings: WorkerSettings, wire: Wire, project_dir: Path | None = None, command: str = RUN_LOCAL
) -> AsyncIterator[RunningStack]:
    """Start everything, hand it over, stop everything.

    Args:
        settings: the worker's settings.
        wire: what the worker is made of; ``composition.compose`` outside tests.
        project_dir: a Compose project that no policy names, for the zero-configuration case.
        command: ``dev`` or ``run --local``, for whoever finds the state directory busy.

    Raises:
        OrchestratorError: ``state_dir_busy``, ``state_dir_invalid``, ``embedded_failed``, ``policy_invalid``.
    """
    limit_arenas()
    state = StateDir(settings.state_dir)
    if project_dir is not None:
        state.check_outside(project_dir)
    async with AsyncExitStack() as stack:
        stack.enter_context(embedded_lock(state.root, command))
        wiring_up = asyncio.create_task(wire(settings, state, project_dir))  # beside the server's start
        stack.callback(wiring_up.cancel)
        server = await stack.enter_async_context(
            temporal_server(state.temporal, state.children, settings.temporal_namespace)
        )
        await stack.enter_async_context(_ends_with(server))
        client = server.client
        warnings, _ = await asyncio.gather(register_search_attributes(client), keep_history(client))
        wiring = await wiring_up
        await stack.enter_async_context(running_workers(client, settings, wiring))
        about = EmbeddedStack(
            address=server.address,
            ui=server.ui,
            namespace=settings.temporal_namespace,
            task_queue=settings.task_queue,
            pid=os.getpid(),
            command=command,
        )
        stack.enter_context(_announced(state.root / STACK_NAME, about))
        yield RunningStack(client, about, wiring.host, warnings)


@contextmanager
def _announced(path: Path, about: EmbeddedStack) -> Iterator[None]:
    write_durably(path, about.model_dump_json(indent=2).encode() + b"\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@asynccontextmanager
async def _ends_with(server: TemporalServer) -> AsyncIterator[None]:
    """Interrupt the body when the server dies under it.

    Raises:
        OrchestratorError: ``embedded_failed``.
    """
    body = asyncio.current_task()
    assert body is not None, "a coroutine always runs in a task"  # noqa: S101 - tells mypy
    died = False

    def interrupt(_: object) -> None:
        nonlocal died
        died = True
        body.cancel()

    server.ended.add_done_callback(interrupt)
    try:
        yield
    except BaseException:
        if not died:
            raise
        # Whatever the worker or the body made of it, this is the cause.
        body.uncancel()
        raise server.died() from None
    finally:
        server.ended.remove_done_callback(interrupt)
