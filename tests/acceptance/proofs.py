"""What acceptance tests ask of Docker and of files, beside what a run says of itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.acceptance.operator import Ran, artifact_text, check_artifacts
from tests.sandbox import ComposeSandbox, Fingerprint
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus, StepName, StepStatus

_DRY_RUN = re.compile(r"Container (\S+)\s+(\S+)\s*$", re.MULTILINE)
_ORCHESTRATOR_PROJECT = "io.moonmind.orchestrator.project"
_ORCHESTRATOR_RUN = "io.moonmind.orchestrator.run"
KEPT_RUNS = 3
"""So many runs per service keep their previous image after a success."""


@dataclass(frozen=True)
class Stand:
    """What must be the same again after a rollback: files, neighbours, images, other resources."""

    target: str
    image: str
    files: dict[str, str]
    neighbours: dict[str, Fingerprint]
    replicas: tuple[tuple[str, str, bool], ...]
    """Of the target: container name, image id, whether it is up."""
    reference: str | None
    """Image id that the target's image name stands for."""
    images: tuple[str, ...]
    """Every image that Compose built for the project."""
    networks: tuple[str, ...]
    volumes: tuple[str, ...]


def stand(shop: ComposeSandbox, target: str = "api", image: str | None = None) -> Stand:
    """Measure the project, with Docker's own words only."""
    image = image or f"{shop.name}-{target}"
    mine = {"label": f"com.docker.compose.project={shop.name}"}
    containers = shop.containers(target)
    up = {"running", "restarting", "paused"}
    return Stand(
        target=target,
        image=image,
        files=shop.checksums(),
        neighbours=shop.fingerprints(without=target),
        replicas=tuple((str(c.name), c.attrs["Image"], c.status in up) for c in containers),
        reference=image_id(shop, image),
        images=tuple(sorted(images_built(shop))),
        networks=tuple(sorted(str(n.name) for n in shop.engine.networks.list(filters=mine))),
        volumes=tuple(sorted(str(v.name) for v in shop.engine.volumes.list(filters=mine))),
    )


def image_id(shop: ComposeSandbox, reference: str) -> str | None:
    """What an image name stands for; None where it stands for nothing."""
    found = shop.engine.images.list(name=reference)
    return str(found[0].id) if found else None


def images_built(shop: ComposeSandbox) -> list[str]:
    """Ids of all images that Compose built for this project, with a name or without."""
    mine = {"label": f"com.docker.compose.project={shop.name}"}
    return [str(image.id) for image in shop.engine.images.list(filters=mine)]


def dry_run(shop: ComposeSandbox) -> dict[str, tuple[str, ...]]:
    """Container -> what a plain ``docker compose up -d`` would do to it, in order."""
    said = shop.compose("up", "--detach", "--dry-run")
    words: dict[str, tuple[str, ...]] = {}
    for name, word in _DRY_RUN.findall(said.stdout + said.stderr):
        words[name] = (*words.get(name, ()), word)
    return words


def step_statuses(record: RunRecord) -> dict[tuple[StepName, int], StepStatus]:
    """(step, round) -> how it ended."""
    return {(step.name, step.round): step.status for step in record.steps}


def check_succeeded(ran: Ran, shop: ComposeSandbox, *, rounds: int = 1) -> RunRecord:
    """The run says it succeeded, in so many rounds, and only the last runs' previous images are held."""
    assert ran.code == 0, f"{ran.stdout}\n{ran.stderr}"
    record = ran.record
    assert record.status is RunStatus.SUCCEEDED, record.failure
    assert record.rounds == rounds, record.steps
    assert all(step.started_at and step.completed_at for step in record.steps)
    assert record.neighbours is not None
    assert record.neighbours.untouched, record.neighbours
    check_artifacts(record, "plan.json", "analyze.log", "events.jsonl", "report.json", "manifest.json")
    assert len(held_runs(shop)) <= KEPT_RUNS
    return record


def check_refused(ran: Ran, code: str, before: Stand, after: Stand) -> RunRecord:
    """The run failed with this code before it wrote anything, and nothing at all changed."""
    assert ran.code == 5, f"{ran.stdout}\n{ran.stderr}"
    record = ran.record
    assert record.status is RunStatus.FAILED
    assert record.failure is not None
    assert record.failure.code == record.code == code, record.failure
    assert record.failure.remedy
    assert record.files_touched == ()
    assert after == before
    return record


def check_rolled_back(ran: Ran, code: str, shop: ComposeSandbox, before: Stand) -> RunRecord:
    """Exit 4, the failure documented with its evidence, and everything as before, measured here too."""
    assert stand(shop, before.target, before.image) == before, ran.stdout
    assert ran.code == 4, f"{ran.stdout}\n{ran.stderr}"
    record = ran.record
    assert record.status is RunStatus.ROLLED_BACK, record.failure
    assert record.failure is not None
    assert record.failure.code == record.code == code, record.failure
    assert record.failure.message
    assert record.failure.remedy
    check_artifacts(record, "rollback.log", *record.failure.artifacts)
    assert record.rollback is not None
    assert record.rollback.complete
    assert record.rollback.state
    assert record.rollback.state in artifact_text(record, "rollback.log")
    assert record.run_id not in held_runs(shop)
    return record


def held_runs(shop: ComposeSandbox) -> set[str]:
    """Runs that still hold a previous image of this project."""
    label = f"{_ORCHESTRATOR_PROJECT}={shop.name}"
    holders = shop.engine.containers.list(all=True, filters={"label": label})
    return {str(holder.labels[_ORCHESTRATOR_RUN]) for holder in holders}
