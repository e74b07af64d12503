"""How a test starts a run, waits for the instant to strike, and looks at what the run left."""

import json
import time
from dataclasses import dataclass
from typing import Any

import docker

from tests.acceptance.operator import Operator
from tests.sandbox import ComposeSandbox
from workflows.models.record import RunRecord

RUN_LABEL = "io.moonmind.orchestrator.run"
HELD = "mm-orchestrator/held"


@dataclass(frozen=True)
class Before:
    """Files and image of a project, to compare with after a rollback."""

    files: dict[str, str]
    image: str
    """What the image reference of the service points to."""
    container_image: str

    @staticmethod
    def of(shop: ComposeSandbox, service: str = "api") -> "Before":
        """Measure it now."""
        container = shop.container(service)
        image = shop.engine.images.get(f"{shop.name}-{service}")
        return Before(shop.checksums(), str(image.id), str(container.attrs["Image"]))


def start(
    operator: Operator, instruction: str, *, project: str | None = None, workflow_id: str | None = None
) -> str:
    """Start a run on ``api`` with the running ``dev``, as MoonMind does; returns its run id at once."""
    request = {"service": "api", "instruction": instruction, "requested_by": "olga", "project": project}
    named = ["--workflow-id", workflow_id] if workflow_id else []
    started = operator.temporal(
        "workflow", "start", "--type", "MoonMind.OrchestratorRun", "--task-queue", "mm.orchestrator",
        "--input", json.dumps(request), "--output", "json", *named,
    )  # fmt: skip
    assert started.code == 0, started.stderr
    return str(json.loads(started.stdout)["runId"])


def ended(operator: Operator, run: str, seconds: float = 240) -> RunRecord:
    """Wait for the end of a run.

    Raises:
        AssertionError: it did not end in time.
    """
    operator.until(run, "ended", seconds)
    return operator.show(run)


def await_verify_log(operator: Operator, seconds: float = 120) -> None:
    """The verification has begun to tell."""
    deadline = time.monotonic() + seconds
    while not any(operator.state.glob("spool/*/verify.log")):
        assert time.monotonic() < deadline, "verify said nothing"
        time.sleep(0.02)


def await_two_containers(shop: ComposeSandbox, seconds: float = 90) -> None:
    """Compose has made the new container and waits for the old one to stop.

    Raises:
        AssertionError: that never happened.
    """
    deadline = time.monotonic() + seconds
    while len(shop.containers("api")) != 2:
        assert time.monotonic() < deadline, "there never were two containers"
        time.sleep(0.02)


def journals(operator: Operator) -> list[dict[str, Any]]:
    """Every journal of the state directory, as it is on disk; not those that were never opened."""
    paths = sorted((operator.state / "journals").glob("*/journal.json"))
    found = [json.loads(path.read_text()) for path in paths]
    return [journal for journal in found if "never_opened" not in journal]


def held(engine: docker.DockerClient, run: str) -> list[str]:
    """Images and containers that still hold the previous image of a run."""
    containers = engine.containers.list(all=True, filters={"label": f"{RUN_LABEL}={run}"})
    listed = engine.api.images(name=HELD)  # what other tests remove meanwhile must not be asked about
    tags = [tag for image in listed for tag in image["RepoTags"] or () if run in tag]
    return [*(str(container.name) for container in containers), *tags]
