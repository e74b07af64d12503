"""A worker's C library keeps few arenas and gives back what is free, where it knows how to."""

import asyncio
import ctypes
import subprocess
import sys

import pytest

from worker import memory

_ALLOCATES = """\
import ctypes, sys, threading
from worker.memory import limit_arenas, trim
if sys.argv[1] == "limited":
    assert limit_arenas() and trim()
libc, gate = ctypes.CDLL(None), threading.Barrier(12)
libc.malloc.restype = ctypes.c_void_p


def take():
    gate.wait()
    for _ in range(1000):
        libc.malloc(500)
    gate.wait()


threads = [threading.Thread(target=take) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


def arenas(how: str) -> int:
    """Of a process with a dozen threads that all allocate."""
    ran = subprocess.run(
        [sys.executable, "-c", _ALLOCATES, how], capture_output=True, text=True, timeout=60, check=True
    )
    return ran.stdout.count("<heap nr=")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library has no arenas to limit")
def test_threads_share_two_arenas() -> None:
    """By itself the library takes up to eight per core."""
    assert arenas("limited") <= 2 < arenas("as it is")


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is called there, and the loop beside the workers only waits."""
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _name: object())

    assert not memory.limit_arenas()
    assert not memory.trim()
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(memory.keep_trimmed(), 0.2))
