"""A real stack for the tests of build, restart and verify: dependency, dependent, migration, two replicas."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from tests.integration.repair_host import RepairHost

SERVER = """
import http.server, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
import extra
print("up with", extra.VALUE, "password", os.environ.get("DB_PASSWORD"), flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(extra.STATUS)
        self.end_headers()
        self.wfile.write(b"hello " + extra.VALUE.encode())
    def log_message(self, *args): pass
http.server.HTTPServer(("", 8000), Handler).serve_forever()
"""

DOCKERFILE = """
FROM python:3.13-slim
WORKDIR /app
COPY requirements.txt ./
RUN echo "installing $(wc -l < requirements.txt) lines, password s3cr3t-canary-77"
RUN cp requirements.txt extra.py
COPY server.py ./
CMD ["python", "-u", "server.py"]
"""

COMPOSE = """
services:
  api:
    build: .
    depends_on:
      db: {condition: service_started}
      migrate: {condition: service_completed_successfully}
    environment: {DB_PASSWORD: s3cr3t-canary-77}
  db:
    image: python:3.13-slim
    init: true
    command: [sleep, infinity]
  migrate:
    image: python:3.13-slim
    command: ["true"]
  front:
    image: python:3.13-slim
    init: true
    command: [sleep, infinity]
    depends_on: [api]
"""

GOOD = "VALUE = 'fixed'\nSTATUS = 200\n"

SICK = "VALUE = 'sick'\nSTATUS = 503\n"

BROKEN = "raise ModuleNotFoundError(\"No module named 'flask'\", name='flask')\n"

HostFactory = Callable[..., RepairHost]


async def until(condition: Callable[[], object], pause_seconds: float = 0.05) -> None:
    """Wait until a condition holds.

    Raises:
        AssertionError: it did not in time.
    """
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(pause_seconds)


def content(path: Path | None) -> bytes:
    """A file that may not be there yet."""
    return path.read_bytes() if path else b""
