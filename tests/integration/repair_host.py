"""A worker's view of one real Compose project, for the tests of build, restart and verify."""

import hashlib
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.directory_depot import DirectoryDepot
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.http_probe import HttpProber
from activities.adapters.journal import Journal, JournalStore
from activities.adapters.masking import Masking
from activities.adapters.neighbour_proof import NeighbourProver
from activities.adapters.state_dir import StateDir
from activities.build import Build
from activities.restart import Restart
from activities.verify import Verify
from tests.sandbox import ComposeSandbox
from workflows.models.artifact import RunArtifact
from workflows.models.plan import ActionPlan, BuildStep, RestartStep
from workflows.models.snapshot import ContainerState
from workflows.models.target import BuildSpec, ComposeProject, Target
from workflows.models.verification import HttpProbe, Vantage, Verification
from workflows.ports import (
    BuildInput,
    BuildResult,
    RestartInput,
    RestartResult,
    RunRef,
    VerifyInput,
    VerifyResult,
)

QUICK = Verification(max_wait_seconds=90, stability_window_seconds=0.5)


@dataclass
class RepairHost:
    """The three steps on the real engine, for the service ``api`` of a sandbox."""

    sandbox: ComposeSandbox
    state: StateDir
    scale: int = 1
    round: int = 1
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def __post_init__(self) -> None:
        self.engine = DockerEngine.from_environment(self.environment)
        self.compose = ComposeRunner(self.environment)
        self.journals = JournalStore(self.state, lock_timeout_seconds=60)
        self.artifacts = ArtifactStore.in_state_dir(self.state)
        masking = Masking(self.engine, self.compose)
        self._build = Build(self.journals, self.engine, self.compose, self.artifacts, masking)
        self._restart = Restart(self.journals, self.engine, self.compose, self.artifacts, masking)
        self._verify = Verify(self.journals, self.engine, self.compose, HttpProber(), self.artifacts, masking)

    @property
    def run_id(self) -> str:
        """Unique on this daemon: it names tags and containers that hold images."""
        return f"run-{self.sandbox.name}"

    @property
    def target(self) -> Target:
        """The service ``api``."""
        directory = str(self.sandbox.directory)
        return Target(
            project=ComposeProject(
                name=self.sandbox.name,
                working_dir=directory,
                config_files=(f"{directory}/compose.yaml",),
            ),
            service="api",
            image=f"{self.sandbox.name}-api",
            build=BuildSpec(context=directory, dockerfile=f"{directory}/Dockerfile"),
            workspace=directory,
            allow=("**",),
            scale=self.scale,
        )

    @property
    def ref(self) -> RunRef:
        """The run, in its first journal."""
        return RunRef(run_id=self.run_id, workflow_id="wf", round=self.round, epoch=1)

    def plan(self, *files: str, build: bool = True, force_recreate: bool = False) -> ActionPlan:
        """A plan that has changed these files."""
        return ActionPlan(
            project=self.sandbox.name,
            service="api",
            summary="test",
            steps=(
                BuildStep(build=build, image=self.target.image),
                RestartStep(scale=self.scale, force_recreate=force_recreate),
            ),
            diff_sha256="0" * 64,
            after_hashes={file: self._hash(file) for file in files},
            policy_digest="",
        )

    def _hash(self, file: str) -> str:
        """A file as it is now: what the patch step has just written."""
        path = self.sandbox.directory / file
        return hashlib.sha256(path.read_bytes() if path.exists() else b"").hexdigest()

    async def open_journal(self) -> Journal:
        """Measure and write down the state before the first change, as the patch step does."""
        snapshot = await self.engine.snapshot(self.target)
        neighbours, dry = await NeighbourProver(self.engine, self.compose).measure(self.target)
        return self.journals.open(
            Journal(
                run_id=self.run_id,
                target=self.target,
                snapshot=snapshot,
                neighbours=neighbours,
                dry_run_before=dry,
                previous_image_id=snapshot.container_image_id,
                tag_image_id=snapshot.image_id,
                opened_at=datetime.now(UTC),
            )
        )

    async def build(self, *files: str, build: bool = True) -> BuildResult:
        """Run the build step."""
        return await self.build_of(self.plan(*files, build=build))

    async def build_of(self, plan: ActionPlan) -> BuildResult:
        """Run the build step of a plan that was made before."""
        return await self._build.build(BuildInput(run=self.ref, target=self.target, plan=plan))

    async def restart(self, *files: str, force_recreate: bool = False) -> RestartResult:
        """Run the restart step."""
        plan = self.plan(*files, force_recreate=force_recreate)
        return await self._restart.restart(RestartInput(run=self.ref, target=self.target, plan=plan))

    async def verify(self, rules: Verification = QUICK) -> VerifyResult:
        """Run the verify step."""
        return await self._verify.verify(VerifyInput(run=self.ref, target=self.target, verification=rules))

    async def text(self, artifacts: tuple[RunArtifact, ...], name: str) -> str:
        """The content of one of the artifacts, checked against its checksum."""
        (artifact,) = (artifact for artifact in artifacts if artifact.name == name)
        return (await self.artifacts.read(artifact)).decode()

    def growing(self, name: str) -> Path | None:
        """The file of an artifact, also while it is still being written."""
        stored = DirectoryDepot(self.state.artifact_root).path(self.run_id, name)
        places = (self.artifacts.waiting.path(self.run_id, name), stored)
        return next((path for path in places if path.exists()), None)

    async def containers(self) -> tuple[ContainerState, ...]:
        """The target's containers now."""
        return await self.engine.containers(self.sandbox.name, "api")

    async def close(self) -> None:
        """Let go of held images and connections."""
        await self.engine.release_hold(self.run_id)
        self.engine.client.close()


def inside(port: int = 8000, path: str = "/", status: int = 200) -> HttpProbe:
    """A probe from the container's own network."""
    return HttpProbe(url=f"http://127.0.0.1:{port}{path}", vantage=Vantage.TARGET, status=status)
