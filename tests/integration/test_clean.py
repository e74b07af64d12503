"""``clean`` on real files and the real Docker engine."""

import asyncio
import json
import os
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import docker
import pytest

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.docker_images import RUN_LABEL
from activities.adapters.journal import JournalEntry, JournalStore
from activities.adapters.leftovers import Leftover, Leftovers
from activities.adapters.project_lock import short_lock
from activities.adapters.state_dir import PlanStore, StateDir
from activities.adapters.throwaway import THROWAWAY_LABEL
from activities.holding import KEPT_RUNS
from tests.unit.state_samples import journal
from worker.clean import CleanReport, clean, cleaning
from worker.main import run_command_line
from worker.retention import Rules, select
from worker.settings import load_settings
from workflows.errors import OrchestratorError

LONG_AGO = datetime.now(UTC) - timedelta(days=200)


@dataclass
class Host:
    """One state directory with runs of long ago."""

    root: Path
    project: str
    state: StateDir = field(init=False)

    def __post_init__(self) -> None:
        self.state = StateDir(self.root)
        self.journals = JournalStore(self.state, now=lambda: LONG_AGO)
        self.artifacts = ArtifactStore.in_state_dir(self.state)

    def begin(self, run_id: str, **facts: object) -> None:
        """A run that changed a file and stored its plan."""
        made = journal(Path("/srv/shop"), run_id, self.project).model_copy(update=facts)
        self.journals.open(made)
        entry = JournalEntry(
            path="requirements.txt", resolved="requirements.txt", existed=True, before="0" * 64
        )
        self.journals.append_entry(self.journals.guard(run_id, made.generation, 0), entry, b"flask\n")
        PlanStore(self.state).write(run_id, "d" * 64, b"+redis\n")

    async def end(self, run_id: str) -> None:
        """It settled and reported."""
        self.journals.settle(self.journals.guard(run_id, 1, 0), by="report", outcome="succeeded")
        await self.artifacts.put(run_id, "verify.log", b"healthy\n")

    def age(self) -> None:
        """Everything here was written long ago."""
        for path in self.root.rglob("*"):
            if path.is_file():
                os.utime(path, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))

    def left(self) -> set[str]:
        """Files below the state directory that hold something of a run."""
        return {
            p.relative_to(self.root).as_posix()
            for p in self.root.rglob("*")
            if p.is_file() and p.stat().st_size
        }

    def run_to_the_end(self, *, dry_run: bool) -> CleanReport:
        """The same in an event loop of its own, as the command does it."""
        with ThreadPoolExecutor(1) as one:
            return one.submit(asyncio.run, self.clean(dry_run=dry_run)).result()

    async def clean(self, *, dry_run: bool = False, days: int = 90) -> CleanReport:
        """The command, without its view."""
        return await clean(load_settings(), Rules(datetime.now(UTC), timedelta(days=days)), dry_run=dry_run)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """With settings that lead to it."""
    root = tmp_path / "state"
    monkeypatch.setenv("MM_ORCHESTRATOR_STATE_DIR", str(root))
    return Host(root, f"clean-{secrets.token_hex(6)}")


def unique(number: int) -> str:
    """A run id that no other test's daemon objects have."""
    return f"clean-{secrets.token_hex(8)}-{number}"


async def test_files_of_settled_runs_go_and_open_ones_stay(
    host: Host, docker_engine: docker.DockerClient
) -> None:
    """The rehearsal removes nothing and says the same; a second call finds nothing."""
    done, open_run = unique(1), unique(2)
    for run_id in (done, open_run):
        host.begin(run_id)
    await host.end(done)
    host.age()
    before = host.left()
    rehearsal = await host.clean(dry_run=True)
    assert host.left() == before
    real = await host.clean()
    assert [(one.kind, one.name) for one in real.items] == [(one.kind, one.name) for one in rehearsal.items]
    assert {one.kind for one in real.items if one.run_id} == {"plan", "artifacts", "journal"}
    assert {path for path in host.left() if done in path} == {f"journals/{done}.1/journal.json"}
    assert {path for path in before if open_run in path} <= host.left()
    assert any(open_run in text and "recover" in text for text in real.kept)
    again = await host.clean()
    assert [one for one in again.items if one.run_id] == []
    assert (again.failed, again.busy) == ((), ())


