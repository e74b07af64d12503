"""Patch and rollback on a real Docker engine: everything back, measured (SPEC FR-003, FR-004, FR-008)."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import docker
import pytest

from activities.adapters.workspace import FileImage, Workspace
from tests.conftest import ComposeFactory
from tests.integration.state_rig import COMPOSE, FILES, RUN, Rig
from workflows.errors import OrchestratorError
from workflows.models.snapshot import ServiceState

pytestmark = [pytest.mark.timeout(240)]

REQUIREMENTS = "api/requirements.txt"
BEFORE = FILES[REQUIREMENTS].encode()
AFTER = BEFORE + b"redis==5.0.0\r\n"


@pytest.fixture
async def rig(compose_project: ComposeFactory, tmp_path: Path) -> AsyncIterator[Rig]:
    """The usual project; nothing is started yet."""
    made = Rig(compose_project(FILES), tmp_path)
    yield made
    await made.docker.release_hold(RUN)
    made.docker.client.close()


def wait_healthy(rig: Rig) -> None:
    """Until the api's health check passed."""
    rig.sandbox.compose("up", "-d", "--build", "--wait")


def ids(rig: Rig) -> list[str]:
    """Container ids of the api."""
    return [str(container.id) for container in rig.sandbox.containers("api")]


def commit_everything(directory: Path) -> None:
    """Make it a git checkout."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=directory, check=True)


def wait_for_a_restart(rig: Rig) -> None:
    """Until Docker restarted the crashing api."""
    deadline = time.monotonic() + 60
    while not rig.sandbox.container("api").attrs["RestartCount"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)


# Patch


async def test_patch_writes_exactly_the_plan_and_keeps_the_original(rig: Rig) -> None:
    """Content, mode, journal and evidence; a retry finds everything done."""
    (rig.workspace / REQUIREMENTS).chmod(0o640)
    plan = rig.plan({REQUIREMENTS: AFTER})
    done = await rig.patch(plan)
    assert rig.bytes_of(REQUIREMENTS) == AFTER
    assert (rig.workspace / REQUIREMENTS).stat().st_mode & 0o777 == 0o640
    assert done.epoch == 1
    assert [(f.path, f.before, f.after) for f in done.files] == [
        (REQUIREMENTS, plan.base_hashes[REQUIREMENTS], plan.after_hashes[REQUIREMENTS])
    ]
    assert rig.journals.pre_image(rig.journal, REQUIREMENTS) == BEFORE
    assert rig.journal.snapshot.state is ServiceState.ABSENT
    assert [a.name for a in done.artifacts] == ["diff-before.patch", "diff-after.patch"]
    assert "not a git checkout" in await rig.text_of("diff-before.patch")
    assert "+redis==5.0.0" in await rig.text_of("diff-after.patch")
    again = await rig.patch(plan)
    assert again.files == done.files
    assert [a.sha256 for a in again.artifacts] == [a.sha256 for a in done.artifacts]
    assert rig.bytes_of(REQUIREMENTS) == AFTER


async def test_a_plan_without_files_opens_the_journal_only(rig: Rig) -> None:
    """A restart or rebuild needs a way back, too."""
    done = await rig.patch(rig.plan({}))
    assert done.files == ()
    assert done.artifacts == ()
    assert rig.journal.entries == ()


async def test_nothing_is_written_where_one_file_is_refused(rig: Rig) -> None:
    """The allow list is checked for all files before the first write (I1)."""
    for bad in ("compose.yaml", "../outside.txt"):
        plan = rig.plan(
            {REQUIREMENTS: AFTER, bad: b"x\n"}, {bad: None if "outside" in bad else COMPOSE.encode()}
        )
        with pytest.raises(OrchestratorError, match="diff_not_allowed"):
            await rig.patch(plan)
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    assert rig.journals.all() == ()
    nothing = await rig.rollback()
    assert nothing.outcome.nothing_written
    with pytest.raises(OrchestratorError, match="journal_settled"):
        await rig.patch(rig.plan({REQUIREMENTS: AFTER}))  # a zombie that comes after the rollback
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


async def test_a_file_changed_after_the_plan_is_kept(rig: Rig) -> None:
    """`foreign_change`, and the file is what the other person made it (I8)."""
    plan = rig.plan({REQUIREMENTS: AFTER})
    (rig.workspace / REQUIREMENTS).write_bytes(b"theirs\n")
    with pytest.raises(OrchestratorError, match="foreign_change"):
        await rig.patch(plan)
    assert rig.bytes_of(REQUIREMENTS) == b"theirs\n"


async def test_a_patch_that_died_between_two_files_is_finished(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retry writes the second file only; the first is not taken for somebody's change."""
    dockerfile = FILES["api/Dockerfile"].encode()
    plan = rig.plan({"api/Dockerfile": dockerfile + b"# x\n", REQUIREMENTS: AFTER})
    real = Workspace.write_atomic
    written: list[str] = []

    def dies(self: Workspace, path: str, *args: object) -> None:
        if written:
            raise MemoryError("killed")
        written.append(path)
        real(self, path, *args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "write_atomic", dies)
        with pytest.raises(MemoryError):
            await rig.patch(plan)
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    await rig.patch(plan)
    assert rig.bytes_of(REQUIREMENTS) == AFTER
    assert rig.bytes_of("api/Dockerfile") == dockerfile + b"# x\n"
    outcome = (await rig.rollback()).outcome
    assert outcome.complete
    assert rig.bytes_of("api/Dockerfile") == dockerfile


