"""Compose projects as operators have them, small enough to be built in seconds."""

import textwrap
from collections.abc import Sequence

DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --root-user-action=ignore -r requirements.txt
COPY . .
CMD ["python", "-u", "app.py"]
"""

_APP = """\
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

{imports}

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status = 200 if self.path == "/health" else 404
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"ok" if status == 200 else b"no such page")

    def log_message(self, *_):
        pass


print("serving", flush=True)
HTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""

_IDLE = """\
import signal
import sys
import time

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    time.sleep(1)
"""

IDLE_LINE = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); signal.pause()"
HEALTHCHECK = (
    "import socket; s = socket.create_connection(('127.0.0.1', 8000), 5); "
    "s.sendall(b'GET /health HTTP/1.0' + bytes([10, 10])); assert b' 200 ' in s.recv(64)"
)
"""Without ``urllib``, whose import alone is what makes a health check slow on a busy machine."""


def web_app(*imports: str) -> str:
    """An HTTP app with ``/health`` that imports these modules first."""
    return _APP.format(imports="\n".join(f"import {name}" for name in imports))


def web_service(directory: str, *imports: str, requirements: str = "# packages\n") -> dict[str, str]:
    """Files of one service: an app, its manifest, its Dockerfile."""
    return {
        f"{directory}/app.py": web_app(*imports),
        f"{directory}/requirements.txt": requirements,
        f"{directory}/Dockerfile": DOCKERFILE,
    }


def idle_service(directory: str) -> dict[str, str]:
    """Files of a service that only runs."""
    return {
        f"{directory}/app.py": _IDLE,
        f"{directory}/requirements.txt": "",
        f"{directory}/Dockerfile": DOCKERFILE,
    }


def web_block(name: str, *lines: str, health: bool = True) -> str:
    """A compose service with a fast health check; further lines are added as they are."""
    block = [f"{name}:", f"  build: ./{name}", "  stop_grace_period: 2s", *(f"  {line}" for line in lines)]
    if health:
        block += [
            "  healthcheck:",
            f'    test: ["CMD", "python", "-S", "-c", "{HEALTHCHECK}"]',
            "    interval: 1s",
            "    timeout: 10s",
            "    retries: 3",
            "    start_period: 5s",
        ]
    return "\n".join(block)


def image_block(name: str, code: str, *lines: str) -> str:
    """A compose service without a build section that runs one line of Python."""
    head = [f"{name}:", "  image: python:3.13-slim", f'  command: ["python", "-u", "-c", "{code}"]']
    return "\n".join([*head, "  stop_grace_period: 2s", *(f"  {line}" for line in lines)])


def compose_file(*blocks: str) -> str:
    """A compose file of these services."""
    return "services:\n" + "\n".join(textwrap.indent(block, "  ") for block in blocks) + "\n"


def broken_shop(*missing: str, requirements: str = "# packages\n") -> dict[str, str]:
    """``api`` imports what its manifest does not name; ``store`` stands beside it."""
    return {
        "compose.yaml": compose_file(
            web_block("api", "restart: unless-stopped"), web_block("store", health=False)
        ),
        **web_service("api", *(missing or ("humanize",)), requirements=requirements),
        **idle_service("store"),
    }


def policy(
    name: str,
    workspace: str,
    *,
    service: str = "api",
    max_wait_seconds: float = 90,
    stability_window_seconds: float = 2,
    extra_service: Sequence[str] = (),
    extra: str = "",
) -> str:
    """A policy file for one project, with short waits; further lines are added as they are."""
    lines = [
        "version: 1",
        "projects:",
        f"  {name}:",
        f"    workspace: {workspace}",
        "    services:",
        f"      {service}:",
        "        verification:",
        f"          max_wait_seconds: {max_wait_seconds}",
        f"          stability_window_seconds: {stability_window_seconds}",
        *(f"        {line}" for line in extra_service),
    ]
    return "\n".join(lines) + "\n" + extra


BREAK_HEALTH = """\
--- a/api/Dockerfile
+++ b/api/Dockerfile
@@ -3,4 +3,5 @@
 COPY requirements.txt .
 RUN pip install --no-cache-dir --root-user-action=ignore -r requirements.txt
 COPY . .
+RUN sed -i 's/8000/9000/' app.py
 CMD ["python", "-u", "app.py"]
"""
"""A patch that builds and starts, and never becomes healthy."""


def whole_stack(*missing: str) -> dict[str, str]:
    """``api`` needs ``store`` and a one-shot ``migrate``, ``worker`` needs ``api``; neighbours keep quiet.

    The migration writes one line per run to the volume ``ledger``, which ``store`` can read.
    """
    store = image_block("store", IDLE_LINE, "volumes: [ledger:/ledger]")
    write = "print('migrated', file=open('/ledger/runs', 'a'))"
    migrate = image_block("migrate", write, "volumes: [ledger:/ledger]")
    api = web_block(
        "api",
        "restart: unless-stopped",
        "deploy: {replicas: 2}",
        "depends_on:",
        "  store: {condition: service_started}",
        "  migrate: {condition: service_completed_successfully}",
    )
    worker = web_block("worker", "depends_on: [api]", health=False)
    return {
        "compose.yaml": compose_file(store, migrate, api, worker) + "volumes:\n  ledger:\n",
        **web_service("api", *missing),
        **idle_service("worker"),
    }


NEVER_HEALTHY = ("  http:", "    - url: http://127.0.0.1:8000/no-such-page", "      vantage: target")
"""Lines for ``policy(extra_service=...)``: a probe that no version of the app can answer."""

CRASH = """\
--- a/api/Dockerfile
+++ b/api/Dockerfile
@@ -4,3 +4,3 @@
 RUN pip install --no-cache-dir --root-user-action=ignore -r requirements.txt
 COPY . .
-CMD ["python", "-u", "app.py"]
+CMD ["python", "-c", "raise SystemExit('no')"]
"""
"""A patch that builds, and ends as soon as it starts."""
