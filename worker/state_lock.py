"""Who serves a state directory: one embedded server alone, or production workers, never both (I7).

The lock dies with its process. ``dev`` and ``run --local`` hold it alone; workers of an outside server
share it, so that one can be replaced by the next without a gap.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from starter.address import LOCK_NAME
from workflows.errors import OrchestratorError

# A reader of the lock (starter.address) holds it for microseconds; that is no second holder.
_PATIENCE_SECONDS: Final = 0.5
_POLL_SECONDS: Final = 0.02


@contextmanager
def embedded_lock(state_dir: Path, command: str) -> Iterator[None]:
    """Hold ``embedded.lock`` in the state directory; the file says who does.

    Raises:
        OrchestratorError: ``state_dir_busy`` naming the holder's process and command.
    """
    with _held(state_dir, command, fcntl.LOCK_EX):
        yield


@contextmanager
def worker_lock(state_dir: Path, command: str) -> Iterator[None]:
    """Hold it together with other workers, while no embedded server does.

    Raises:
        OrchestratorError: ``state_dir_busy`` naming the embedded server's process and command.
    """
    with _held(state_dir, command, fcntl.LOCK_SH):
        yield


@contextmanager
def _held(state_dir: Path, command: str, how: int) -> Iterator[None]:
    path = state_dir / LOCK_NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _lock(descriptor, how):
            raise OrchestratorError("state_dir_busy", path=state_dir, holder=_holder(path))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}, mm-orchestrator {command}".encode(), 0)
        yield
    finally:
        os.close(descriptor)  # releases the lock; the file stays, so that two processes mean the same inode


def _lock(descriptor: int, how: int) -> bool:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True


def _holder(path: Path) -> str:
    text = path.read_text(errors="replace").strip()[:300]
    return text or "a process that is just starting"
