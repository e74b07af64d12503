"""The patch, rollback and report steps on a real Compose project, without a workflow."""

import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from activities.adapters import journal_marks
from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.git_diff import GitDiff
from activities.adapters.holds import HoldStore
from activities.adapters.journal import Guard, Journal, JournalStore
from activities.adapters.masking import Masking
from activities.adapters.measuring import Metrics
from activities.adapters.project_resources import ProjectResources
from activities.adapters.state_dir import PlanStore, StateDir
from activities.adapters.unified_diff import make_diff
from activities.patch import Patch
from activities.report import Report
from activities.rollback import Rollback
from tests.sandbox import ComposeSandbox
from workflows.models.plan import ActionPlan, BuildStep, RestartStep
from workflows.models.snapshot import ContainerState
from workflows.models.target import BuildSpec, ComposeProject, Target
from workflows.ports import PatchInput, PatchResult, RollbackInput, RollbackResult, RunRef

RUN = f"run-{uuid4().hex[:12]}"
"""One per test process: the daemon knows held images by it."""

API_DOCKERFILE = """\
FROM python:3.13-slim
COPY requirements.txt /requirements.txt
STOPSIGNAL SIGKILL
CMD ["python", "-c", "import time; time.sleep(3600)"]
"""

COMPOSE = """\
services:
  api:
    build: ./api
    volumes: ["data:/data"]
    healthcheck:
      test: ["CMD", "true"]
      interval: 1s
      start_period: 0s
  store:
    image: python:3.13-slim
    stop_signal: SIGKILL
    command: ["python", "-c", "import time; time.sleep(3600)"]
volumes:
  data:
"""

FILES = {
    "compose.yaml": COMPOSE,
    "api/Dockerfile": API_DOCKERFILE,
    "api/requirements.txt": "flask==3.0.0\r\n# a comment of mine\r\n",
}

REQUIREMENTS = "api/requirements.txt"
BEFORE = FILES[REQUIREMENTS].encode()
AFTER = BEFORE + b"redis==5.0.0\r\n"


def sha(data: bytes | None) -> str | None:
    """SHA-256, None for no file."""
    return None if data is None else hashlib.sha256(data).hexdigest()