async def test_a_cleaned_run_cannot_be_opened_anew(host: Host, docker_engine: docker.DockerClient) -> None:
    """A reset of its workflow meets the mark, not an empty place."""
    run_id = unique(1)
    host.begin(run_id)
    await host.end(run_id)
    host.age()
    await host.clean()
    assert host.journals.find(run_id) is None
    with pytest.raises(OrchestratorError) as refused:
        host.journals.open(journal(Path("/srv/shop"), run_id, host.project))
    assert refused.value.code == "journal_settled"


def test_an_open_journal_is_never_buried(host: Host) -> None:
    """Whoever asks; the journal and its pre-image are as they were."""
    run_id = unique(1)
    host.begin(run_id)
    before = host.left()
    with pytest.raises(OrchestratorError) as refused:
        host.journals.bury(run_id, 1)
    assert (refused.value.code, host.left()) == ("journal_open", before)


async def test_a_journal_that_cannot_be_read_keeps_its_run(
    host: Host, docker_engine: docker.DockerClient
) -> None:
    """Another version may read it, and put the files back."""
    run_id = unique(1)
    host.begin(run_id)
    (host.state.journals / f"{run_id}.1" / "journal.json").write_text("{")
    host.age()
    before = host.left()
    report = await host.clean()
    assert host.left() == before
    assert any(run_id in text for text in report.kept)


async def test_a_file_that_somebody_writes_is_left(host: Host, docker_engine: docker.DockerClient) -> None:
    """Its writer holds a lock on it; the run's journal stays with it."""
    run_id = unique(1)
    host.begin(run_id)
    await host.end(run_id)
    host.age()
    place = host.state.artifact_root / "spec_workflows" / run_id / "verify.log"
    with short_lock(place):
        report = await host.clean()
    assert any(str(place.parent) in text for text in report.busy)
    assert place.exists()
    assert host.journals.read(run_id).settled is not None


async def test_an_interrupted_call_is_finished_by_the_next(
    host: Host, docker_engine: docker.DockerClient
) -> None:
    """Here: the mark was written, the pre-image was not removed yet."""
    run_id = unique(1)
    host.begin(run_id)
    await host.end(run_id)
    (host.state.journals / f"{run_id}.1" / "journal.json").write_bytes(b'{"never_opened": true}')
    host.age()
    await host.clean()
    assert not (host.state.journals / f"{run_id}.1" / "pre").exists()


async def test_a_run_that_was_taken_up_meanwhile_is_left_alone(
    host: Host, docker_engine: docker.DockerClient
) -> None:
    """Judged old, then another generation of its journal is opened: nothing of it goes."""
    run_id = unique(1)
    host.begin(run_id)
    await host.end(run_id)
    host.age()
    rules = Rules(datetime.now(UTC), timedelta(days=90))
    job = cleaning(load_settings(), rules)
    selection = select(await job.look(), rules)
    assert any(one.left.run_id == run_id for one in selection.going)
    host.begin(run_id, generation=2)
    before = host.left()
    await job.remove(selection)
    assert (job.busy, host.left()) == ([f"run {run_id}"], before)


