"""Everything that could grow, counted at one instant at which no run is under way."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel
from temporalio.client import Client

from activities.adapters.docker_images import HELD_REPOSITORY
from tests.chaos.measure import OWNER_LABEL, RUN_LABEL
from tests.chaos.world import World


class Sample(BaseModel):
    """One look."""

    runs: int
    """How many had ended in this stretch."""
    seconds: float
    """Since the stretch began."""
    life: int
    """Process id of the worker: another one after a kill."""
    numbers: dict[str, float]
    """Series -> what was counted."""


async def sample(world: World, temporal: Client, runs: int, seconds: float) -> Sample:
    """Look at the worker, the Docker daemon, the disk and the Temporal server."""
    assert world.worker.process is not None, "a sample is taken while the worker runs"
    pid = world.worker.process.pid
    numbers = await asyncio.to_thread(_here, world, pid)
    numbers |= {"open_workflows": float((await temporal.count_workflows("ExecutionStatus='Running'")).count)}
    return Sample(runs=runs, seconds=round(seconds, 1), life=pid, numbers=numbers)


async def histories(temporal: Client, workflow_ids: Iterable[str]) -> dict[str, float]:
    """The largest history among these runs: events and bytes."""
    events, size = 0, 0
    for workflow_id in workflow_ids:
        found = await temporal.get_workflow_handle(workflow_id).describe()
        events = max(events, found.history_length)
        size = max(size, found.raw_info.history_size_bytes)
    return {"history_events": float(events), "history_bytes": float(size)} if events else {}


def _here(world: World, pid: int) -> dict[str, float]:
    return {**_process(pid), **_daemon(world), **_files(world)}


def _process(pid: int) -> dict[str, float]:
    place = Path("/proc", str(pid))
    status = dict(
        line.split(":", 1)
        for line in (place / "status").read_text(encoding="utf-8").splitlines()
        if ":" in line
    )
    return {
        "worker_rss_mib": round(int(status["VmRSS"].split()[0]) / 1024, 2),
        "worker_descriptors": float(len(list((place / "fd").iterdir()))),
        "worker_threads": float(status["Threads"]),
        "worker_children": float(sum(_parent(entry) == pid for entry in Path("/proc").iterdir())),
    }


def _parent(entry: Path) -> int | None:
    if not entry.name.isdigit():
        return None
    try:
        return int((entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    except OSError:  # gone meanwhile
        return None


def _daemon(world: World) -> dict[str, float]:
    """What is there for the sake of held images is counted apart: a few of them stay by design."""
    containers = world.engine.containers.list(all=True, ignore_removed=True)
    holders = [one for one in containers if one.labels.get(OWNER_LABEL)]
    held = {str(one.attrs["Image"]) for one in holders}
    images = world.engine.images.list(all=True)
    others = [one for one in images if not (str(one.id) in held and all(map(_is_hold, one.tags)))]
    runs = {(one.labels[OWNER_LABEL], one.labels.get(RUN_LABEL, "")) for one in holders}
    tags = [tag for one in images for tag in one.tags]
    return {
        "containers": float(len(containers) - len(holders)),
        "images": float(len(others)),
        "dangling_images": float(sum(not one.tags for one in others)),
        "tags": float(sum(not _is_hold(tag) for tag in tags)),
        "holding_runs": float(len(runs)),
        "holding_runs_of_a_service": float(max(Counter(project for project, _ in runs).values(), default=0)),
        "held_tags_without_holder": float(
            len({tag for tag in tags if _is_hold(tag) and not _kept(tag, runs)})
        ),
        "networks": float(len(world.engine.networks.list())),
        "volumes": float(len(world.engine.volumes.list())),
    }


def _is_hold(tag: str) -> bool:
    return tag.startswith(f"{HELD_REPOSITORY}:")


def _kept(tag: str, runs: set[tuple[str, str]]) -> bool:
    """Whether a run that holds images by a container has this tag, too."""
    return any(run_id and run_id in tag for _, run_id in runs)


def _files(world: World) -> dict[str, float]:
    numbers = {
        "temporary_files": float(len(list(world.temporary.rglob("*")))),
        "buildx_files": float(_count(world.buildx)[0]),
    }
    for place in sorted(world.state.iterdir()):
        if place.is_dir():
            files, size = _count(place)
            entries = len(list(place.iterdir()))
            numbers |= {f"{place.name}_entries": float(entries), f"{place.name}_files": float(files)}
            numbers |= {f"{place.name}_kib": round(size / 1024, 1)}
    size = sum(path.stat().st_size for path in (world.root / "temporal").iterdir())
    return numbers | {"database_kib": round(size / 1024, 1)}


def _count(root: Path) -> tuple[int, int]:
    """Files, and their bytes."""
    files, size = 0, 0
    for place, _, names in os.walk(root):
        files += len(names)
        for name in names:
            with suppress(OSError):  # gone meanwhile
                size += Path(place, name).lstat().st_size
    return files, size
