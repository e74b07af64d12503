"""A network in front of a store that can be made to fail: refuse, hang, cut in mid-body, crawl."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What the network does to every connection from now on."""

    NONE = "none"
    REFUSE = "refuse"
    """Connections are reset at once, open ones too."""
    HANG = "hang"
    """Connections are taken, and nothing ever passes."""
    CUT = "cut"
    """Each connection is cut after ``cut_after`` bytes from the client."""
    SLOW = "slow"
    """``bytes_per_second`` from the client."""


@dataclass
class Proxy:
    """Forwards loopback connections to a server, as the current fault lets it."""

    target: tuple[str, int]
    fault: Fault = Fault.NONE
    cut_after: int = 100_000
    bytes_per_second: int = 50_000
    connections: int = 0
    """How many were taken so far."""
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _open: list[socket.socket] = field(default_factory=list)
    _closed: bool = False

    @property
    def endpoint(self) -> str:
        """``host:port`` to use instead of the server's."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def set(self, fault: Fault) -> None:
        """From now on, for open connections too."""
        self.fault = fault
        if fault in {Fault.REFUSE, Fault.CUT}:
            for one in self._open[:]:
                _reset(one)

    def serve(self) -> None:
        """Take connections until ``close``."""
        while not self._closed:
            with suppress(OSError):
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def close(self) -> None:
        """End everything."""
        self._closed = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open[:]:
            _reset(one)

    def _pass(self, client: socket.socket) -> None:
        if self.fault is Fault.REFUSE:
            _reset(client)
            return
        try:
            server = socket.create_connection(self.target)
        except OSError:  # the server itself is down
            _reset(client)
            return
        self._open += [client, server]
        back = threading.Thread(target=self._back, args=(server, client), daemon=True)
        back.start()
        with suppress(OSError):
            self._forth(client, server)
        _reset(client)
        _reset(server)

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        passed = 0
        while data := client.recv(4096):
            while self.fault is Fault.HANG and not self._closed:
                time.sleep(0.05)
            if self.fault is Fault.SLOW:
                time.sleep(len(data) / self.bytes_per_second)
            passed += len(data)
            if self.fault is Fault.CUT and passed > self.cut_after:
                return
            server.sendall(data)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)


@contextmanager
def proxied(endpoint: str) -> Iterator[Proxy]:
    """A proxy in front of ``host:port``."""
    host, _, port = endpoint.rpartition(":")
    proxy = Proxy((host, int(port)))
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()


def _reset(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        one.close()