@dataclass
class Rig:
    """One project, one state directory, the real steps."""

    sandbox: ComposeSandbox
    root: Path
    service: str = "api"
    state: StateDir = field(init=False)

    def __post_init__(self) -> None:
        self.state = StateDir(self.root / "state")
        self.docker = DockerEngine.from_environment(os.environ)
        self.compose = ComposeRunner(dict(os.environ))
        self.journals = JournalStore(self.state, lock_timeout_seconds=60.0)
        self.plans = PlanStore(self.state)
        self.artifacts = ArtifactStore.in_state_dir(self.state)
        self.resources = ProjectResources(self.docker.client)
        masking = Masking(self.docker, self.compose)
        self.patch_step = Patch(
            self.journals,
            self.plans,
            self.docker,
            self.compose,
            self.resources,
            self.artifacts,
            masking,
            GitDiff(os.environ),
            HoldStore(self.state),
        )
        self.rollback_step = Rollback(
            self.journals,
            self.artifacts,
            self.docker,
            self.compose,
            self.resources,
            masking,
            wait_seconds=120.0,
        )
        self.report_step = Report(self.journals, self.artifacts, self.docker, Metrics())

    @property
    def workspace(self) -> Path:
        """Where the project's files are."""
        return self.sandbox.directory

    @property
    def target(self) -> Target:
        """The service under repair, as preflight would give it."""
        directory = str(self.workspace)
        return Target(
            project=ComposeProject(
                name=self.sandbox.name, working_dir=directory, config_files=(f"{directory}/compose.yaml",)
            ),
            service=self.service,
            image=f"{self.sandbox.name}-{self.service}",
            build=BuildSpec(context=f"{directory}/api", dockerfile=f"{directory}/api/Dockerfile"),
            workspace=directory,
            allow=("api/Dockerfile", "api/**/requirements*.txt"),
        )

    def run(self, round_number: int = 1, *, epoch: int = 0, run_id: str = RUN) -> RunRef:
        """What the workflow would present."""
        return RunRef(run_id=run_id, workflow_id="mm:1", round=round_number, epoch=epoch)

    def bytes_of(self, path: str) -> bytes | None:
        """A project file, None where there is none."""
        file = self.workspace / path
        return file.read_bytes() if file.exists() else None

    def plan(
        self,
        edits: dict[str, bytes],
        bases: dict[str, bytes | None] | None = None,
        steps: tuple[BuildStep | RestartStep, ...] = (),
    ) -> ActionPlan:
        """A plan that makes these files so; its diff is in the plan store as the plan step leaves it."""
        originals = {path: self.bytes_of(path) for path in edits} | (bases or {})
        diff = "".join(make_diff(path, originals[path], after) for path, after in edits.items()).encode()
        plan = ActionPlan(
            project=self.sandbox.name,
            service=self.service,
            summary="Add redis to api/requirements.txt",
            steps=steps,
            diff_sha256=hashlib.sha256(diff).hexdigest(),
            base_hashes={path: sha(before) for path, before in originals.items()},
            after_hashes={path: hashlib.sha256(after).hexdigest() for path, after in edits.items()},
            policy_digest="0" * 64,
        )
        plan = plan.model_copy(update={"digest": plan.compute_digest()})
        self.plans.write(RUN, plan.digest, diff)
        return plan

    async def patch(self, plan: ActionPlan, run: RunRef | None = None) -> PatchResult:
        """The patch step."""
        return await self.patch_step.patch(
            PatchInput(run=run or self.run(), target=self.target, plan=plan.for_execution())
        )

    async def rollback(self, *, final: bool = True, run: RunRef | None = None) -> RollbackResult:
        """The rollback step."""
        job = RollbackInput(run=run or self.run(), reason="health_timeout", final=final)
        return await self.rollback_step.rollback(job)

    async def hold(self) -> None:
        """What the build step does before it builds."""
        image = self.journal.previous_image_id
        if image is not None:
            await self.docker.hold_image(image, run_id=RUN, project=self.sandbox.name, service=self.service)

    @property
    def guard(self) -> Guard:
        """The right to change things, as the steps of the run have it."""
        return self.journals.guard(RUN, 1, self.journal.epoch)

    async def build(self) -> None:
        """What the build step does, by Compose's own command, noted as the step notes it."""
        await self.hold()
        journal_marks.begin_build(self.guard, await self.docker.image_mark(self.target.image), 1)
        self.sandbox.compose("build", self.service)
        journal_marks.end_build(self.guard, await self.docker.image_id(self.target.image))

    async def begin_up(self) -> None:
        """Note an ``up`` that has not ended: its worker may be killed at any instant from now."""
        image = await self.docker.image_id(self.target.image)
        journal_marks.begin_up(self.guard, await self.containers(), image, 1)

    async def up(self, *flags: str) -> None:
        """What the restart step does, by Compose's own command, noted as the step notes it."""
        await self.begin_up()
        self.sandbox.compose("up", "-d", "--no-deps", "--no-build", *flags, self.service)
        journal_marks.end_up(self.guard, await self.containers())

    async def build_and_restart(self) -> None:
        """Both steps."""
        await self.build()
        await self.up()

    async def containers(self) -> tuple[ContainerState, ...]:
        """The service's containers now."""
        return await self.docker.containers(self.sandbox.name, self.service)

    @property
    def journal(self) -> Journal:
        """As it is on disk now."""
        return self.journals.read(RUN)

    def with_patience(self, seconds: float) -> None:
        """How long the rollback waits for health."""
        self.rollback_step = replace(self.rollback_step, wait_seconds=seconds)

    async def text_of(self, name: str) -> str:
        """A stored artifact."""
        artifact = await self.artifacts.existing(RUN, name)
        assert artifact is not None, f"no {name}; there are {self.artifacts.names(RUN)}"
        return (await self.artifacts.read(artifact)).decode()


def wait_healthy(rig: Rig) -> None:
    """Until the api's health check passed."""
    rig.sandbox.compose("up", "-d", "--build", "--wait")


def ids(rig: Rig) -> list[str]:
    """Container ids of the api."""
    return [str(container.id) for container in rig.sandbox.containers("api")]
