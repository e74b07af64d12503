"""A tiny Compose project: builds without a network, starts in a moment, and every change of it shows.

``api`` is the target: one file of the patch changes a private file, one a file that somebody else owns, one
is new. ``store`` restarts by itself and has a volume; ``side`` does not restart.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

BASE = "python:3.13-slim"
FOREIGN_OWNER = 1234


class Kind(StrEnum):
    """What the target is like before the run."""

    HEALTHY = "healthy"
    REPLICAS = "replicas"
    BROKEN = "broken"
    STOPPED = "stopped"


class Story(StrEnum):
    """What the patch makes of it."""

    REPAIR = "repair"
    BREAK = "break"


_IDLE = "trap 'exit 0' TERM; while :; do sleep 1 & wait; done"
_APP = """\
cd /app
for conf in *.conf; do . ./"$conf"; done
[ "$FAIL" = yes ] && exit 3
trap 'sleep 0.4; exit 0' TERM
touch /tmp/ready
while :; do sleep 1 & wait; done
"""
_DOCKERFILE = f"""\
FROM {BASE}
COPY . /app
RUN cat /app/*.conf && sleep 1
CMD ["sh", "/app/app.sh"]
"""


def _compose(kind: Kind) -> str:
    replicas = 2 if kind is Kind.REPLICAS else 1
    return f"""\
services:
  api:
    build: {{context: ./api, network: none}}
    stop_grace_period: 3s
    restart: {'"no"' if kind is Kind.STOPPED else "unless-stopped"}
    deploy: {{replicas: {replicas}}}
    healthcheck:
      test: ["CMD", "test", "-f", "/tmp/ready"]
      interval: 3s
      timeout: 10s
      retries: 3
      start_period: 20s
      start_interval: 300ms
  store:
    image: {BASE}
    command: ["sh", "-c", "{_IDLE.replace("$", "$$")}"]
    restart: unless-stopped
    stop_grace_period: 2s
    volumes: ["ledger:/ledger"]
  side:
    image: {BASE}
    command: ["sh", "-c", "{_IDLE.replace("$", "$$")}"]
    restart: "no"
    stop_grace_period: 2s
volumes:
  ledger:
"""


@dataclass(frozen=True)
class Plan:
    """A patch, and every file of the project as it is to be afterwards."""

    diff: str
    contents: dict[str, bytes]
    """Path relative to the project -> its whole content, of the files that the patch touches."""


def write_stack(directory: Path, kind: Kind) -> None:
    """The files of a project; the broken kind is broken from the start."""
    (directory / "api").mkdir(parents=True)
    files = {
        "compose.yaml": _compose(kind),
        "notes.txt": "by hand\n",
        "api/Dockerfile": _DOCKERFILE,
        "api/app.sh": _APP,
        "api/one.conf": conf(0, fail=kind is Kind.BROKEN),
        "api/two.conf": "TWO=0\n",
    }
    for name, text in files.items():
        (directory / name).write_text(text)
    (directory / "api/one.conf").chmod(0o640)
    if os.geteuid() == 0:
        os.chown(directory / "api/two.conf", FOREIGN_OWNER, FOREIGN_OWNER)


def conf(turn: int, *, fail: bool) -> str:
    """Content of the file that decides whether the service can start."""
    return f"ONE={turn}\nFAIL={'yes' if fail else 'no'}\n"


def make_plan(directory: Path, story: Story, turn: int) -> Plan:
    """A patch against the files as they are now."""
    wanted = {
        "api/one.conf": conf(turn, fail=story is Story.BREAK),
        "api/two.conf": f"TWO={turn}\n",
        f"api/zz-{turn}.conf": f"NEW={turn}\n",
    }
    diff = "".join(line for name, text in wanted.items() for line in _hunks(directory, name, text))
    return Plan(diff, {name: text.encode() for name, text in wanted.items()})


def _hunks(directory: Path, name: str, text: str) -> Iterator[str]:
    path = directory / name
    before = path.read_text() if path.exists() else ""
    old = f"a/{name}" if path.exists() else "/dev/null"
    yield from difflib.unified_diff(
        before.splitlines(keepends=True), text.splitlines(keepends=True), old, f"b/{name}"
    )


def policy(projects: dict[str, Path], protected: frozenset[str]) -> str:
    """One policy for all of them, with short waits."""
    lines = ["version: 1", "projects:"]
    for name, workspace in projects.items():
        lines += [
            f"  {name}:", f"    workspace: {workspace}", "    services:", "      api:",
            "        allow: [api/*.conf]",
            f"        protected: {str(name in protected).lower()}",
            "        approver_roles: [sre]",
            "        verification: {max_wait_seconds: 40, stability_window_seconds: 1.5}",
        ]  # fmt: skip
    lines += ["approvals: {trust: unsigned, time_limit_seconds: 300}", "roles:", "  sre: [ada]"]
    return "\n".join(lines) + "\n"
