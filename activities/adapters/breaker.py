"""Asks a store that was away only now and then, so that a run waits for it once and not fifteen times."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PAUSE_SECONDS = 30.0


@dataclass
class Breaker:
    """Opens with a failure; after a pause one question may go through, and its success closes it."""

    pause_seconds: float = PAUSE_SECONDS
    clock: Callable[[], float] = time.monotonic
    _until: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admits(self) -> bool:
        """Whether to ask now; while it is open only the first one after each pause."""
        with self._lock:
            if self._until is None:
                return True
            if self.clock() < self._until:
                return False
            self._until = self.clock() + self.pause_seconds
            return True

    def failed(self) -> None:
        """Nobody asks for a while."""
        with self._lock:
            self._until = self.clock() + self.pause_seconds

    def succeeded(self) -> None:
        """The store is back."""
        with self._lock:
            self._until = None
