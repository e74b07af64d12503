"""One writer per Compose project (I7): an advisory lock that dies with its process.

The file is opened for appending and never unlinked, so that two processes always mean the same inode.
Where MoonMind's deployment updater runs on this host, its own lock is taken as well.
"""

import asyncio
import fcntl
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from workflows.errors import OrchestratorError

POLL_SECONDS = 0.05
_DEPLOYMENT_CONTRACT = "moonmind.deployment-kernel-lock.v1"


@asynccontextmanager
async def project_lock(
    lock_dir: Path, project: str, timeout_seconds: float, deployment_lock_dir: Path | None = None
) -> AsyncIterator[None]:
    """Hold the project's lock; waiting never blocks the event loop.

    Raises:
        OrchestratorError: ``lock_timeout`` after ``timeout_seconds`` (retryable).
    """
    deadline = time.monotonic() + timeout_seconds
    async with _held(lock_dir / f"{project}.lock", project, deadline):
        if deployment_lock_dir is None:
            yield
            return
        path = deployment_lock_dir / f"{project}.lock"
        async with _held(path, project, deadline) as fd:
            _declare(fd, project)
            yield


@asynccontextmanager
async def _held(path: Path, project: str, deadline: float) -> AsyncIterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        while not _try_lock(fd):
            if time.monotonic() >= deadline:
                raise OrchestratorError("lock_timeout", project=project)
            await asyncio.sleep(POLL_SECONDS)
        yield fd
    finally:
        os.close(fd)  # releases the lock


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _declare(fd: int, stack: str) -> None:
    if os.fstat(fd).st_size == 0:
        os.write(fd, json.dumps({"contract": _DEPLOYMENT_CONTRACT, "stack": stack}).encode())


@contextmanager
def short_lock(path: Path) -> Iterator[None]:
    """Serialize a read-modify-write of milliseconds between processes; blocks, so only for that."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def in_use(path: Path) -> bool:
    """Whether somebody holds a lock on a file: it is written or carried right now."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # gone, or a link
        return False
    try:
        return not _try_lock(fd)
    finally:
        os.close(fd)
