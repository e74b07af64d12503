"""A local server that speaks the chat completions protocol, well or badly: the test says how."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = Callable[["Handler", dict[str, Any]], None]


@dataclass
class FakeLlm:
    """What was asked of the server, and how it answers."""

    answer: Answer
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def prompt(self) -> str:
        """Everything the last question said."""
        return "\n".join(message["content"] for message in self.asked[-1]["messages"])


class Handler(BaseHTTPRequestHandler):
    """One request; the answers below use its methods."""

    fake: FakeLlm

    def do_POST(self) -> None:
        """Keep what was asked, then answer as the test says."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.fake.asked.append(body)
        self.fake.headers.append({name.lower(): value for name, value in self.headers.items()})
        self.fake.paths.append(self.path)
        with suppress(BrokenPipeError, ConnectionResetError):  # the client has heard enough
            self.fake.answer(self, body)

    def give(self, status: int, body: bytes, **headers: str) -> None:
        """A whole response."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def says(content: str | None, *, finish: str = "stop", **more: object) -> Answer:
    """A well-formed completion with this text."""
    message = {"role": "assistant", "content": content, **more}
    document = {
        "model": "tiny-1",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 812, "completion_tokens": 96, "total_tokens": 908},
    }
    return lambda handler, _: handler.give(200, json.dumps(document).encode())


def proposes(**proposal: object) -> Answer:
    """A completion whose text is a proposal; what is left out has a harmless value."""
    whole = {
        "decision": "fix", "kind": "add_python_package", "names": ["PyYAML"], "version": None, "target": None,
        "reason": "the log says that yaml is missing", "quotes": [{"source": "S1", "line": 2}], **proposal,
    }  # fmt: skip
    return says(json.dumps(whole))


def status(code: int, **headers: str) -> Answer:
    """An error or a redirect."""
    return lambda handler, _: handler.give(
        code, b'{"error": {"message": "api key sk-123 is wrong"}}', **headers
    )


def refuses_schemas(then: Answer) -> Answer:
    """An older server: 400 for ``response_format``."""

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        (status(400) if "response_format" in body else then)(handler, body)

    return answer


def trickles(handler: Handler, _: dict[str, Any]) -> None:
    """A byte now and then, for ever; every single read is in time."""
    handler.send_response(200)
    handler.end_headers()
    for _number in range(200):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def never_ends(handler: Handler, _: dict[str, Any]) -> None:
    """More than anybody wants."""
    handler.send_response(200)
    handler.end_headers()
    for _number in range(400):
        handler.wfile.write(b'{"choices": [' + b" " * 65536)


@contextmanager
def serving(answer: Answer, tls: Path | None = None) -> Iterator[FakeLlm]:
    """The server on a free port of this machine; ``tls`` is a file with its key and certificate."""
    fake = FakeLlm(answer)
    handler = type("_Handler", (Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] - clients hang up on purpose
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    scheme = "http" if tls is None else "https"
    fake.url = f"{scheme}://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
