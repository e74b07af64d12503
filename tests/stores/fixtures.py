"""Session-wide S3 servers, one of a kind per pytest process, and what could not be run, by name."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stores.servers import StoreServer, running, weed_binary

NOT_RUN = "MinIO: not run"
_SCRIPT = Path(__file__).parents[2] / "deploy" / "host" / "minio.sh"
_BUILD_SECONDS = 1800
_NOT_POSSIBLE = 3


def minio_binary() -> Path:
    """The pinned MinIO; waits for a build that is under way, and skips by name where there can be none."""
    done = subprocess.run(
        [str(_SCRIPT)], capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False, env=os.environ
    )
    if done.returncode == _NOT_POSSIBLE:
        reason = done.stderr.strip().rpartition(f"{NOT_RUN}: ")[2] or "it cannot be built on this host"
        pytest.skip(f"{NOT_RUN}: {reason}")
    assert done.returncode == 0, f"deploy/host/minio.sh failed:\n{done.stderr[-2000:]}"
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def minio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """A MinIO server that many tests share: use a bucket of your own; never stop it."""
    with running("minio", minio_binary(), tmp_path_factory.mktemp("minio")) as server:
        yield server


@pytest.fixture(scope="session")
def seaweed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """A SeaweedFS server that many tests share: use a bucket of your own; never stop it."""
    with running("seaweedfs", weed_binary(), tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(params=["minio", "seaweedfs"])
def store_server(request: pytest.FixtureRequest) -> StoreServer:
    """Each kind of server in turn."""
    name = "minio_server" if request.param == "minio" else "seaweed_server"
    server: StoreServer = request.getfixturevalue(name)
    return server


def await_the_build(items: list[pytest.Item]) -> None:
    """Tests of MinIO come last and may wait for its build, which runs beside lint and the other tests."""
    waiting = [item for item in items if {"minio_server", "store_server"} & set(_fixtures_of(item))]
    for item in () if _cached() else waiting:
        item.add_marker(pytest.mark.timeout(_BUILD_SECONDS + 300))
    items.sort(key=waiting.__contains__)


def _cached() -> bool:
    """Whether some MinIO was built before; which one counts is the script's business."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return any(cache.glob("mm-orchestrator/minio-*/minio"))


def _fixtures_of(item: pytest.Item) -> list[str]:
    return list(getattr(item, "fixturenames", []))


def not_run(reports: list[Any]) -> list[str]:
    """Of skipped tests, those that a missing MinIO kept from running, each with its reason."""
    told = []
    for report in reports:
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if NOT_RUN in reason:
            told.append(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")
    return told