async def test_a_cancelled_patch_keeps_the_lock_until_its_last_write_has_ended(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback that follows at once must not be overtaken by the write of a thread (I4, I7)."""
    plan, begun, write = rig.plan({REQUIREMENTS: AFTER}), asyncio.Event(), Workspace.write_atomic
    loop = asyncio.get_running_loop()

    def slow(self: Workspace, path: str, image: FileImage, expect: str | None) -> None:
        loop.call_soon_threadsafe(begun.set)
        time.sleep(1.0)
        write(self, path, image, expect)

    monkeypatch.setattr(Workspace, "write_atomic", slow)
    patch = asyncio.create_task(rig.patch(plan))
    await begun.wait()
    patch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await patch
    monkeypatch.setattr(Workspace, "write_atomic", write)
    assert (await rig.rollback()).outcome.complete
    await asyncio.sleep(1.5)
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


async def test_a_later_round_is_cumulative_against_the_originals(rig: Rig) -> None:
    """Round 2 changes one file anew, gives one back, and makes one; the rollback point stays round 1's."""
    dockerfile = FILES["api/Dockerfile"].encode()
    first = await rig.patch(rig.plan({"api/Dockerfile": dockerfile + b"# x\n", REQUIREMENTS: AFTER}))
    second = AFTER + b"celery==5.3.0\r\n"
    bases: dict[str, bytes | None] = {REQUIREMENTS: BEFORE, "api/requirements-new.txt": None}
    plan = rig.plan({REQUIREMENTS: second, "api/requirements-new.txt": b"made\n"}, bases)
    done = await rig.patch(plan, rig.run(2, epoch=first.epoch))
    assert rig.bytes_of(REQUIREMENTS) == second
    assert rig.bytes_of("api/Dockerfile") == dockerfile
    assert rig.bytes_of("api/requirements-new.txt") == b"made\n"
    assert {f.path: f.before == f.after for f in done.files} == {
        REQUIREMENTS: False,
        "api/requirements-new.txt": False,
        "api/Dockerfile": True,
    }
    assert [a.name for a in done.artifacts] == ["diff-before.2.patch", "diff-after.2.patch"]
    assert rig.journals.pre_image(rig.journal, REQUIREMENTS) == BEFORE
    assert (await rig.rollback()).outcome.complete
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    assert rig.bytes_of("api/requirements-new.txt") is None


async def test_another_runs_open_journal_is_respected(rig: Rig) -> None:
    """`project_busy` names the run to watch or recover (I7)."""
    await rig.patch(rig.plan({}))
    with pytest.raises(OrchestratorError, match=f"project_busy.*{RUN}"):
        await rig.patch(rig.plan({REQUIREMENTS: AFTER}), rig.run(run_id="run-0002"))
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


async def test_uncommitted_edits_are_shown_kept_and_restored(rig: Rig) -> None:
    """With git: evidence of the user's own edits, no change to the index, rollback to exactly them (I8)."""
    commit_everything(rig.workspace)
    edited = b"flask==3.1.0\r\n# a comment of mine\r\nmine==1\r\n"
    (rig.workspace / REQUIREMENTS).write_bytes(edited)
    index = (rig.workspace / ".git/index").read_bytes()
    done = await rig.patch(rig.plan({REQUIREMENTS: edited + b"redis==5.0.0\r\n"}))
    before, after = await rig.text_of("diff-before.patch"), await rig.text_of("diff-after.patch")
    assert "+mine==1" in before
    assert "redis" not in before
    assert "+mine==1" in after
    assert "+redis==5.0.0" in after
    assert done.warnings == (f"{REQUIREMENTS}: uncommitted edits are there; they are kept",)
    assert (rig.workspace / ".git/index").read_bytes() == index
    assert (await rig.rollback()).outcome.complete
    assert rig.bytes_of(REQUIREMENTS) == edited
    assert (rig.workspace / ".git/index").read_bytes() == index


# Rollback


async def test_running_and_healthy_before(rig: Rig) -> None:
    """Files, image, reference and health are back, the neighbour was never touched, all of it measured."""
    wait_healthy(rig)
    old_image = rig.sandbox.container("api").image.id
    neighbours = rig.sandbox.fingerprints(without="api")
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    assert rig.sandbox.container("api").image.id != old_image
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert done.outcome.state == "api runs its previous image again and is healthy."
    assert done.outcome.image_id_before == done.outcome.image_id_after == old_image
    assert rig.sandbox.container("api").image.id == old_image
    assert rig.sandbox.container("api").status == "running"
    assert await rig.docker.image_id(rig.target.image) == old_image
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    assert rig.sandbox.fingerprints(without="api") == neighbours
    assert done.neighbours is not None
    assert done.neighbours.untouched
    assert "data that the service wrote" in done.outcome.not_undone[0]
    log = await rig.text_of("rollback.log")
    assert f"{REQUIREMENTS} was restored byte for byte." in log
    assert "Recreate" in log
    assert rig.journal.settled is None  # the report settles it
    assert rig.journal.rollback == done.outcome


async def test_containers_that_were_not_reached_are_not_touched(rig: Rig) -> None:
    """Failed while building: files and reference go back, the container goes on as if nothing happened."""
    wait_healthy(rig)
    before = rig.sandbox.fingerprints()
    old_image = rig.sandbox.container("api").image.id
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.hold()
    rig.sandbox.compose("build", "api")
    assert await rig.docker.image_id(rig.target.image) != old_image
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert "never replaced" in done.outcome.state
    assert done.outcome.not_undone == ()
    assert rig.sandbox.fingerprints() == before
    assert await rig.docker.image_id(rig.target.image) == old_image


async def test_stopped_before(rig: Rig) -> None:
    """A stopped service is stopped again, on its previous image."""
    wait_healthy(rig)
    rig.sandbox.compose("stop", "-t", "1", "api")
    old_image = rig.sandbox.container("api").image.id
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    assert rig.sandbox.container("api").status == "running"
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert done.outcome.state == "api is stopped, as before."
    assert rig.sandbox.container("api").status in {"created", "exited"}
    assert rig.sandbox.container("api").image.id == old_image


async def test_a_stopped_container_that_was_only_started(rig: Rig) -> None:
    """A plain restart starts the very container; the rollback stops it."""
    wait_healthy(rig)
    rig.sandbox.compose("stop", "-t", "1", "api")
    container = ids(rig)
    await rig.patch(rig.plan({}))
    rig.sandbox.compose("up", "-d", "--no-deps", "--no-build", "api")
    assert ids(rig) == container
    assert (await rig.rollback()).outcome.complete
    assert ids(rig) == container
    assert rig.sandbox.container("api").status == "exited"


async def test_absent_before(rig: Rig, docker_engine: docker.DockerClient) -> None:
    """Container, image, network and volume of this run go; what was there before stays."""
    rig.sandbox.compose("up", "-d", "store")
    neighbours = rig.sandbox.fingerprints()
    mine = {"label": f"com.docker.compose.project={rig.sandbox.name}"}
    networks = [network.id for network in docker_engine.networks.list(filters=mine)]
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    assert [v.name for v in docker_engine.volumes.list(filters=mine)] == [f"{rig.sandbox.name}_data"]
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert done.outcome.state == "api has no container, as before."
    assert ids(rig) == []
    assert await rig.docker.image_id(rig.target.image) is None
    assert docker_engine.volumes.list(filters=mine) == []
    assert [network.id for network in docker_engine.networks.list(filters=mine)] == networks
    assert rig.sandbox.fingerprints() == neighbours


async def test_a_whole_project_absent_before(rig: Rig, docker_engine: docker.DockerClient) -> None:
    """The network that Compose made for the first container goes, too; somebody's new volume stays."""
    mine = {"label": f"com.docker.compose.project={rig.sandbox.name}"}
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    docker_engine.volumes.create(
        f"{rig.sandbox.name}_theirs", labels={"com.docker.compose.project": rig.sandbox.name}
    )
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert docker_engine.networks.list(filters=mine) == []
    assert [v.name for v in docker_engine.volumes.list(filters=mine)] == [f"{rig.sandbox.name}_theirs"]
    assert f"Volume {rig.sandbox.name}_theirs is new but not known to be this run's" in await rig.text_of(
        "rollback.log"
    )


async def test_reference_and_container_on_different_images(rig: Rig) -> None:
    """The container runs its old image again, and the reference points to the other one again."""
    wait_healthy(rig)
    container_image = rig.sandbox.container("api").image.id
    rig.sandbox.write("api/requirements.txt", "built but never deployed\n")
    rig.sandbox.compose("build", "api")
    tag_image = await rig.docker.image_id(rig.target.image)
    assert tag_image != container_image
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert rig.sandbox.container("api").image.id == container_image
    assert await rig.docker.image_id(rig.target.image) == tag_image
    await rig.docker.release_hold(RUN)
    assert rig.sandbox.container("api").status == "running"


async def test_renewed_anonymous_volumes_do_not_come_along(
    compose_project: ComposeFactory, tmp_path: Path, docker_engine: docker.DockerClient
) -> None:
    """The restart renewed them for the new dependencies; the old image gets its own, nothing is left."""
    hidden = COMPOSE.replace('["data:/data"]', '["/dependencies"]')
    dockerfile = FILES["api/Dockerfile"].replace("/requirements.txt", "/dependencies/requirements.txt")
    rig = Rig(compose_project(FILES | {"compose.yaml": hidden, "api/Dockerfile": dockerfile}), tmp_path)
    wait_healthy(rig)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    (former,) = rig.journal.anonymous_volumes
    await rig.hold()
    rig.sandbox.compose("build", "api")
    rig.sandbox.compose("up", "-d", "--no-deps", "--no-build", "--renew-anon-volumes", "api")
    (renewed,) = [m["Name"] for m in rig.sandbox.container("api").attrs["Mounts"]]
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    inside = rig.sandbox.container("api").exec_run(["cat", "/dependencies/requirements.txt"])
    assert inside.output == BEFORE
    assert any(former in lasting for lasting in done.outcome.not_undone)
    volumes = {volume.name for volume in docker_engine.volumes.list()}
    assert former in volumes
    assert renewed not in volumes
    docker_engine.volumes.get(former).remove()
    await rig.docker.release_hold(RUN)


async def test_anonymous_volumes_with_data_are_carried_back(
    compose_project: ComposeFactory, tmp_path: Path
) -> None:
    """Where nobody renewed them, they are the service's data: old, new and old container share them."""
    rig = Rig(compose_project(FILES | {"compose.yaml": COMPOSE.replace("data:/data", "/data")}), tmp_path)
    wait_healthy(rig)
    rig.sandbox.container("api").exec_run(["sh", "-c", "echo mine > /data/row"])
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    assert (await rig.rollback()).outcome.complete
    assert rig.sandbox.container("api").exec_run(["cat", "/data/row"]).output == b"mine\n"
    await rig.docker.release_hold(RUN)


async def test_replicas_come_back_as_many_as_they_were(rig: Rig) -> None:
    """Two replicas before, two after, each on the old image."""
    rig.sandbox.compose("up", "-d", "--build", "--wait", "--scale", "api=2")
    old = {str(c.name): c.image.id for c in rig.sandbox.containers("api")}
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.hold()
    rig.sandbox.compose("build", "api")
    rig.sandbox.compose("up", "-d", "--no-deps", "--no-build", "--scale", "api=2", "api")
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert {str(c.name): c.image.id for c in rig.sandbox.containers("api")} == old


async def test_a_killed_up_that_left_both_containers(rig: Rig) -> None:
    """The old one was renamed and stopped, the new one created: the old one gets its name and runs again."""
    wait_healthy(rig)
    old = rig.sandbox.container("api")
    name = str(old.name)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.hold()
    rig.sandbox.compose("build", "api")
    rig.sandbox.compose("create", "--no-build", "--no-recreate", "--scale", "api=2", "api")
    old.rename(f"{str(old.id)[:12]}_{name}")
    old.stop(timeout=1)
    assert len(ids(rig)) == 2
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert ids(rig) == [str(old.id)]
    assert str(rig.sandbox.container("api").name) == name
    assert rig.sandbox.container("api").status == "running"


async def test_the_old_image_is_gone_after_all(rig: Rig, docker_engine: docker.DockerClient) -> None:
    """It is built again from the restored files, and that is said."""
    wait_healthy(rig)
    old_image = str(rig.sandbox.container("api").image.id)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    rig.sandbox.compose("build", "api")
    rig.sandbox.compose("up", "-d", "--no-deps", "--no-build", "api")
    docker_engine.images.remove(old_image, force=True)
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert done.outcome.rebuilt
    assert "rebuilt, not identical" in done.outcome.state
    inside = rig.sandbox.container("api").exec_run(["cat", "/requirements.txt"])
    assert inside.output == BEFORE


async def test_a_crash_looping_service_is_led_back_to_its_crash_loop(
    compose_project: ComposeFactory, tmp_path: Path
) -> None:
    """Restored to its previous, unhealthy state: said truthfully, and not waited for."""
    broken = FILES | {
        "api/Dockerfile": "FROM python:3.13-slim\nCOPY requirements.txt /\nCMD python -c 'exit(3)'\n",
        "compose.yaml": "services:\n  api:\n    build: ./api\n    restart: always\n",
    }
    rig = Rig(compose_project(broken), tmp_path)
    rig.sandbox.up()
    wait_for_a_restart(rig)
    old_image = rig.sandbox.container("api").image.id
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    rig.with_patience(3600.0)  # the test's own time limit proves that this was not waited for
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert "restored to its previous, unhealthy state" in done.outcome.state
    assert rig.sandbox.container("api").image.id == old_image
    await rig.docker.release_hold(RUN)


async def test_somebody_elses_edit_survives_and_is_reported(rig: Rig) -> None:
    """Incomplete, with the file named; the service itself is led back all the same (I8)."""
    wait_healthy(rig)
    old_image = rig.sandbox.container("api").image.id
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    (rig.workspace / REQUIREMENTS).write_bytes(b"theirs\n")
    done = await rig.rollback()
    assert not done.outcome.complete
    assert done.outcome.foreign_changes == (REQUIREMENTS,)
    assert done.outcome.mismatches == (f"{REQUIREMENTS} is not as it was",)
    assert rig.bytes_of(REQUIREMENTS) == b"theirs\n"
    assert rig.sandbox.container("api").image.id == old_image
    (rig.workspace / REQUIREMENTS).write_bytes(AFTER)  # the person takes the edit back
    assert (await rig.rollback()).outcome.complete
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


async def test_an_interim_rollback_settles_its_generation(rig: Rig) -> None:
    """Between rounds: settled, the image let go, a retry hears the same, a late step changes nothing."""
    wait_healthy(rig)
    patched = await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    done = await rig.rollback(final=False)
    assert done.outcome.complete, done.outcome.mismatches
    settled = rig.journal.settled
    assert settled is not None
    assert (settled.by, settled.outcome) == ("rollback", "rolled_back")
    assert RUN not in await rig.docker.holds()
    again = await rig.rollback(final=False)
    assert again.outcome == done.outcome
    with pytest.raises(OrchestratorError, match="journal_settled"):
        await rig.patch(rig.plan({REQUIREMENTS: AFTER}), rig.run(2, epoch=patched.epoch))
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


async def test_a_late_step_of_a_rolled_back_run_changes_nothing(rig: Rig) -> None:
    """The epoch was raised before anything was put back."""
    patched = await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    assert (await rig.rollback()).outcome.complete
    with pytest.raises(OrchestratorError, match="settled by rollback"):
        await rig.patch(rig.plan({REQUIREMENTS: AFTER}), rig.run(1, epoch=patched.epoch))
    with pytest.raises(OrchestratorError, match="journal_settled"):
        async with rig.journals.holding(rig.sandbox.name, RUN, 1, patched.epoch):
            raise AssertionError("a late build was let in")
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


@pytest.mark.parametrize("after_seconds", [0.0, 0.3, 0.8, 1.6])
async def test_a_rollback_that_is_killed_is_simply_done_again(rig: Rig, after_seconds: float) -> None:
    """Cut off at some instant; the next attempt finds out what is left to do."""
    wait_healthy(rig)
    old_image = rig.sandbox.container("api").image.id
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    first = asyncio.create_task(rig.rollback())
    await asyncio.wait([first], timeout=after_seconds)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    assert [c.image.id for c in rig.sandbox.containers("api")] == [old_image]
    assert await rig.docker.image_id(rig.target.image) == old_image
    assert str(rig.sandbox.container("api").name) == f"{rig.sandbox.name}-api-1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_owner_and_mode_come_back(rig: Rig) -> None:
    """A worker that runs as root leaves the user's files the user's, also those it makes."""
    for path in (rig.workspace / "api", rig.workspace / REQUIREMENTS):
        os.chown(path, 1234, 1234)
    (rig.workspace / REQUIREMENTS).chmod(0o660)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER, "api/requirements-new.txt": b"x\n"}))
    for path in (REQUIREMENTS, "api/requirements-new.txt"):
        assert (rig.workspace / path).stat().st_uid == 1234
    assert (await rig.rollback()).outcome.complete
    status = (rig.workspace / REQUIREMENTS).stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (1234, 1234, 0o660)
