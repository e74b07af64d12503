"""Shows a growing log in the store while a step writes it, beside the step and never in its way (FR-005)."""

import os
import threading
import weakref
from contextlib import suppress
from pathlib import Path

from activities.adapters.depot import Mirror

REFRESH_SECONDS = 5.0
"""A reader of the store is this far behind, plus the time of one upload; 15 s at most are promised."""


class LiveLog:
    """A thread that pushes what is new, every few seconds; it ends with ``stop`` or with the writer."""

    def __init__(self, fd: int, mirror: Mirror, seconds: float) -> None:
        self._fd = fd
        self._mirror = mirror
        self._seconds = seconds
        self._stopped = threading.Event()

    @classmethod
    def follow(
        cls, writer: object, path: Path, inode: int, mirror: Mirror, seconds: float
    ) -> "LiveLog | None":
        """Follow the file, with a descriptor of its own: the writer's may be another file's by then."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        if os.fstat(fd).st_ino != inode:
            os.close(fd)
            return None
        live = cls(fd, mirror, seconds)
        weakref.finalize(writer, live.stop)  # a writer that nobody closes must not be followed for ever
        threading.Thread(target=live._run, name="live-log", daemon=True).start()
        return live

    def stop(self) -> None:
        """Push nothing more; one that is under way ends by itself."""
        self._stopped.set()

    def _run(self) -> None:
        shown = 0
        try:
            while not self._stopped.wait(self._seconds):
                size = os.fstat(self._fd).st_size
                if size > shown:
                    with suppress(OSError):  # the store is away: the next time, or with the whole file
                        self._mirror.push(self._fd, size)
                        shown = size
        finally:
            os.close(self._fd)
