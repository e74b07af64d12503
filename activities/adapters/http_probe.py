"""One HTTP request, from the worker's network or from inside the target's (SPEC FR-007).

``127.0.0.1`` in a worker container is not the host, and a service may publish no port; so a probe can be
sent from the target's own network namespace (COMPOSE fact 12). A thread enters it, asks once, and ends:
the namespace belongs to that thread alone.
"""

import asyncio
import ctypes
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from activities.adapters.redaction import Redactor
from workflows.errors import OrchestratorError
from workflows.models.verification import HttpProbe, ProbeResult, Vantage

_CLONE_NEWNET = 0x40000000
_MAX_BODY_BYTES = 1024 * 1024
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class HttpProber:
    """Sends probes. Each one opens its own connection: an old one may lead to the old container."""

    proc: Path = Path("/proc")

    async def probe(self, probe: HttpProbe, pid: int | None = None, container_id: str = "") -> ProbeResult:
        """Send one probe; an unanswered one is a result, not an error.

        Args:
            probe: what to ask, and from where.
            pid: process id of the target container, for the vantage ``target``.
            container_id: guards against a process id that belongs to somebody else here.

        Raises:
            OrchestratorError: ``probe_unavailable`` where the namespace cannot be entered.
        """
        began, at = time.monotonic(), datetime.now(UTC)
        if probe.vantage is Vantage.TARGET:
            if not pid:
                ok, detail = False, "the container is not running"
            else:
                ok, detail = await self._from_inside(probe, pid, container_id)
        else:
            ok, detail = await asyncio.to_thread(_ask, probe)
        return ProbeResult(
            at=at,
            check=Redactor().text(f"http {probe.url}"),
            vantage=probe.vantage,
            ok=ok,
            detail=detail,
            elapsed_seconds=round(time.monotonic() - began, 4),
        )

    async def _from_inside(self, probe: HttpProbe, pid: int, container_id: str) -> tuple[bool, str]:
        def inside() -> tuple[bool, str]:
            self._enter(pid, container_id)
            return _ask(probe)

        return await _in_throwaway_thread(inside)

    def _enter(self, pid: int, container_id: str) -> None:
        """Move the calling thread into the network namespace of a process."""
        try:
            if container_id and not self._belongs(pid, container_id):
                raise _unavailable(
                    f"process {pid} of the container is not visible to the worker (pid: host?)"
                )
            fd = os.open(self.proc / str(pid) / "ns" / "net", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _unavailable(f"the target's network cannot be reached ({error.strerror})") from error
        try:
            if _LIBC.setns(fd, _CLONE_NEWNET) != 0:
                reason = os.strerror(ctypes.get_errno())
                raise _unavailable(f"entering the target's network needs root ({reason})")
        finally:
            os.close(fd)

    def _belongs(self, pid: int, container_id: str) -> bool:
        """Docker mounts files from the container's own directory into every container."""
        facts = (self.proc / str(pid) / name for name in ("mountinfo", "cgroup"))
        return any(container_id in path.read_text(encoding="utf-8", errors="replace") for path in facts)


def _unavailable(detail: str) -> OrchestratorError:
    return OrchestratorError("probe_unavailable", detail=detail)


async def _in_throwaway_thread(work: Callable[[], tuple[bool, str]]) -> tuple[bool, str]:
    """Never a thread of a pool: it would stay in the other namespace."""
    done: Future[tuple[bool, str]] = Future()

    def body() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed over to the waiting coroutine
            done.set_exception(error)

    threading.Thread(target=body, daemon=True, name="probe").start()
    return await asyncio.wrap_future(done)


def _ask(probe: HttpProbe) -> tuple[bool, str]:
    """Ask once, following no redirect, under one deadline for connection, headers and body together."""
    deadline = time.monotonic() + probe.timeout_seconds
    # certificates are checked for https only; the context for http is never used and costs 20 ms
    verify = probe.url.startswith("https:")
    try:
        with (
            httpx.Client(timeout=probe.timeout_seconds, trust_env=False, verify=verify) as client,
            client.stream("GET", probe.url, headers={"Connection": "close"}) as response,
        ):
            if response.status_code != probe.status:
                return False, f"{response.status_code}, wanted {probe.status}"
            if probe.body_contains is None:
                return True, str(response.status_code)
            return _search(response, probe.body_contains, deadline)
    except httpx.HTTPError as error:
        return False, _in_words(error, probe.timeout_seconds)


def _search(response: httpx.Response, wanted: str, deadline: float) -> tuple[bool, str]:
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if wanted.encode() in body:
            return True, f"{response.status_code}, body as wanted"
        if len(body) > _MAX_BODY_BYTES or time.monotonic() > deadline:
            break
    return False, f"{response.status_code}, but the body does not contain the wanted text"


def _in_words(error: httpx.HTTPError, timeout_seconds: float) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {timeout_seconds:g} s"
    if isinstance(error, httpx.ConnectError):
        return f"no connection ({error})"
    return f"{type(error).__name__}: {error}"[:200]
