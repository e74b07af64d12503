"""A receiver of webhooks on loopback that answers as the test says, well or badly."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """The body as JSON."""
        return json.loads(self.body)  # type: ignore[no-any-return]


@dataclass
class Hook:
    """What came, and what is answered."""

    status: int = 200
    hanging: bool = False
    got: list[Received] = field(default_factory=list)
    port: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Its address, with a secret in it as Slack's have."""
        return f"http://127.0.0.1:{self.port}/services/T0/B0/aVerySecretPath"

    @property
    def events(self) -> list[str]:
        """The events that came, in order."""
        return [request.fields["event"] for request in self.got]


@contextmanager
def hook_server() -> Iterator[Hook]:
    """Listen until the body ends."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.got.append(Received(self.path, dict(self.headers), body))
            if hook.hanging:
                hook.let_go.wait(600)
            with suppress(OSError):
                self.send_response(hook.status)
                self.send_header("Location", f"http://127.0.0.1:{hook.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        hook.let_go.set()
        server.shutdown()
        server.server_close()
