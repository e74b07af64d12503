"""StatsD (SPEC FR-012): sent and forgotten by a thread of its own, never a reason to wait or to fail.

Whoever tells a number only puts it into a bounded queue. Looking up the host's name can take as long as it
likes, or fail: then the newest numbers are dropped, and nobody notices but the graph.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from statsd import StatsClient

from activities.adapters.series import Series

DEFAULT_PREFIX: Final = "moonmind.orchestrator"
QUEUED: Final = 1000
"""So many numbers wait for a name to be looked up; what comes then is dropped."""
_LOOK_UP_AGAIN_SECONDS: Final = 60.0
"""A name may lead elsewhere by then; one that cannot be found is asked for after as long."""
_MILLISECONDS: Final = 1000.0

Packet = Callable[[StatsClient], None]


@dataclass
class StatsD:
    """Sends to one host and port; without a listener the packets are lost, as is UDP's way."""

    host: str
    port: int = 8125
    prefix: str = DEFAULT_PREFIX
    _waiting: "queue.Queue[Packet | threading.Event]" = field(
        default_factory=lambda: queue.Queue(QUEUED), init=False, repr=False
    )
    _starting: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)

    def count(self, series: Series, *labels: str) -> None:
        """One more."""
        name = series.statsd(*labels)
        self._put(lambda client: client.incr(name))

    def time(self, series: Series, seconds: float, *labels: str) -> None:
        """Told in milliseconds."""
        name, milliseconds = series.statsd(*labels), seconds * _MILLISECONDS
        self._put(lambda client: client.timing(name, milliseconds))

    def gauge(self, series: Series, value: float, *labels: str) -> None:
        """So many now."""
        name = series.statsd(*labels)
        self._put(lambda client: client.gauge(name, value))

    def flush(self, seconds: float) -> None:
        """Wait until everything told so far is sent, for at most so long."""
        if self._thread is None:
            return
        sent = threading.Event()
        self._put(sent)
        sent.wait(seconds)

    def _put(self, packet: "Packet | threading.Event") -> None:
        try:
            self._waiting.put_nowait(packet)
        except queue.Full:
            return
        with self._starting:
            if self._thread is None:
                # a daemon: a look-up that hangs must not hold up the end of the process
                self._thread = threading.Thread(target=self._send_for_ever, name="statsd", daemon=True)
                self._thread.start()

    def _send_for_ever(self) -> None:
        client, asked = None, float("-inf")
        while True:
            packet = self._waiting.get()
            if isinstance(packet, threading.Event):
                packet.set()
                continue
            if time.monotonic() - asked > _LOOK_UP_AGAIN_SECONDS:
                client, asked = self._client() or client, time.monotonic()
            if client is not None:
                packet(client)  # the library swallows what a socket says

    def _client(self) -> StatsClient | None:
        for ipv6 in (False, True):
            try:
                return StatsClient(self.host, self.port, prefix=self.prefix, ipv6=ipv6)
            except OSError:  # no such name, or none of this family
                continue
        return None
