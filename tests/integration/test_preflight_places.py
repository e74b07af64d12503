"""PREFLIGHT on the real engine: the directories it would write to, and a project that nobody named."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from activities.adapters import workspace as workspace_adapter
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.state_dir import StateDir
from activities.checks.implicit_project import implicit_names
from activities.preflight import Preflight
from tests.conftest import ComposeFactory
from tests.integration.preflight_host import (
    COMPOSE,
    REPAIR,
    MakeHost,
    PreflightHost,
    host_maker,
)
from tests.sandbox import unique_project_name
from workflows.errors import OrchestratorError


@pytest.fixture
def make_host(compose_project: ComposeFactory, tmp_path: Path) -> MakeHost:
    """A project on disk and a worker that looks at it."""
    return host_maker(compose_project, tmp_path / "state")


@contextmanager
def _read_only(directory: Path) -> Iterator[None]:
    if os.geteuid() != 0:
        directory.chmod(0o555)
        yield
        directory.chmod(0o755)
        return
    subprocess.run(["mount", "--bind", directory, directory], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=True)
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


class TestDirectories:
    """Where the fix would be written."""

    async def test_read_only_sources(self, make_host: MakeHost) -> None:
        """A read-only mount (for a non-root worker: missing permission) is found before the plan."""
        host = make_host()
        with _read_only(host.sandbox.directory / "api"):
            assert (await host.refuse(REPAIR)).code == "workspace_read_only"
            assert (await host.refuse("add flask to api")).code == "workspace_read_only"

    async def test_sources_of_somebody_else(
        self, make_host: MakeHost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A worker that is neither root nor the owner could not keep the owner (COMPOSE fact 10)."""
        host = make_host()
        step = host.step
        monkeypatch.setattr(os, "geteuid", lambda: 54321)
        with pytest.raises(Exception, match="workspace_owner_mismatch"):
            await step.preflight(host._input(REPAIR, {}))

    async def test_too_little_space(self, make_host: MakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
        """Said before a half-written file says it."""
        monkeypatch.setattr(workspace_adapter, "MINIMUM_FREE_BYTES", 1 << 60)
        assert (await make_host().refuse(REPAIR)).code == "disk_full"

    async def test_state_directory_inside_the_project(self, make_host: MakeHost) -> None:
        """Journals would become part of the image."""
        host = make_host()
        inside = StateDir(host.sandbox.directory / "state")
        assert (await PreflightHost(host.sandbox, inside).refuse(REPAIR)).code == "state_dir_invalid"


class TestImplicitName:
    """The name of the project in a directory, found once at worker start."""

    async def _names(self, directory: Path, **variables: str) -> tuple[str, ...]:
        environment = {**os.environ, **variables}
        engine = DockerEngine.from_environment(environment)
        return await implicit_names(directory, engine, ComposeRunner(environment))

    async def test_name_compose_would_choose(self, tmp_path: Path) -> None:
        """The directory's, normalized, or the file's own ``name:``."""
        directory = tmp_path / "Mmt Shop.v2"
        directory.mkdir()
        (directory / "compose.yaml").write_text(COMPOSE)
        assert await self._names(directory) == ("mmtshopv2",)
        (directory / "compose.yaml").write_text(f"name: mmt-own\n{COMPOSE}")
        assert await self._names(directory) == ("mmt-own",)

    async def test_running_projects_are_found_by_their_labels(
        self, make_host: MakeHost, compose_project: ComposeFactory
    ) -> None:
        """Started with ``-p other``, once or twice, also through a link."""
        host = make_host()
        host.sandbox.compose("up", "-d", "worker")
        assert await self._names(host.sandbox.directory) == (host.sandbox.name,)
        link = host.state.root / "link"
        link.symlink_to(host.sandbox.directory)
        assert await self._names(link) == (host.sandbox.name,)
        twin = compose_project({}, unique_project_name())
        twin.compose("--project-directory", str(host.sandbox.directory), "up", "-d", "worker")
        assert await self._names(host.sandbox.directory) == tuple(sorted((host.sandbox.name, twin.name)))

    async def test_nothing_works(self, tmp_path: Path) -> None:
        """Daemon away and files broken: a name all the same, so that the run can say what is wrong."""
        directory = tmp_path / "mmt-broken"
        directory.mkdir()
        (directory / "compose.yaml").write_text("services: [")
        names = await self._names(directory, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
        assert names == ("mmt-broken",)


class TestInAContainer:
    """A worker in a container of the project itself, whose mounts are those of a real container."""

    @staticmethod
    def _in(host: PreflightHost, tmp_path: Path, service: str) -> Preflight:
        """Preflight as it would run in that service's container."""
        (container,) = host.sandbox.containers(service)
        mounts = tmp_path / "mountinfo"
        mounts.write_text(f"1 1 0:1 /containers/{container.id}/hostname /etc/hostname rw - ext4 /dev/a rw\n")
        return replace(host.step, own_mounts=mounts)

    async def test_it_does_not_repair_itself(self, make_host: MakeHost, tmp_path: Path) -> None:
        """Nor does it act on directories that its own container does not share with the host."""
        host = make_host()
        host.sandbox.up()
        step = self._in(host, tmp_path, "worker")
        with pytest.raises(OrchestratorError, match="own_service"):
            await step.preflight(host.asked("restart worker"))
        with pytest.raises(OrchestratorError, match="workspace_elsewhere"):
            await step.preflight(host.asked(REPAIR))
