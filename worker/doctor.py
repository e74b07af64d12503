"""``mm-orchestrator doctor``: is everything there that a run needs? One line per check; changes nothing."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.depot import problem_of
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.object_store import ObjectStore
from activities.adapters.outbox import waiting_files
from activities.adapters.policy_file import load_policy
from activities.adapters.spool import Spool
from activities.adapters.state_dir import StateDir
from activities.adapters.workspace import MINIMUM_FREE_BYTES
from activities.checks.surroundings import require_compose
from starter.address import live_stack, resolve_address, resolve_namespace
from starter.connection import open_client, temporal_errors
from worker import operating
from worker.checkup import Check, Grade
from worker.evidence import store_address
from worker.settings import WorkerSettings
from worker.temporal_server import temporal_executable
from workflows.errors import OrchestratorError

__all__ = ["Check", "Grade", "examine"]

_MIB: Final = 1024**2
_GIB: Final = 1024**3


async def examine(settings: WorkerSettings) -> tuple[Check, ...]:
    """All checks, in the order in which one would repair what is wrong."""
    engine = DockerEngine.from_environment(os.environ)
    compose = ComposeRunner(os.environ)
    questions: tuple[tuple[str, Callable[[], Awaitable[tuple[Grade, str]]]], ...] = (
        ("Docker daemon", lambda: _daemon(engine)),
        ("Docker Compose", lambda: _compose(compose)),
        ("Permissions", lambda: operating.permissions(engine)),
        ("State directory", lambda: asyncio.to_thread(_state, settings)),
        ("Free space", lambda: asyncio.to_thread(_space, settings)),
        ("Room for runs", lambda: asyncio.to_thread(operating.room, settings)),
        ("Open journals", lambda: asyncio.to_thread(operating.journals, settings)),
        ("Leftovers", lambda: operating.leftovers(settings)),
        ("Policy", lambda: asyncio.to_thread(_policy, settings.policy_path)),
        ("Keys", lambda: asyncio.to_thread(operating.keys, settings)),
        ("Artifact store", lambda: asyncio.to_thread(_store, settings)),
        ("Spool", lambda: asyncio.to_thread(_spool, settings)),
        ("Notifications", lambda: asyncio.to_thread(_notifications, settings)),
        ("Embedded server", lambda: asyncio.to_thread(_embedded)),
        ("Temporal", lambda: _temporal(settings)),
        ("Clock", lambda: operating.clock(settings)),
        ("Worker", lambda: operating.worker(settings)),
    )
    return tuple(await asyncio.gather(*(_ask(name, question) for name, question in questions)))


async def _ask(name: str, question: Callable[[], Awaitable[tuple[Grade, str]]]) -> Check:
    try:
        grade, detail = await question()
    except OrchestratorError as error:
        return Check(name, Grade.FAILED, error.message, error.remedy)
    return Check(name, grade, detail)


async def _daemon(engine: DockerEngine) -> tuple[Grade, str]:
    info = await engine.check_cli()
    return Grade.OK, f"{info.server_version} on {info.name} ({info.endpoint})"


async def _compose(compose: ComposeRunner) -> tuple[Grade, str]:
    await require_compose(compose)
    return Grade.OK, str(await compose.version())


def _state(settings: WorkerSettings) -> tuple[Grade, str]:
    path = settings.state_dir
    if not path.exists():
        return Grade.NOTE, f"{path} is not there yet; the first run makes it"
    StateDir(path)
    return Grade.OK, str(path)


def _space(settings: WorkerSettings) -> tuple[Grade, str]:
    """Where the state is, or will be."""
    place = next(path for path in (settings.state_dir, *settings.state_dir.parents) if path.exists())
    volume = os.statvfs(place)
    free = volume.f_bavail * volume.f_frsize
    if free < MINIMUM_FREE_BYTES:
        detail = f"{free / _GIB:.2f} GiB left, {MINIMUM_FREE_BYTES / _GIB:.2f} needed"
        raise OrchestratorError("disk_full", path=place, detail=detail)
    return Grade.OK, f"{free / _GIB:.1f} GiB on {place}"


def _policy(path: Path | None) -> tuple[Grade, str]:
    if path is None:
        return Grade.OK, "none: Dockerfiles and dependency manifests of the service may change, nothing else"
    policy = load_policy(path)
    return Grade.OK, f"{path}: {', '.join(sorted(policy.projects)) or 'no project'}"


def _store(settings: WorkerSettings) -> tuple[Grade, str]:
    """A bucket must take, give and lose a small object; what it cannot do besides is a note."""
    address = store_address(settings)
    if address is None:
        return Grade.OK, f"{settings.state_dir / 'artifacts'} (no object store is configured)"
    store = ObjectStore(address, settings.retention_days)
    try:
        said = store.check()
    except OSError as error:
        raise problem_of(error, address.place) from error
    return (Grade.NOTE if store.bucket.notes else Grade.OK), said


def _spool(settings: WorkerSettings) -> tuple[Grade, str]:
    """What waits is delivered by a running worker."""
    files, size = Spool(settings.state_dir / "spool").size()
    if not files:
        return Grade.OK, "nothing waits for the artifact store"
    waits = f"{files} artifacts ({size / _MIB:.1f} MiB) wait for the artifact store"
    return Grade.NOTE, f"{waits}; a running worker delivers them"


def _notifications(settings: WorkerSettings) -> tuple[Grade, str]:
    """Never names the address: it may hold a token."""
    if settings.notify_url is None:
        return Grade.OK, "no webhook is configured"
    waiting = len(waiting_files(settings.state_dir / "outbox"))
    signed = "signed" if settings.notify_secret.get_secret_value() else "not signed"
    grade = Grade.NOTE if waiting else Grade.OK
    return grade, f"a webhook is configured, {signed}; {waiting} wait for delivery"


def _embedded() -> tuple[Grade, str]:
    return Grade.OK, str(temporal_executable())


async def _temporal(settings: WorkerSettings) -> tuple[Grade, str]:
    """A configured server must answer; without one, ``dev`` and ``--local`` bring their own."""
    address = resolve_address(settings)
    try:
        with temporal_errors(address):
            client = await open_client(address, resolve_namespace(settings, address))
            await client.count_workflows("WorkflowType = 'MoonMind.OrchestratorRun'")
    except OrchestratorError:
        if settings.temporal_address is None and live_stack(settings.state_dir) is None:
            return Grade.NOTE, f"none at {address}; fine for --local, else: mm-orchestrator dev"
        raise
    return Grade.OK, f"{address}, namespace {client.namespace}"
