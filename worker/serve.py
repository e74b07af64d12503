"""``mm-orchestrator dev`` and ``mm-orchestrator worker``: serve runs until a signal says stop."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from temporalio.client import Client

from activities.adapters.policy_file import load_policy
from activities.adapters.state_dir import StateDir
from starter.address import resolve_address, resolve_namespace
from starter.connection import temporal_errors
from starter.profile import credentials_for
from starter.telemetry import tracing_interceptors
from worker.embedded import DEV, RunningStack, Wire, embedded_stack
from worker.leaving import masking_converter
from worker.memory import limit_arenas
from worker.observing import mask_of
from worker.own_secrets import known_secrets
from worker.search_attributes import register_search_attributes
from worker.settings import LogFormat, WorkerSettings, load_settings
from worker.state_lock import worker_lock
from worker.telemetry import configure_logs, core_runtime
from worker.telemetry.otel import start_tracing
from worker.workers import Wiring, running_workers

Say = Callable[[str], None]

_log = logging.getLogger("mm_orchestrator.worker")
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_INTERRUPTED: Final = 130
_COMPOSE_FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


async def serve_embedded(settings: WorkerSettings, project_dir: Path | None, say: Say) -> None:
    """The command ``dev``: everything embedded, until Ctrl-C or SIGTERM.

    Raises:
        OrchestratorError: as ``embedded_stack``; ``policy_invalid``, ``policy_unreadable``.
    """
    _log_to_stderr(settings)
    _require_policy(settings)
    project_dir = implied_project(settings, project_dir)
    with _stopping() as stop:
        async with embedded_stack(settings, _compose_embedded, project_dir, DEV) as stack:
            for line in _introduction(stack, settings, project_dir):
                say(line)
            await stop.wait()
            say("Stopping. Runs under way go on at the next start.")
    say("Stopped.")


async def serve(settings: WorkerSettings) -> None:
    """The command ``worker``: a worker of a Temporal server that runs elsewhere, until a signal.

    Raises:
        OrchestratorError: ``temporal_unavailable``, ``docker_unavailable`` where the host has no other
            name, ``state_dir_invalid``, ``state_dir_busy`` beside an embedded server, ``policy_invalid``.
    """
    from worker.composition import compose  # noqa: PLC0415 - ``dev`` reads it later

    limit_arenas()
    _log_to_stderr(settings)
    _require_policy(settings)
    state = StateDir(settings.state_dir)
    address = resolve_address(settings)
    with worker_lock(state.root, "worker"), _stopping() as stop:
        wiring = await compose(settings, state, settings.project_dir)
        with temporal_errors(address):
            client = await Client.connect(
                address,
                namespace=resolve_namespace(settings, address),
                **credentials_for(address),
                data_converter=masking_converter(known_secrets().mask),
                runtime=core_runtime(),
                interceptors=tracing_interceptors(),
            )
        for warning in await register_search_attributes(client):
            _log.warning(warning)
        async with running_workers(client, settings, wiring):
            queues = [settings.task_queue, settings.host_queue(wiring.host)]
            _log.info("worker started", extra={"temporal": address, "task_queues": queues})
            await stop.wait()
            _log.info("worker stops")


@asynccontextmanager
async def local_client(project_dir: Path | None) -> AsyncIterator[Client]:
    """What ``run --local`` lives in: a client of a stack that ends with this context.

    Raises:
        OrchestratorError: as ``embedded_stack``; ``settings_invalid``.
    """
    settings = load_settings()
    state = StateDir(settings.state_dir)
    # The terminal belongs to the run's progress; the worker's own lines go beside the server's log.
    with (state.temporal / "worker.log").open("a", encoding="utf-8") as log:
        configure_logs(settings.log_level, LogFormat.JSON, mask_of(settings), log)
        start_tracing(mask_of(settings))
        try:
            project_dir = implied_project(settings, project_dir)
            async with embedded_stack(settings, _compose_embedded, project_dir) as stack:
                yield stack.client
        finally:
            logging.shutdown()
            logging.getLogger().handlers.clear()


async def _compose_embedded(settings: WorkerSettings, state: StateDir, project_dir: Path | None) -> Wiring:
    """Reading the worker's modules takes longer than the server's start: they are read beside that."""
    wire = await asyncio.to_thread(_wire)
    return await wire(settings, state, project_dir)


def _wire() -> Wire:
    from worker.composition import compose_embedded  # noqa: PLC0415 - see above

    return compose_embedded


def implied_project(settings: WorkerSettings, given: Path | None) -> Path | None:
    """The given directory; without one and without a policy, the current one if Compose would take it."""
    if given is not None or settings.policy_path is not None:
        return given
    here = Path.cwd()
    return here if any((here / name).is_file() for name in _COMPOSE_FILES) else None


def _require_policy(settings: WorkerSettings) -> None:
    """Rules that cannot be read are told when the worker starts, not when the first run fails."""
    if settings.policy_path is not None:
        load_policy(settings.policy_path)


def _log_to_stderr(settings: WorkerSettings) -> None:
    mask = mask_of(settings)
    configure_logs(settings.log_level, settings.log_format, mask)
    start_tracing(mask)


@contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the second one does not wait for anything."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def requested() -> None:
        if stop.is_set():
            os._exit(_INTERRUPTED)  # every child of ours ends with us
        stop.set()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, requested)
    try:
        yield stop
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)


def _introduction(stack: RunningStack, settings: WorkerSettings, project_dir: Path | None) -> Iterator[str]:
    about = stack.about
    yield f"Temporal      {about.address}, namespace {about.namespace}"
    yield f"Web UI        {about.ui}"
    yield f"Task queue    {about.task_queue}, steps of host {stack.host} on {settings.host_queue(stack.host)}"
    yield f"State         {settings.state_dir}"
    yield f"Policy        {settings.policy_path or 'none (zero configuration)'}"
    if project_dir is not None:
        yield f"Project       {project_dir.resolve()}"
    yield from (f"Warning       {warning}" for warning in stack.warnings)
    setting = f"MM_ORCHESTRATOR_STATE_DIR={settings.state_dir} " if settings.configured_state_dir else ""
    yield ""
    yield "Start a run in another terminal:"
    yield f'  {setting}mm-orchestrator run SERVICE "repair the missing dependency"'
    yield "Ctrl-C stops."
