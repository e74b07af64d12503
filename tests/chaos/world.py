"""Everything a campaign runs on: daemon, disk, Temporal server, worker, projects; all removed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import docker

from starter.client import OrchestratorClient
from tests.chaos import daemon, servers
from tests.chaos.daemon import OwnDaemon
from tests.chaos.disk import SIZE, SmallDisk, Store
from tests.chaos.site import Site
from tests.chaos.stack import BASE, Kind, policy
from tests.chaos.watch import StepLog
from tests.conftest import current_endpoint

KINDS = (Kind.HEALTHY, Kind.REPLICAS, Kind.BROKEN, Kind.HEALTHY, Kind.STOPPED, Kind.HEALTHY)
PROTECTED = (True, False, True, False, False, False)


@dataclass
class World:
    """What the faults strike at."""

    root: Path
    state: Path
    endpoint: str
    engine: docker.DockerClient
    port: int
    server: servers.Killable
    worker: servers.Killable
    sites: tuple[Site, ...]
    control: Site
    """A project that nobody repairs: what a fault does to it, the fault does alone."""
    log: StepLog
    daemon: OwnDaemon | None
    disk: SmallDisk | None

    @property
    def address(self) -> str:
        """Of the Temporal server."""
        return f"127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        """The Docker host's name, as the worker has it."""
        return servers.HOST

    @property
    def temporary(self) -> Path:
        """Where the worker and its commands put temporary files."""
        return self.root / "tmp"

    @property
    def buildx(self) -> Path:
        """Where the worker's builds keep what Buildx remembers."""
        return self.root / "buildx"

    @property
    def store(self) -> Store:
        """The artifact store."""
        return Store(self.state)

    @property
    def worker_settings(self) -> dict[str, str]:
        """Environment of the worker and of every command."""
        return {
            "DOCKER_HOST": self.endpoint,
            "TEMPORAL_ADDRESS": self.address,
            "MM_ORCHESTRATOR_STATE_DIR": str(self.state),
            "MM_ORCHESTRATOR_POLICY": str(self.root / "policy.yaml"),
            "MM_ORCHESTRATOR_HOST": servers.HOST,
            "MM_ORCHESTRATOR_USER": "olga",
            "MM_ORCHESTRATOR_LOG_FORMAT": "json",
            "TMPDIR": str(self.temporary),
            "BUILDX_CONFIG": str(self.buildx),
            "NO_COLOR": "1",
        }

    async def client(self) -> OrchestratorClient:
        """The programmatic starter."""
        return await OrchestratorClient.connect(self.address, state_dir=self.state)

    def start_worker(self) -> None:
        """Start it and wait until it serves."""
        size = self.worker.log.stat().st_size if self.worker.log.exists() else 0
        self.worker.start()
        servers.await_worker(self.worker, size)

    def start_server(self) -> None:
        """Start it and wait until it answers."""
        self.server.start()
        servers.await_server(self.server, self.port)


def not_run() -> dict[str, str]:
    """Fault -> why this host cannot have it; empty where it can have all."""
    reason = daemon.cannot_run()
    return {} if reason is None else {"daemon_restart": reason, "disk_full": reason}


@contextmanager
def world(size: int, disk: str = SIZE) -> Iterator[World]:
    """A running world with this many projects to repair; nothing of it is left afterwards.

    Args:
        size: how many projects.
        disk: how large the state directory's own disk is, as ``mount`` has it.
    """
    with ExitStack() as stack:
        root = Path(tempfile.mkdtemp(prefix="mmc-"))
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        made = _build(root, size, disk, stack)
        projects = {site.name: site.directory for site in made.sites}
        protected = frozenset(site.name for site in made.sites if site.protected)
        (root / "policy.yaml").write_text(policy(projects, protected))
        stack.callback(made.server.stop)
        made.start_server()
        stack.callback(made.worker.stop)
        made.start_worker()
        yield made


def _build(root: Path, size: int, disk_size: str, stack: ExitStack) -> World:
    own, disk = None, None
    if not not_run():
        own = OwnDaemon(root / "docker", f"mmc{os.getpid() % 1_000_000}")
        stack.callback(own.remove)
        own.start()
        own.load(BASE)
        disk = SmallDisk(root / "disk", disk_size)
        stack.callback(disk.unmount)
        disk.mount()
    endpoint = own.endpoint if own else current_endpoint()
    engine = docker.DockerClient(base_url=endpoint, timeout=60)
    stack.callback(engine.close)
    state = disk.state if disk else root / "state"
    (root / "policy.yaml").write_text("version: 1\n")
    (root / "tmp").mkdir()
    port = servers.free_port()
    server = servers.temporal_server(root, port)
    word = uuid4().hex[:6]
    sites = [
        Site(
            f"mmc{word}-{n}",
            root / f"p{n}",
            KINDS[n % len(KINDS)],
            endpoint,
            engine,
            PROTECTED[n % len(KINDS)],
        )
        for n in range(size)
    ]
    control = Site(f"mmc{word}-control", root / "control", Kind.HEALTHY, endpoint, engine)
    for site in (*sites, control):
        stack.callback(site.remove)
        site.bring_up()
    made = World(
        root, state, endpoint, engine, port, server, servers.worker(root, {}), tuple(sites), control,
        StepLog(root / "worker.log"), own, disk,
    )  # fmt: skip
    made.worker.env |= made.worker_settings
    return made