@pytest.mark.parametrize("steps", range(4))
async def test_a_call_that_ends_at_any_step_is_finished_by_the_next(
    host: Host, docker_engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Killed after so many removals: what is gone is gone, and the next call finds the rest."""
    first, second = unique(1), unique(2)
    for run_id in (first, second):
        host.begin(run_id)
        await host.end(run_id)
    host.age()
    taken, remove = 0, Leftovers.remove

    def remove_some(self: Leftovers, left: Leftover) -> None:
        nonlocal taken
        if taken == steps:
            raise KeyboardInterrupt
        taken += 1
        remove(self, left)

    with monkeypatch.context() as killed:
        killed.setattr(Leftovers, "remove", remove_some)
        with pytest.raises(KeyboardInterrupt):
            host.run_to_the_end(dry_run=False)
    host.run_to_the_end(dry_run=False)
    assert host.left() == {f"journals/{run_id}.1/journal.json" for run_id in (first, second)}


async def test_a_busy_project_is_skipped_and_named(host: Host, docker_engine: docker.DockerClient) -> None:
    """Its lock is held: a run is in the middle of its changes."""
    run_id = unique(1)
    host.begin(run_id)
    await host.end(run_id)
    host.age()
    before = host.left()
    async with JournalStore(host.state).locked(host.project):
        report = await host.clean()
    assert report.busy == (host.project,)
    assert host.left() == before


async def test_without_docker_journals_stay_and_the_command_fails(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only a journal knows what is left on the daemon."""
    run_id = unique(1)
    host.begin(run_id)
    await host.end(run_id)
    host.age()
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/docker.sock")
    code = await asyncio.to_thread(run_command_line, ["clean", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == 5
    assert "Docker" in told["failed"][0]
    assert {one["kind"] for one in told["items"]} == {"plan", "artifacts"}
    assert host.journals.read(run_id).settled is not None


async def test_what_cannot_be_removed_is_named(
    host: Host, docker_engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal stays for the next call."""
    run_id = unique(1)
    host.begin(run_id)
    await host.end(run_id)
    host.age()

    def refuse(path: object, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("activities.adapters.leftovers.shutil.rmtree", refuse)
    report = await host.clean()
    assert any("Permission denied" in text for text in report.failed)
    assert host.journals.read(run_id).settled is not None


def test_a_wrong_age_is_a_usage_error(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is looked at."""
    assert run_command_line(["clean", "--older-than", "1h"]) == 2
    assert "90d" in capsys.readouterr().err


@pytest.fixture
def made_here(docker_engine: docker.DockerClient) -> Iterator[list[str]]:
    """Names of containers and volumes, removed afterwards."""
    names: list[str] = []
    yield names
    for name in names:
        for collection in (docker_engine.containers, docker_engine.volumes):
            try:
                collection.get(name).remove(force=True)
            except docker.errors.NotFound:
                continue


async def test_docker_keeps_the_last_holds_and_everything_that_is_not_ours(
    host: Host, docker_engine: docker.DockerClient, base_image: str, made_here: list[str]
) -> None:
    """Held images, a renewed volume and a throwaway go; a used volume and a stranger's container stay."""
    engine = DockerEngine.from_environment(os.environ)
    image = await engine.image_id(base_image)
    assert image is not None
    runs = [unique(number) for number in range(KEPT_RUNS + 2)]
    left, used, dead, stranger = secrets.token_hex(32), secrets.token_hex(32), unique(7), unique(8)
    made_here += [stranger, dead, f"{used[:8]}-user", left, used]
    for name in (left, used):
        docker_engine.volumes.create(name)
    docker_engine.containers.create(image, name=f"{used[:8]}-user", volumes={used: {"bind": "/x"}})
    docker_engine.containers.create(image, name=stranger, labels={RUN_LABEL: runs[0]})
    docker_engine.containers.create(image, name=dead, labels={THROWAWAY_LABEL: str(int(time.time()) - 5)})
    try:
        for run_id in runs:
            host.begin(run_id, volumes_left=(left, used))
            await host.end(run_id)
            assert await engine.hold_image(image, run_id=run_id, project=host.project, service="api")
            await asyncio.sleep(1.1)  # Docker lists whole seconds
        host.age()
        report = await host.clean()
        assert report.failed == ()
        mine = {(one.kind, one.run_id) for one in report.items}
        assert {run_id for kind, run_id in mine if kind == "held image"} == set(runs[:2])
        assert set(await engine.holding_runs(host.project, "api")) == set(runs[2:])
        volumes = {volume.name for volume in docker_engine.volumes.list()}
        assert (left in volumes, used in volumes) == (False, True)
        names = {container.name for container in docker_engine.containers.list(all=True, ignore_removed=True)}
        assert (stranger in names, dead in names) == (True, False)
        assert host.journals.find(runs[0]) is None
        assert host.journals.find(runs[-1]) is not None
        assert await engine.image_id(base_image) == image
    finally:
        for run_id in runs:
            await engine.release_hold(run_id)
