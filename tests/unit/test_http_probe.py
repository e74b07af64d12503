"""HTTP probes against a real server, from the worker and from a network namespace (SPEC FR-007)."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from activities.adapters.http_probe import HttpProber
from workflows.errors import OrchestratorError
from workflows.models.verification import HttpProbe, Vantage


class Handler(BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        """``/503``, ``/move``, ``/slow``, ``/drip``; anything else is fine."""
        if self.path == "/slow":
            time.sleep(1.5)
        status = {"/503": 503, "/move": 302}.get(self.path, 200)
        self.send_response(status)
        self.send_header("Location", "/")
        self.end_headers()
        pieces = 30 if self.path == "/drip" else 1
        with suppress(BrokenPipeError, ConnectionResetError):  # the prober has heard enough
            for _ in range(pieces):
                self.wfile.write(b"hello")
                self.wfile.flush()
                time.sleep(0.1 if pieces > 1 else 0)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server on the loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "wanted", "ok", "detail"),
    [
        ("/", {}, True, "200"),
        ("/503", {}, False, "503, wanted 200"),
        ("/503", {"status": 503}, True, "503"),
        ("/move", {}, False, "302, wanted 200"),
        ("/", {"body_contains": "ell"}, True, "200, body as wanted"),
        ("/", {"body_contains": "bye"}, False, "200, but the body does not contain the wanted text"),
        ("/slow", {"timeout_seconds": 0.3}, False, "no answer within 0.3 s"),
        ("/drip", {"timeout_seconds": 0.5, "body_contains": "bye"}, False, "200, but the body"),
    ],
)
async def test_what_a_probe_says(port: int, path: str, wanted: dict[str, object], ok: bool, detail: str):
    """Status, body and time count; redirects are not followed; a slow drip does not hold it up."""
    probe = HttpProbe.model_validate({"url": f"http://127.0.0.1:{port}{path}", **wanted})
    result = await HttpProber().probe(probe)
    assert (result.ok, result.vantage) == (ok, Vantage.WORKER)
    assert result.detail.startswith(detail)
    assert result.elapsed_seconds < 1.2


async def test_nobody_listens():
    """A refused connection is a result, not an error; credentials of the address are masked."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://user:secret@127.0.0.1:{bound.getsockname()[1]}/"
        result = await HttpProber().probe(HttpProbe.model_construct(url=url))  # the model itself refuses it
    assert not result.ok
    assert "no connection" in result.detail
    assert "secret" not in result.model_dump_json()


async def test_a_container_that_does_not_run_is_a_result():
    """There is no namespace to enter; the state check says the rest."""
    probe = HttpProbe(url="http://127.0.0.1:1/", vantage=Vantage.TARGET)
    result = await HttpProber().probe(probe, pid=0)
    assert (result.ok, result.detail) == (False, "the container is not running")


@pytest.mark.parametrize(
    ("pid", "container_id", "says"),
    [(os.getpid(), "f" * 64, "not visible to the worker"), (2**22 + 1, "", "cannot be reached")],
    ids=["another process", "no process"],
)
async def test_a_namespace_that_is_not_the_containers_is_refused(pid: int, container_id: str, says: str):
    """In a worker container the same process id may be somebody else."""
    probe = HttpProbe(url="http://127.0.0.1:1/", vantage=Vantage.TARGET)
    with pytest.raises(OrchestratorError) as raised:
        await HttpProber().probe(probe, pid, container_id)
    assert raised.value.code == "probe_unavailable"
    assert says in raised.value.message
