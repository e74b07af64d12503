"""temporal-compose.yaml under a name and on ports of its own, started and removed as an operator would."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "temporal-compose.yaml"
OWNER = 12345
"""Uid and gid of the workspace's owner: nobody in particular, not root, not the image's own."""
UP_SECONDS = 600


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def give_away(directory: Path, owner: int = OWNER) -> None:
    """Make everything below belong to somebody who is not root."""
    for path in (directory, *directory.rglob("*")):
        os.chown(path, owner, owner, follow_symlinks=False)


@dataclass(frozen=True)
class Stack:
    """One stack: which project it serves, and where it listens."""

    workspace: Path
    state: Path
    overrides: tuple[Path, ...] = ()
    """Further compose files."""
    profiles: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    """Further settings."""
    name: str = field(default_factory=lambda: f"mmstack-{uuid4().hex[:6]}")
    temporal_port: int = field(default_factory=free_port)
    ui_port: int = field(default_factory=free_port)
    minio_port: int = field(default_factory=free_port)
    console_port: int = field(default_factory=free_port)

    @property
    def temporal(self) -> str:
        """``host:port`` for clients on this machine."""
        return f"127.0.0.1:{self.temporal_port}"

    @property
    def settings(self) -> dict[str, str]:
        """What ``env.sh`` says, and what keeps this stack apart from others."""
        asked = subprocess.run(
            [str(ROOT / "deploy" / "stack" / "env.sh"), str(self.workspace)],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        told = dict(line.split("=", 1) for line in asked.stdout.splitlines())
        return told | {
            "MM_STACK": self.name,
            "MM_STATE": str(self.state),
            "MM_TEMPORAL_PORT": str(self.temporal_port),
            "MM_UI_PORT": str(self.ui_port),
            "MM_MINIO_PORT": str(self.minio_port),
            "MM_MINIO_CONSOLE_PORT": str(self.console_port),
            **self.extra,
        }

    def compose(self, *args: str, timeout: float = 120, given: str = "") -> str:
        """``docker compose -f temporal-compose.yaml [-f ...] ARGS``; the output of both streams."""
        files = [word for file in (COMPOSE_FILE, *self.overrides) for word in ("-f", str(file))]
        profiles = [word for profile in self.profiles for word in ("--profile", profile)]
        done = subprocess.run(
            ["docker", "compose", *files, *profiles, *args],
            env=_plain(os.environ) | self.settings,
            input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{args}: {done.stdout[-4000:]}"
        return done.stdout

    def up(self, without: Collection[str] = ()) -> None:
        """Bring it up, images built where they are ours, and wait until all of it is healthy.

        Args:
            without: services whose image this host cannot have.
        """
        every = self.compose("config", "--services").split() if without else ()
        try:
            chosen = [service for service in every if service not in without]
            self.compose("up", "-d", "--wait", *chosen, timeout=UP_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from None

    def logs(self, *services: str) -> str:
        """The last lines of what it said."""
        return self.compose("logs", "--no-color", "--tail", "60", *services)

    def down(self) -> None:
        """Remove it with its volumes; the state directory is the test's."""
        self.compose("down", "-v", "--remove-orphans")
        shutil.rmtree(self.state, ignore_errors=True)

    def secret(self, volume: str, name: str) -> str:
        """A password that the stack made for itself."""
        done = subprocess.run(
            ["docker", "run", "--rm", "-v", f"{self.name}_{volume}:/secret:ro", "--network", "none",
             "python:3.13-slim", "cat", f"/secret/{name}"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return done.stdout.strip()


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    steered = ("COMPOSE_", "MM_", "TEMPORAL_", "MINIO_")
    return {key: value for key, value in environment.items() if not key.startswith(steered)}
