"""Memory given back to the machine: a worker runs for months, and most of what a run takes is freed again.

With its defaults glibc keeps what was freed, in one arena per thread up to eight per core, and grows the
size from which on it maps a block of its own; Python knows nothing of it. So: few arenas, fixed thresholds,
and now and then a trim. On another C library nothing of this is there, and nothing is done.
"""

import asyncio
import ctypes
from contextlib import suppress
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2
_THRESHOLD_BYTES: Final = 128 * 1024
"""What glibc begins with; set, it stays there."""
_TRIM_SECONDS: Final = 60.0


def limit_arenas() -> bool:
    """To be called before there are many threads; whether this C library knows of it."""
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        settings = {
            _M_ARENA_MAX: _ARENAS,
            _M_TRIM_THRESHOLD: _THRESHOLD_BYTES,
            _M_MMAP_THRESHOLD: _THRESHOLD_BYTES,
        }
        taken = [mallopt(option, value) == 1 for option, value in settings.items()]
        return all(taken)
    return False


def trim() -> bool:
    """Give free memory back; whether this C library knows of it. Blocking, some milliseconds."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
        return True
    return False


async def keep_trimmed() -> None:
    """For as long as the workers run."""
    never = asyncio.Event()
    known = True
    while True:  # loops beside the workers never end by themselves
        known = known and await asyncio.to_thread(trim)
        with suppress(TimeoutError):
            await asyncio.wait_for(never.wait(), _TRIM_SECONDS)
